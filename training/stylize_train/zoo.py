"""The styles that ship: their list, and the table of models/README.md, with what others reach, measured in one go."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .data import load_picture
from .errors import UserError
from .evaluate import SIDE, Figures, Material, measure
from .features import Features
from .runner import Model

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
HEAD = (
    "| model | kMAC/px | MB | PSNR, dB | c | s | E_warp | flicker | lattice |",
    "|---|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Style:
    """A style of the zoo."""

    name: str
    #: File name, in a folder of paintings.
    painting: str
    #: Title, artist, year.
    title: str
    #: Of the painting.
    licence: str | None = None


@dataclass(frozen=True)
class Peer:
    """Somebody else's model of one of these styles."""

    model: str
    style: str
    #: 255 for models that take 0..255 and do not say so.
    scale: float


@dataclass(frozen=True)
class Entry:
    """A model, and the painting that it is to look like."""

    model: Path
    painting: Path
    scale: float | None = None


def load(path: Path) -> tuple[list[Style], list[Peer]]:
    """The list of styles and peers, a TOML file."""
    try:
        listed = tomllib.loads(path.read_text())
        return [Style(**style) for style in listed["styles"]], [Peer(**peer) for peer in listed["peers"]]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no list of styles ({error})") from error


def entries(listed: Path, models: Path, paintings: Path, peer_models: Path) -> list[Entry]:
    """The models of the zoo, and of the listed peers those that are there."""
    styles, peers = load(listed)
    painting_of = {style.name: paintings / style.painting for style in styles}
    names = {path: path.name.split(".")[0] for path in sorted(models.glob("*.onnx"))}
    own = [Entry(path, painting_of[name]) for path, name in names.items() if name in painting_of]
    others = [Entry(peer_models / peer.model, painting_of[peer.style], peer.scale) for peer in peers]
    return own + [entry for entry in others if entry.model.exists()]


def row(entry: Entry, features: Features, material: Material) -> str:
    """One line of the table."""
    model = Model(entry.model, entry.scale)
    figures = measure(model, load_picture(entry.painting, SIDE), features, material)
    megabytes = entry.model.stat().st_size / 1e6
    return f"| {entry.model.stem} | {model.kmac_per_pixel():.1f} | {megabytes:.2f} | {_psnr(entry.model)} | {cells(figures)} |"


def _psnr(model: Path) -> str:
    """Of `NAME.TIER.PRECISION.onnx` to PyTorch, from the report beside it; somebody else's has none."""
    stem, _, precision = model.stem.rpartition(".")
    report = model.with_name(f"{stem}.json")
    return f"{json.loads(report.read_text())['psnr_db'][precision]:.1f}" if report.exists() else "–"


def cells(figures: Figures) -> str:
    """Figures as cells of a Markdown table."""
    warping = "–" if figures.warping is None else f"{figures.warping:.4f}"
    return f"{figures.content:.2f} | {figures.style:.3f} | {warping} | {figures.flicker:.2f} | {figures.lattice:.2f}"


def put(readme: Path, rows: list[str]) -> None:
    """Replaces the table between its two marks."""
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text("\n".join((before + BEGIN, "", *HEAD, *rows, "", END + after)))
