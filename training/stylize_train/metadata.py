"""What a model says of itself: the runtime's contract, in the file's `metadata_props` under `stylize.*`."""

from dataclasses import dataclass

import onnx

from .network import BLOCK, MULTIPLE_OF, OUTPUT_PAD, Tier, kmac_per_pixel

PREFIX = "stylize."


@dataclass(frozen=True)
class About:
    """What only the maker of a style knows."""

    name: str
    #: Title, artist, year.
    style_image: str
    trained_on: str
    #: Of the weights.
    licence: str | None = None
    painting_licence: str | None = None


def properties(about: About, tier: Tier, precision: str) -> dict[str, str]:
    """All keys that a model of this toolkit carries, without their prefix. `precision` is that of its numbers."""
    licence = {} if about.licence is None else {"licence": about.licence}
    return {
        "version": "1",
        "name": about.name,
        "layout": "nhwc",
        "channels": "rgb",
        "range": "0..255",
        "output_range": "0..255",
        "multiple_of": str(MULTIPLE_OF),
        "pad": str(tier.pad),
        "output_layout": f"blocks{BLOCK}",
        "output_pad": str(OUTPUT_PAD),
        "tier": tier.name,
        "precision": precision,
        "kmac_per_pixel": f"{kmac_per_pixel(tier):.2f}",
        "trained_on": about.trained_on,
        **licence,
        "style_image": about.style_image,
    }


def read(model: onnx.ModelProto) -> dict[str, str]:
    """The contract of a model, without the prefix; empty for somebody else's."""
    found = {prop.key: prop.value for prop in model.metadata_props}
    return {key.removeprefix(PREFIX): value for key, value in found.items() if key.startswith(PREFIX)}


def write(model: onnx.ModelProto, values: dict[str, str]) -> None:
    """Replaces the contract of a model."""
    onnx.helper.set_model_props(model, {PREFIX + key: value for key, value in sorted(values.items())})
