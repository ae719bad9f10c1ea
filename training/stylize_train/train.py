"""Feed-forward training (Johnson et al. 2016): a network learns to paint any picture in one style, or a base in many.

Beside content and style, one loss makes the result steady and free of grid and frame: a part of the input, cut out anywhere, and
noisy, must give that part of the result. PixelShuffle's lattice, a frame along the border, and the shimmer of a video all stand
against that.
"""

import copy
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from PIL import Image
from tqdm import tqdm

from . import checkpoint, quantised
from .data import Content, in_a_row, load_picture, open_picture, to_picture
from .errors import UserError
from .features import LAST_CONTENT, Features
from .losses import (
    colours,
    content_distance,
    lattice_distance,
    out_of_range,
    palette_distance,
    style_distance,
    style_target,
    tone_distance,
    total_variation,
)
from .muon import Muon
from .network import MULTIPLE_OF, StyleNet, Tier, bordered, inside, stylize

#: Pixels by which a part is smaller than the whole, in the loss of steadiness: farther than a frame would reach inwards.
SHIFT = 48
NOISE = 0.02
GRADIENT_LIMIT = 5.0
WARM_UP_STEPS = 50
#: Short side of the painting.
STYLE_SIDE = 384
#: In which colours are compared in a step.
DIRECTIONS = 8
#: Of training, that are lost at most where it is killed.
SAVED_EVERY_SECONDS = 60
#: That tell how long one takes.
TIMED_STEPS = 8


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. It stands in the checkpoint; resuming with another is refused."""

    steps: int = 2000
    batch: int = 4
    crop: int = 256
    rate: float = 2e-3
    style_weight: float = 8.0
    shift_weight: float = 100.0
    palette_weight: float = 1.0
    tone_weight: float = 1.0
    lattice_weight: float = 10.0
    variation_weight: float = 1e-4
    range_weight: float = 0.5
    style_side: int = STYLE_SIDE
    #: Sizes of the painting whose strokes are learned, each half of the one before.
    style_scales: int = 3
    #: Share of the steps, the first ones, in which the norms go by the statistics of each picture.
    free_norms: float = 0.6
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

    def __init__(
        self,
        tier: Tier,
        recipe: Recipe,
        features: Features,
        paintings: list[Path],
        device: torch.device,
        start: Path | None = None,
        start_style: str | None = None,
    ):
        # A part of it must be larger than the border that is reflected.
        smallest = SHIFT + (tier.pad // MULTIPLE_OF + 1) * MULTIPLE_OF
        if recipe.crop % MULTIPLE_OF or recipe.crop < smallest:
            raise UserError(f"crops of {recipe.crop} pixels: a multiple of {MULTIPLE_OF} from {smallest} on is needed")
        self.recipe, self.device = recipe, device
        self.features = features.to(device)
        pictures = [load_picture(path, recipe.style_side).to(device) for path in paintings]
        self.targets = [style_target(self.features, picture, recipe.style_scales) for picture in pictures]
        self.palettes = [colours(picture) for picture in pictures]
        if device.type == "cpu" and quantised.is_available():
            self.features = features.in_bytes_if_right(pictures[0][..., : recipe.crop, : recipe.crop])
        torch.manual_seed(recipe.seed)
        self.net = StyleNet(tier, len(paintings)).to(device, memory_format=torch.channels_last)
        if start:
            checkpoint.start_from(self.net, start, start_style)
        #: What the recipe does not say; like it, it stands in the checkpoint.
        self.begun_with = {
            "painting": checkpoint.digest(*(path.read_bytes() for path in paintings)),
            "vgg": checkpoint.digest(*(weight.cpu().numpy().tobytes() for weight in features.state_dict().values())),
            "start": checkpoint.digest(start.read_bytes(), (start_style or "").encode()) if start else "",
        }
        self.optimizers = optimizers_of(self.net, recipe.rate)
        self.step_count = 0
        #: Of training, from its beginning.
        self.seconds = 0.0
        self.losses = Losses()

    def step(self, content: Content) -> None:
        """One step, with one of the styles."""
        recipe = self.recipe
        # A step's chances depend on its number alone: that is what makes resuming exact.
        dice = random.Random(f"{recipe.seed} {self.step_count}")
        noise = torch.Generator().manual_seed(dice.randrange(2**31))
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = self._rate()
        self.net.train(self.step_count < recipe.free_norms * recipe.steps)
        style = dice.randrange(len(self.targets))
        original = content.batch(recipe.batch, recipe.crop + 2 * self.net.tier.pad, dice)
        loss = self._loss(original, style, dice, noise)
        if not loss.isfinite():
            raise UserError(
                f"step {self.step_count + 1}: the loss is no number any more; "
                f"begin anew with a lower --rate than {recipe.rate:g} and another --name"
            )
        self.net.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_LIMIT)
        for optimizer in self.optimizers:
            optimizer.step()
        self.net.even_phases()
        self.step_count += 1

    def _rate(self) -> float:
        """Warm-up, then half a cosine down to nothing."""
        done = torch.tensor(self.step_count / self.recipe.steps)
        warm = min(1.0, (self.step_count + 1) / WARM_UP_STEPS)
        return self.recipe.rate * warm * 0.5 * (1 + torch.cos(torch.pi * done)).item()

    def _loss(self, original: torch.Tensor, style: int, dice: random.Random, noise: torch.Generator) -> torch.Tensor:
        recipe, features = self.recipe, self.features
        styled = self._painted(original, style)
        photo = _contiguous(inside(original, self.net.tier.pad))
        found = features(styled)
        with torch.no_grad():
            wanted = features(photo, LAST_CONTENT)
        directions = F.normalize(torch.randn(3, DIRECTIONS, generator=noise), dim=0).to(self.device)
        losses = {
            "content": content_distance(found, wanted),
            "style": style_distance(features, styled, found, self.targets[style]),
            "palette": palette_distance(styled, self.palettes[style], directions),
            "tone": tone_distance(styled, photo),
            "shift": self._shift(photo, styled, style, dice, noise),
            "lattice": lattice_distance(styled),
        }
        self.losses.note(**{name: loss.item() for name, loss in losses.items()})
        return (
            losses["content"]
            + recipe.style_weight * losses["style"]
            + recipe.palette_weight * losses["palette"]
            + recipe.tone_weight * losses["tone"]
            + recipe.shift_weight * losses["shift"]
            + recipe.lattice_weight * losses["lattice"]
            + recipe.variation_weight * total_variation(styled)
            + recipe.range_weight * out_of_range(styled)
        )

    def _shift(
        self, original: torch.Tensor, styled: torch.Tensor, style: int, dice: random.Random, noise: torch.Generator
    ) -> torch.Tensor:
        """Difference between a part of the result and the result of that part, noisy; half the batch tells enough.

        The part begins anywhere, so that each phase of the 8 pixels of the coarsest grid is met, and its border is compared, too: in
        the whole the same pixels are no border.
        """
        half = max(1, len(original) // 2)
        part, wanted = _part((original[:half], styled[:half]), dice)
        part = part + NOISE * torch.randn(part.shape, generator=noise).to(self.device)
        return F.mse_loss(self._painted(bordered(part, self.net.tier), style), wanted)

    def _painted(self, original: torch.Tensor, style: int) -> torch.Tensor:
        """What the network makes of pictures with their border; in bfloat16 where that is faster, which trains as well."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_bfloat16_is_fast(self.device)):
            return self.net(original, style).float()


def seconds_of_a_step(trainer: Trainer, content: Content) -> float:
    """Mean of some, made by a copy: `trainer` stays where it is."""
    trial = copy.copy(trainer)
    trial.net = copy.deepcopy(trainer.net)
    trial.optimizers, trial.losses = optimizers_of(trial.net, trainer.recipe.rate), Losses()
    trial.step(content)  # the first prepares kernels
    since = time.monotonic()
    for _ in range(TIMED_STEPS):
        trial.step(content)
    return (time.monotonic() - since) / TIMED_STEPS


def optimizers_of(net: torch.nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for convolutions, Adam (Kingma & Ba 2015) for biases and norms, which are no matrices."""
    matrices = [weight for weight in net.parameters() if weight.ndim == 4]
    others = [weight for weight in net.parameters() if weight.ndim != 4]
    return [Muon(matrices, rate), torch.optim.Adam(others, rate, betas=(0.9, 0.99))]


def _bfloat16_is_fast(device: torch.device) -> bool:
    """Whether there are instructions for it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16", False)


def _part(pictures: tuple[torch.Tensor, ...], dice: random.Random) -> list[torch.Tensor]:
    """The same part of each: `SHIFT` pixels smaller, at a random place."""
    side = pictures[0].shape[-1] - SHIFT
    top, left = dice.randint(0, SHIFT), dice.randint(0, SHIFT)
    return [_contiguous(picture[..., top : top + side, left : left + side]) for picture in pictures]


def _contiguous(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def run(trainer: Trainer, content: Content, folder: Path, previews: list[torch.Tensor], every: int = 100) -> None:
    """Trains to the recipe's end, with checkpoints and a growing sheet of previews in `folder`; interrupted, to the end of a step."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = trainer.recipe.steps
    sheet = Sheet(folder / "previews.png", previews)
    if trainer.step_count == 0:
        sheet.path.unlink(missing_ok=True)  # of another training
    saved = time.monotonic()
    with tqdm(total=steps, initial=trainer.step_count, unit="step") as bar, _Interrupt() as interrupt:
        while trainer.step_count < steps:
            trainer.step(content)
            bar.update()
            is_shown = trainer.step_count % every == 0 or trainer.step_count == steps
            seconds = time.monotonic() - saved
            if is_shown or interrupt.is_asked or seconds > SAVED_EVERY_SECONDS:
                trainer.seconds += seconds
                saved += seconds
                checkpoint.save(trainer, folder / checkpoint.NAME)
            if is_shown:
                bar.set_postfix({name: f"{value:.3f}" for name, value in trainer.losses.values.items()})
                sheet.add(trainer.net, trainer.device)
            if interrupt.is_asked:
                raise KeyboardInterrupt(f"stopped at step {trainer.step_count} of {steps}")


class _Interrupt:
    """Ctrl-C while it is entered: noted for the end of a step, for there is no going on from half a step. A second one does not wait."""

    def __enter__(self) -> Self:
        self.is_asked = False
        self.usual = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, *_) -> None:
        self.is_asked = self.usual is not signal.SIG_IGN
        signal.signal(signal.SIGINT, self.usual)

    def __exit__(self, *_) -> None:
        signal.signal(signal.SIGINT, self.usual)


class Sheet:
    """A picture of previews: a column for each photograph, a row more at each call."""

    HEIGHT = 256

    def __init__(self, path: Path, photographs: list[torch.Tensor]):
        self.path, self.photographs = path, photographs

    def add(self, net: StyleNet, device: torch.device) -> None:
        """Appends a row: each photograph as `net` paints it now, in its first style."""
        if not self.photographs:
            return
        net.eval()
        with torch.no_grad():
            styled = [to_picture(stylize(net, photo.to(device))[0]) for photo in self.photographs]
        row = in_a_row(styled, self.HEIGHT)
        before = self._before()
        top = before.height if before else 0
        sheet = Image.new("RGB", (row.width, top + self.HEIGHT))
        if before:
            sheet.paste(before, (0, 0))
        sheet.paste(row, (0, top))
        part = self.path.with_name(self.path.name + ".part")
        sheet.save(part, format="PNG")
        os.replace(part, self.path)

    def _before(self) -> Image.Image | None:
        """The rows so far; of what is no picture, none."""
        try:
            return open_picture(self.path) if self.path.exists() else None
        except UserError:
            return None
