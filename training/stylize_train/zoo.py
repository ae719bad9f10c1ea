"""The styles that ship: their list, and the table of models/README.md, with what others reach, measured in one go."""

import json
import tomllib
from dataclasses import dataclass, field
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
#: What ships of each tier. The fine one is for cards, which take halves, and all files together are to stay small.
PRECISIONS = {"live": ["fp16", "int8"], "fine": ["fp16"]}


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
    #: Of its pictures, which it does not say itself.
    range: str


@dataclass(frozen=True)
class Listed:
    """What a list of styles holds."""

    styles: list[Style]
    peers: list[Peer]
    #: Of the weights.
    licence: str | None


@dataclass(frozen=True)
class Entry:
    """A model, and the painting that it is to look like."""

    model: Path
    painting: Path
    #: Keys of the contract, which go before what the model says itself.
    said: dict[str, str] = field(default_factory=dict)


def load(path: Path) -> Listed:
    """A TOML file."""
    try:
        listed = tomllib.loads(path.read_text())
        styles = [Style(**style) for style in listed["styles"]]
        peers = [Peer(**peer) for peer in listed["peers"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no list of styles ({error})") from error
    strangers = {peer.style for peer in peers} - {style.name for style in styles}
    if strangers:
        raise UserError(f"{path}: has peers of {', '.join(sorted(strangers))}, which it does not list")
    return Listed(styles, peers, listed.get("licence"))


def entries(listed: Path, models: Path, paintings: Path, peer_models: Path | None) -> list[Entry]:
    """The models of the zoo that are there, and all peers: a row that is gone from the table would not be missed."""
    zoo = load(listed)
    painting_of = {style.name: paintings / style.painting for style in zoo.styles}
    names = {path: path.name.split(".")[0] for path in sorted(models.glob("*.onnx"))}
    found = [Entry(path, painting_of[name]) for path, name in names.items() if name in painting_of]
    if not found:
        raise UserError(f"--models {models}: no models of the styles in {listed}")
    if zoo.peers and peer_models is None:
        raise UserError(f"{listed} names networks of others: --peer-models DIR says where they are")
    found += [Entry(peer_models / peer.model, painting_of[peer.style], {"range": peer.range}) for peer in zoo.peers]
    for path in (path for entry in found for path in (entry.model, entry.painting)):
        if not path.is_file():
            raise UserError(f"{path}: no such file, and {listed} names it")
    return found


def row(entry: Entry, features: Features, material: Material) -> str:
    """One line of the table."""
    model = Model(entry.model, entry.said)
    figures = measure(model, load_picture(entry.painting, SIDE), features, material)
    kmac = model.kmac_per_pixel()
    arithmetic = "–" if kmac is None else f"{kmac:.1f}"
    megabytes = entry.model.stat().st_size / 1e6
    return f"| {entry.model.stem} | {arithmetic} | {megabytes:.2f} | {_psnr(entry.model)} | {cells(figures)} |"


def _psnr(model: Path) -> str:
    """Of `NAME.TIER.PRECISION.onnx` to PyTorch, from the report beside it; somebody else's has none."""
    stem, _, precision = model.stem.rpartition(".")
    report = model.with_name(f"{stem}.json")
    decibels = json.loads(report.read_text())["psnr_db"].get(precision) if report.exists() else None
    return "–" if decibels is None else f"{decibels:.1f}"


def cells(figures: Figures) -> str:
    """Figures as cells of a Markdown table."""
    warping = "–" if figures.warping is None else f"{figures.warping:.4f}"
    return f"{figures.content:.2f} | {figures.style:.3f} | {warping} | {figures.flicker:.2f} | {figures.lattice:.2f}"


def around_table(readme: Path) -> tuple[str, str]:
    """What stands before the table and behind it, marks included."""
    try:
        before, rest = readme.read_text().split(BEGIN)
        _, after = rest.split(END)
    except (OSError, ValueError) as error:
        raise UserError(f"{readme}: the table goes between {BEGIN} and {END}, once each ({error})") from error
    return before + BEGIN, END + after


def put(readme: Path, around: tuple[str, str], rows: list[str]) -> None:
    """Replaces the table."""
    before, after = around
    readme.write_text("\n".join((before, "", *HEAD, *rows, "", after)))
