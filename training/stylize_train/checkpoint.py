"""The state of a training in a file, and the small files that a new style starts from."""

import hashlib
import json
import os
import pickle
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .errors import UserError
from .network import TIERS, StyleNet, one_style
from .widen import widen

if TYPE_CHECKING:
    from .train import Trainer

NAME = "checkpoint.pt"
#: Keys of `Trainer.begun_with`, for people.
_SOURCES = {"painting": "painting", "vgg": "VGG19 (--vgg)", "start": "start (--start)"}


def save(trainer: "Trainer", path: Path) -> None:
    """Everything that the next step depends on. The file is whole at any moment."""
    state = {
        "recipe": asdict(trainer.recipe),
        "begun_with": trainer.begun_with,
        "tier": trainer.net.tier.name,
        "step": trainer.step_count,
        "seconds": trainer.seconds,
        "losses": trainer.losses.values,
        "network": trainer.net.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in trainer.optimizers],
    }
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save` wrote."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: no checkpoint ({reason}); remove it to begin anew") from error


def resume(trainer: "Trainer", path: Path) -> None:
    """Goes on where `save` left off."""
    state = load(path, trainer.device)
    different = others(state, trainer)
    if different:
        raise UserError(
            f"{path} was begun with {', '.join(different)}; give what it was begun with, another --name, or --force to begin anew"
        )
    trainer.net.load_state_dict(state["network"])
    for optimizer, saved in zip(trainer.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    trainer.step_count, trainer.seconds = state["step"], state["seconds"]
    trainer.losses.values = dict(state["losses"])


def others(state: dict[str, Any], trainer: "Trainer") -> list[str]:
    """What a training was begun with other than `trainer` has."""
    ours, tier = asdict(trainer.recipe), trainer.net.tier.name
    unknown = sorted(ours.keys() ^ state["recipe"].keys())
    if unknown:
        return [f"another version of this toolkit, which differs in {', '.join(unknown)}"]
    options = {name: value for name, value in state["recipe"].items() if ours[name] != value}
    if state["tier"] != tier:
        options["tier"] = state["tier"]
    sources = [name for name, value in trainer.begun_with.items() if state["begun_with"][name] != value]
    return [f"--{name.replace('_', '-')} {value}" for name, value in options.items()] + [
        f"another {_SOURCES[name]}" for name in sources
    ]


def digest(*parts: bytes) -> str:
    """A short fingerprint."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:16]


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


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """Writes the mean of two starts of one shape, named as the first; `share`: how much of it is the second."""
    (net, names), (other, _) = load_start(first), load_start(second)
    if (net.tier, len(net.leave)) != (other.tier, len(other.leave)):
        raise UserError(f"{first} and {second} are networks of different tiers or numbers of styles")
    theirs = other.state_dict()
    mean = {key: value.lerp(theirs[key], share) for key, value in net.state_dict().items() if value.is_floating_point()}
    net.load_state_dict(mean)
    save_start(net, names, out)
