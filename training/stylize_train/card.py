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
ROWS = (
    "paints like",
    "licence of the painting",
    "network",
    "trained on",
    "training",
    "figures",
    "against PyTorch",
    "licence of the weights",
)


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
    _write_report(folder / f"{stem}.json", {**_sizes(about, net), "recipe": asdict(recipe), **asdict(outcome)})
    losses = ", ".join(f"{name} {value:.3f}" for name, value in outcome.losses.items())
    begun = f"from {outcome.begun_from}, " if outcome.begun_from else ""
    rows = _of_export(about, net, outcome.psnr_db) | {
        "licence of the painting": about.painting_licence or "not stated",
        "training": f"{begun}{recipe.steps} steps of {recipe.batch} crops of {recipe.crop} pixels; last losses: {losses}",
        "figures": _figures(outcome.figures),
    }
    picture = f"![the painting and three photographs in its style]({stem}.jpg)"
    head = [f"# {about.name} ({net.tier.name})", "", picture, "", "| | |", "|---|---|"]
    lines = head + [_row(key, rows[key]) for key in ROWS]
    (folder / f"{stem}.md").write_text("\n".join(lines) + "\n")


def renew(folder: Path, net: StyleNet, about: About, psnr_db: dict[str, float]) -> None:
    """Puts what an export knows into the report and the card in `folder`, if they are there; all else stays."""
    stem = f"{about.name}.{net.tier.name}"
    report, card = folder / f"{stem}.json", folder / f"{stem}.md"
    if report.exists():
        before = json.loads(report.read_text())
        psnr_db = before["psnr_db"] | psnr_db
        _write_report(report, before | _sizes(about, net) | {"psnr_db": psnr_db})
    if card.exists():
        of_export = _of_export(about, net, psnr_db)
        keys = [(line, line.removeprefix("| ").split(" | ")[0]) for line in card.read_text().splitlines()]
        lines = [_row(key, of_export[key]) if key in of_export else line for line, key in keys]
        card.write_text("\n".join(lines) + "\n")


def _sizes(about: About, net: StyleNet) -> dict[str, str | float]:
    return {
        "name": about.name,
        "tier": net.tier.name,
        "kmac_per_pixel": round(kmac_per_pixel(net.tier), 2),
        "parameters": sum(p.numel() for p in net.parameters()),
    }


def _write_report(path: Path, report: dict) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n")


def _of_export(about: About, net: StyleNet, psnr_db: dict[str, float]) -> dict[str, str]:
    """Rows of the card that are known without a training."""
    sizes = _sizes(about, net)
    return {
        "paints like": about.style_image,
        "network": f"{sizes['tier']} tier, {sizes['kmac_per_pixel']} kMAC per pixel, {sizes['parameters']} parameters",
        "trained on": about.trained_on,
        "against PyTorch": ", ".join(f"{precision} {value:.1f} dB" for precision, value in psnr_db.items()),
        "licence of the weights": about.licence or "yours to choose",
    }


def _row(key: str, value: str) -> str:
    return f"| {key} | {value} |"


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
