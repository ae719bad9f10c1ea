"""Feed-forward training (Johnson et al. 2016): a network learns to paint any picture in one style, or a base in many.

Beside content and style, one loss makes the result steady and free of a grid: the input moved by a few pixels, and noisy, must
give the result moved by as much. PixelShuffle's lattice and the shimmer of a video both stand against that.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from tqdm import tqdm

from . import checkpoint, quantised
from .data import Content, in_a_row, load_picture, to_picture
from .features import LAST_CONTENT, Features
from .losses import StyleTarget, content_distance, out_of_range, style_distance, style_target, total_variation
from .network import StyleNet, Tier, stylize

#: Farther than the 8 pixels of the coarsest grid, so that each phase of it is met.
LARGEST_SHIFT = 9
NOISE = 0.02
GRADIENT_LIMIT = 5.0
WARM_UP_STEPS = 50
#: Short side of the painting.
STYLE_SIDE = 384


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. It stands in the checkpoint; resuming with another is refused."""

    steps: int = 2000
    batch: int = 4
    crop: int = 256
    rate: float = 2e-3
    style_weight: float = 10.0
    shift_weight: float = 80.0
    variation_weight: float = 1e-4
    range_weight: float = 0.5
    style_side: int = STYLE_SIDE
    seed: int = 1


@dataclass
class Losses:
    """What the last steps came to, smoothed."""

    values: dict[str, float] = field(default_factory=dict)

    def note(self, **losses: float) -> None:
        for name, value in losses.items():
            before = self.values.get(name, value)
            self.values[name] = 0.95 * before + 0.05 * value


class Trainer:
    """The state of a training, step by step. The same steps follow from the same state, resumed or not."""

    def __init__(self, tier: Tier, recipe: Recipe, features: Features, paintings: list[Path], device: torch.device):
        self.recipe, self.device = recipe, device
        self.features = features.to(device)
        self.targets = [self._target(path) for path in paintings]
        if device.type == "cpu" and quantised.is_available():
            self.features = features.in_bytes()
        torch.manual_seed(recipe.seed)
        self.net = StyleNet(tier, len(paintings)).to(device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), recipe.rate, betas=(0.9, 0.99))
        self.step_count = 0
        self.losses = Losses()

    def _target(self, path: Path) -> StyleTarget:
        return style_target(self.features, load_picture(path, self.recipe.style_side).to(self.device))

    def step(self, content: Content) -> None:
        """One step of the optimizer, with one of the styles."""
        recipe = self.recipe
        # A step's chances depend on its number alone: that is what makes resuming exact.
        dice = random.Random(f"{recipe.seed} {self.step_count}")
        noise = torch.Generator().manual_seed(dice.randrange(2**31))
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        style = dice.randrange(len(self.targets))
        original = content.batch(recipe.batch, recipe.crop, dice)
        loss = self._loss(original, style, dice, noise)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_LIMIT)
        self.optimizer.step()
        self.step_count += 1

    def _rate(self) -> float:
        """Warm-up, then half a cosine down to nothing."""
        done = torch.tensor(self.step_count / self.recipe.steps)
        warm = min(1.0, (self.step_count + 1) / WARM_UP_STEPS)
        return self.recipe.rate * warm * 0.5 * (1 + torch.cos(torch.pi * done)).item()

    def _loss(self, original: torch.Tensor, style: int, dice: random.Random, noise: torch.Generator) -> torch.Tensor:
        recipe, features = self.recipe, self.features
        styled = stylize(self.net, original, style)
        found = features(styled)
        with torch.no_grad():
            wanted = features(original, LAST_CONTENT)
        content = content_distance(found, wanted)
        painted = style_distance(features, styled, found, self.targets[style])
        shift = self._shift(original, styled, style, dice, noise)
        self.losses.note(content=content.item(), style=painted.item(), shift=shift.item())
        return (
            content
            + recipe.style_weight * painted
            + recipe.shift_weight * shift
            + recipe.variation_weight * total_variation(styled)
            + recipe.range_weight * out_of_range(styled)
        )

    def _shift(
        self, original: torch.Tensor, styled: torch.Tensor, style: int, dice: random.Random, noise: torch.Generator
    ) -> torch.Tensor:
        """Difference between the moved result and the result of the moved, noisy input; half the batch tells enough."""
        half = max(1, len(original) // 2)
        by = (dice.randint(-LARGEST_SHIFT, LARGEST_SHIFT), dice.randint(-LARGEST_SHIFT, LARGEST_SHIFT))
        moved = torch.roll(original[:half], by, (2, 3))
        moved = moved + NOISE * torch.randn(moved.shape, generator=noise).to(self.device)
        # What was rolled in from the other side is left out.
        inner = (..., slice(LARGEST_SHIFT + 1, -LARGEST_SHIFT - 1), slice(LARGEST_SHIFT + 1, -LARGEST_SHIFT - 1))
        return F.mse_loss(stylize(self.net, moved, style)[inner], torch.roll(styled[:half], by, (2, 3))[inner])


def run(trainer: Trainer, content: Content, folder: Path, previews: list[torch.Tensor], every: int = 100) -> None:
    """Trains to the recipe's end, with checkpoints and a growing sheet of previews in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = trainer.recipe.steps
    sheet = Sheet(folder / "previews.png", previews)
    with tqdm(total=steps, initial=trainer.step_count, unit="step") as bar:
        while trainer.step_count < steps:
            trainer.step(content)
            bar.update()
            if trainer.step_count % every == 0 or trainer.step_count == steps:
                bar.set_postfix({name: f"{value:.3f}" for name, value in trainer.losses.values.items()})
                checkpoint.save(trainer, folder / checkpoint.NAME)
                sheet.add(trainer.net, trainer.device)


class Sheet:
    """A picture of previews: a column for each photograph, a row more at each call."""

    HEIGHT = 256

    def __init__(self, path: Path, photographs: list[torch.Tensor]):
        self.path, self.photographs = path, photographs

    def add(self, net: StyleNet, device: torch.device) -> None:
        """Appends a row: each photograph as `net` paints it now, in its first style."""
        if not self.photographs:
            return
        with torch.no_grad():
            styled = [to_picture(stylize(net, photo.to(device))[0]) for photo in self.photographs]
        row = in_a_row(styled, self.HEIGHT)
        before = Image.open(self.path).convert("RGB") if self.path.exists() else None
        top = before.height if before else 0
        sheet = Image.new("RGB", (row.width, top + self.HEIGHT))
        if before:
            sheet.paste(before, (0, 0))
        sheet.paste(row, (0, top))
        sheet.save(self.path)
