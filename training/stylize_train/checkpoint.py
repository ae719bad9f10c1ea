"""The state of a training in a file, and the small files that a new style starts from."""

import json
import os
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .errors import UserError
from .network import TIERS, StyleNet, one_style
from .widen import widen

if TYPE_CHECKING:
    from .train import Trainer

NAME = "checkpoint.pt"


def save(trainer: "Trainer", path: Path) -> None:
    """Everything that the next step depends on. The file is whole at any moment."""
    state = {
        "recipe": asdict(trainer.recipe),
        "tier": trainer.net.tier.name,
        "step": trainer.step_count,
        "losses": trainer.losses.values,
        "network": trainer.net.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
    }
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def resume(trainer: "Trainer", path: Path) -> None:
    """Goes on where `save` left off."""
    state = torch.load(path, map_location=trainer.device, weights_only=True)
    before = (state["recipe"], state["tier"])
    if before != (asdict(trainer.recipe), trainer.net.tier.name):
        raise UserError(f"{path} was trained with other settings ({before}); give those, or another --name")
    trainer.net.load_state_dict(state["network"])
    for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    trainer.step_count = state["step"]
    trainer.losses.values = dict(state["losses"])


def save_start(net: StyleNet, names: list[str], path: Path) -> None:
    """The weights in half precision, a start for other styles; `names`: one for each style in it."""
    state = net.state_dict()
    weights = {key: value.detach().half().contiguous() for key, value in state.items() if value.is_floating_point()}
    save_file(weights, path, metadata={"tier": net.tier.name, "styles": json.dumps(names)})


def load_start(path: Path) -> tuple[StyleNet, list[str]]:
    """A network and the names of its styles, of what `save_start` wrote."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (no iterator)
        names = json.loads(about["styles"])
        net = StyleNet(TIERS[about["tier"]], len(names))
        net.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).replace("\n", " ")
        raise UserError(f"{path}: no network of this version of the toolkit ({reason})") from error
    return net, names


def start_from(net: StyleNet, path: Path, style: str | None = None) -> None:
    """Puts the weights of one style of `path` (its first, or `style`) into every style of `net`, which may be wider and deeper."""
    start, names = load_start(path)
    ours, theirs = (astuple(tier)[1:] for tier in (net.tier, start.tier))
    if any(own < given for own, given in zip(ours, theirs, strict=True)):
        raise UserError(f"{path} is a network of the {start.tier.name} tier, too large for the {net.tier.name} tier")
    if style is not None and style not in names:
        raise UserError(f"{path} holds {', '.join(names)}, not {style}")
    weights = {name: value for name, value in start.state_dict().items() if value.is_floating_point()}
    widen(net, one_style(weights, names.index(style) if style else 0))
