"""How pictures lie in a model's tensors, by what is said of it (models/README.md): on the command line, which goes first, in a file beside
it, and by itself."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch

from .errors import UserError
from .network import BLOCK

#: Values of black and white.
RANGES = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0), "-1..1": (-1.0, 1.0)}
CHANNELS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
#: The layout in which 4x4 pixels are one position.
BLOCKS = f"blocks{BLOCK}"
#: All that can be said, and `INPUT` with a name.
KEYS = (
    "version",
    "name",
    "layout",
    "channels",
    "range",
    "mean",
    "std",
    "multiple_of",
    "pad",
    "output_layout",
    "output_range",
    "output_pad",
    "tier",
    "precision",
    "sum_bits",
    "kmac_per_pixel",
    "trained_on",
    "licence",
    "style_image",
)
#: Key of a further input's value, before its name.
INPUT = "inputs."
#: Sides must be multiples of this where nobody says: most networks halve a picture twice.
USUAL_MULTIPLE = 4


@dataclass(frozen=True)
class Contract:
    """How pictures lie in a model's tensors."""

    #: What a value in 0..1 is multiplied by, and what is added then, to go in: for red, green and blue, 3 x 1 x 1.
    gain: torch.Tensor
    bias: torch.Tensor
    #: Black and white of what comes out.
    output_range: tuple[float, float]
    is_bgr: bool
    #: None where the graph says it.
    layout: str | None
    output_layout: str | None
    multiple_of: int
    pad: int
    #: Border that the result still has.
    output_pad: int
    #: Of bytes: the bits that the sum of two products always has room in.
    sum_bits: int
    #: Values of further inputs, by name.
    constants: dict[str, float]


def in_sidecar(model: Path) -> dict[str, str]:
    """What stands in the file beside a model: for `candy.onnx` that is `candy.toml`, or `candy.onnx.toml`."""
    paths = (model.with_suffix(".toml"), model.with_name(f"{model.name}.toml"))
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text())
        inputs = table.pop("inputs") if isinstance(table.get("inputs"), dict) else {}
        values = {key.replace("-", "_"): value for key, value in table.items()}
        values |= {f"{INPUT}{name}": value for name, value in inputs.items()}
        return {known(key): _plain(value) for key, value in values.items()}
    except (OSError, ValueError) as error:
        raise UserError(f"{path.name}: {error}") from error


def known(key: str) -> str:
    """The same, if there is such a key."""
    if key not in KEYS and not (key.startswith(INPUT) and key != INPUT):
        raise ValueError(f"no key {key!r}; there are {', '.join(KEYS)} and {INPUT}NAME")
    return key


def _plain(value) -> str:
    """As the metadata would spell it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def parse(said: dict[str, str]) -> Contract:
    """Of keys without their prefix, and their values."""
    if said.get("version", "1").strip() != "1":
        raise UserError(f"version {said['version']} of the contract is not known")
    if "range" not in said:
        raise UserError("does not say the range of its pictures; add --say range=0..255 (or 0..1, or -1..1)")
    low, high = RANGES[_one_of(said, "range", RANGES)]
    mean, std = _three(said, "mean", 0.0), _three(said, "std", 1.0)
    if not std.all():
        raise _wrong(said, "std", "it is never 0")
    pad = _count(said, "pad", 0)
    output_pad = _count(said, "output_pad", pad)
    if output_pad > pad:
        raise _wrong(said, "output_pad", f"it is at most pad, which is {pad}")
    return Contract(
        gain=(high - low) / std,
        bias=(low - mean) / std,
        output_range=RANGES[_one_of(said, "output_range", RANGES) or said["range"].strip()],
        is_bgr=_one_of(said, "channels", CHANNELS) == "bgr",
        layout=_one_of(said, "layout", LAYOUTS),
        output_layout=_one_of(said, "output_layout", (*LAYOUTS, BLOCKS)),
        multiple_of=max(1, _count(said, "multiple_of", USUAL_MULTIPLE)),
        pad=pad,
        output_pad=output_pad,
        sum_bits=_count(said, "sum_bits", 32),
        constants={key.removeprefix(INPUT): _number(said, key) for key in said if key.startswith(INPUT)},
    )


def _one_of(said: dict[str, str], key: str, choices: Collection[str]) -> str | None:
    if key not in said:
        return None
    value = said[key].strip()
    if value not in choices:
        raise _wrong(said, key, f"it must be one of {', '.join(choices)}")
    return value


def _count(said: dict[str, str], key: str, usual: int) -> int:
    text = said.get(key, str(usual)).strip()
    if not text.isdecimal():
        raise _wrong(said, key, "it must be a whole number")
    return int(text)


def _number(said: dict[str, str], key: str) -> float:
    try:
        return float(said[key])
    except ValueError:
        raise _wrong(said, key, "it must be a number") from None


def _three(said: dict[str, str], key: str, usual: float) -> torch.Tensor:
    """One number for all channels, or one each: 3 x 1 x 1."""
    try:
        numbers = [float(item) for item in said.get(key, str(usual)).strip().strip("[]").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise _wrong(said, key, "it must be one number, or three for red, green, blue")
    return torch.tensor(numbers).view(-1, 1, 1).expand(3, 1, 1)


def _wrong(said: dict[str, str], key: str, reason: str) -> UserError:
    return UserError(f"{key} = {said[key]!r}: {reason}")
