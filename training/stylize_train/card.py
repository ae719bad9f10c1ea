"""A style's card: what it is, in Markdown, with a preview; and the same as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from .data import in_a_row, to_picture
from .metadata import About
from .network import StyleNet, kmac_per_pixel, stylize
from .train import Recipe

PREVIEW_SIDE = 320


@dataclass(frozen=True)
class Outcome:
    """What came out of a training."""

    #: Smoothed losses of the last steps.
    losses: dict[str, float]
    seconds: float
    #: PSNR in dB of each exported precision against PyTorch.
    psnr_db: dict[str, float]
    #: The trained network that it started from.
    begun_from: str | None


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
    figures = ", ".join(f"{name} {value:.3f}" for name, value in outcome.losses.items())
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
        f"| training | {begun}{recipe.steps} steps of {recipe.batch} crops of {recipe.crop} pixels; last losses: {figures} |",
        f"| against PyTorch | {psnr} |",
        f"| licence of the weights | {about.licence} |",
    ]
    (folder / f"{stem}.md").write_text("\n".join(lines) + "\n")


def _preview(net: StyleNet, painting: Path, photos: list[torch.Tensor]) -> Image.Image:
    """The painting, and each photograph styled, side by side at one height."""
    tiles = [Image.open(painting).convert("RGB")]
    with torch.no_grad():
        tiles += [to_picture(stylize(net.cpu(), photo)[0]) for photo in photos]
    return in_a_row(tiles, PREVIEW_SIDE)
