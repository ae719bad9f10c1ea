"""The table of models/README.md: every model of the zoo, and what others reach, measured in one go."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .data import load_picture
from .evaluate import SIDE, Figures, Material, measure
from .features import Features
from .runner import Model

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEAD = (
    "| model | kMAC/px | MB | c | s | E_warp | flicker |",
    "|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Entry:
    """A model, and the painting that it is to look like."""

    model: Path
    painting: Path
    #: 255 for models that take 0..255 and do not say so.
    scale: float | None = None


def entries(models: Path, styles: Path, peers: Path, peer_models: Path) -> list[Entry]:
    """Those of the zoo, and of the list of peers those that are there. `peers`: a TOML file."""
    listed = tomllib.loads(peers.read_text())
    own = [
        Entry(path, styles / listed["paintings"][path.name.split(".")[0]])
        for path in sorted(models.glob("*.onnx"))
        if path.name.split(".")[0] in listed["paintings"]
    ]
    others = [
        Entry(peer_models / peer["model"], styles / listed["paintings"][peer["style"]], peer["scale"])
        for peer in listed["peers"]
        if (peer_models / peer["model"]).exists()
    ]
    return own + others


def row(entry: Entry, features: Features, material: Material) -> str:
    """One line of the table."""
    model = Model(entry.model, entry.scale)
    figures = measure(model, load_picture(entry.painting, SIDE), features, material)
    megabytes = entry.model.stat().st_size / 1e6
    return f"| {entry.model.stem} | {model.kmac_per_pixel():.1f} | {megabytes:.2f} | {cells(figures)} |"


def cells(figures: Figures) -> str:
    """Figures as cells of a Markdown table."""
    warping = "–" if figures.warping is None else f"{figures.warping:.4f}"
    return f"{figures.content:.2f} | {figures.style:.3f} | {warping} | {figures.flicker:.2f}"


def put(readme: Path, rows: list[str]) -> None:
    """Replaces the table between its two marks."""
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text("\n".join((before + BEGIN, "", *HEAD, *rows, "", END + after)))
