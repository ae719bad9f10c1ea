"""A style's card: what it is, in Markdown, with a preview; and the same as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from .data import in_a_row, open_picture, to_picture
from .metadata import About
from .network import StyleNet, kmac_per_pixel, stylize
from .train import Recipe

PREVIEW_SIDE = 320


@dataclass(frozen=True)
class Figures:
    """Distances of content and style (`evaluate`), and on what they were measured."""

    content: float
    style: float
    photographs: int
    #: Whether the photographs were not trained on.
    held_out: bool


@dataclass(frozen=True)
class Outcome:
    """What came out of a training."""

    #: Smoothed losses of the last steps.
    losses: dict[str, float]
    #: Of training, of all sessions.
    seconds: float
    #: PSNR in dB of each exported precision against PyTorch.
    psnr_db: dict[str, float]
    figures: Figures
    #: The trained network that it started from.
    begun_from: str | None
    #: Digests of painting, VGG19 and start, by which the same training is known again.
    begun_with: dict[str, str]


def write(
    folder: Path,
    net: StyleNet,
    about: About,
    recipe: Recipe,
    outcome: Outcome,
    painting: Path,
    photos: list[torch.Tensor],
):
    """`NAME.TIER.md`, `NAME.TIER.jpg` and `NAME.TIER.json` into `folder`."""
    stem = f"{about.name}.{net.tier.name}"
    _preview(net, painting, photos).save(folder / f"{stem}.jpg", quality=88)
    report = {
        "name": about.name,
        "tier": net.tier.name,
        "kmac_per_pixel": round(kmac_per_pixel(net.tier), 2),
        "parameters": sum(p.numel() for p in net.parameters()),
        "recipe": asdict(recipe),
        **asdict(outcome),
    }
    (folder / f"{stem}.json").write_text(json.dumps(report, indent=2) + "\n")
    losses = ", ".join(f"{name} {value:.3f}" for name, value in outcome.losses.items())
    psnr = ", ".join(f"{precision} {value:.1f} dB" for precision, value in outcome.psnr_db.items())
    begun = f"from {outcome.begun_from}, " if outcome.begun_from else ""
    lines = [
        f"# {about.name} ({net.tier.name})",
        "",
        f"![the painting and three photographs in its style]({stem}.jpg)",
        "",
        "| | |",
        "|---|---|",
        f"| paints like | {about.style_image} |",
        f"| licence of the painting | {about.painting_licence or 'not stated'} |",
        f"| network | {net.tier.name} tier, {report['kmac_per_pixel']} kMAC per pixel, {report['parameters']} parameters |",
        f"| trained on | {about.trained_on} |",
        f"| training | {begun}{recipe.steps} steps of {recipe.batch} crops of {recipe.crop} pixels; last losses: {losses} |",
        f"| figures | {_figures(outcome.figures)} |",
        f"| against PyTorch | {psnr} |",
        f"| licence of the weights | {about.licence or 'yours to choose'} |",
    ]
    (folder / f"{stem}.md").write_text("\n".join(lines) + "\n")


def _figures(figures: Figures) -> str:
    kind = "that were not trained on" if figures.held_out else "that it was trained on"
    distances = f"content {figures.content:.2f}, style {figures.style:.3f}"
    return f"{distances}: distances on photographs {kind} ({figures.photographs})"


def _preview(net: StyleNet, painting: Path, photos: list[torch.Tensor]) -> Image.Image:
    """The painting, and each photograph styled, side by side at one height."""
    tiles = [open_picture(painting)]
    with torch.no_grad():
        tiles += [to_picture(stylize(net.cpu(), photo)[0]) for photo in photos]
    return in_a_row(tiles, PREVIEW_SIDE)
