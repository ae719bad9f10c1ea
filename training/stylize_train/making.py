"""From a painting to the files of a style: trains or goes on, exports, measures, writes the card."""

import json
import re
import sys
from argparse import Namespace
from dataclasses import asdict, fields, replace
from pathlib import Path

import onnx
import torch

from . import card, checkpoint, metadata
from .data import Content, load_picture, require_folder
from .errors import UserError
from .evaluate import SIDE, content_and_style, load_photographs
from .export import export, psnr_to_torch
from .features import Features, load_features
from .losses import style_target
from .metadata import About
from .network import TIERS, StyleNet
from .runner import Model
from .train import Recipe, Trainer, run, seconds_of_a_step
from .zoo import Style

#: Photographs that previews, calibration and checks are made on, and that figures are measured on.
SHOWN, CALIBRATED, CHECKED, MEASURED = 4, 24, 3, 8
#: What takes minutes on a GPU, and on a CPU is enough from a trained start; there are fewer steps where they take more than `MINUTES_ON_CPU`.
ON_GPU, ON_CPU = Recipe(steps=4000, batch=4, crop=256), Recipe(steps=2200, batch=2, crop=192)
MINUTES_ON_CPU = 30
#: Share of the time that goes into steps; in the rest photographs are read, steps are timed, models are exported and measured.
OF_STEPS = 0.85
#: In dB, of a model in bytes to the network: with less it is seen.
LEAST_PSNR = 32


def usual_device() -> torch.device:
    """The graphics card, where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_style(style: Style, painting: Path, licence: str | None, tier: str, options: Namespace) -> None:
    """Begins, or goes on where it was stopped. `licence`: of the weights."""
    stem = f"{style.name}.{tier}"
    work, device = options.work / stem, usual_device()
    # What may be wrong is told before what takes long.
    _check_name(style.name)
    load_picture(painting)
    require_folder(options.content)
    held_out = load_photographs(options.held_out, MEASURED) if options.held_out else None
    _make_folder(options.out)
    features = load_features(options.vgg)
    trainer = _trainer(features, painting, tier, work / checkpoint.NAME, device, options)
    if not options.force:
        _spare_others(options.out, stem, trainer)
    content = Content(options.content).to(device)
    pictures = content.sample(CALIBRATED, SIDE)
    if trainer.step_count == 0:
        _fit_steps(trainer, content, options)
    run(trainer, content, work, pictures[:SHOWN])
    trained_on = options.trained_on or options.content.name
    about = About(style.name, style.title, trained_on, licence, style.licence)
    net = trainer.net.cpu().eval()
    psnr = export_all(net, about, options.precision, pictures, options.out)
    model = Model(options.out / f"{stem}.{options.precision[0]}.onnx")
    photographs = held_out or content.sample(MEASURED, SIDE)
    target = style_target(features.cpu(), load_picture(painting, SIDE))
    distances = content_and_style(photographs, [model(photo) for photo in photographs], target, features)
    figures = card.Figures(*distances, len(photographs), held_out is not None)
    begun_from = options.start and options.start.stem
    outcome = card.Outcome(trainer.losses.values, trainer.seconds, psnr, figures, begun_from, trainer.begun_with)
    checkpoint.save_start(net, [style.name], options.out / f"{stem}.safetensors")
    # Last: its presence says that the style is done.
    card.write(options.out, net, about, trainer.recipe, outcome, painting, pictures[:CHECKED])


def export_all(
    net: StyleNet, about: About, precisions: list[str], pictures: list[torch.Tensor], out: Path
) -> dict[str, float]:
    """Writes `NAME.TIER.PRECISION.onnx`; returns the PSNR of each against PyTorch."""
    _make_folder(out)
    found = {}
    for precision in precisions:
        path = out / f"{about.name}.{net.tier.name}.{precision}.onnx"
        model = export(net, about, precision, pictures)
        onnx.save(model, path)
        found[precision] = psnr_to_torch(model, net, pictures[:CHECKED])
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {found[precision]:.1f} dB PSNR against PyTorch")
        if precision == "int8" and found[precision] < LEAST_PSNR:
            print(
                f"warning: {path} is below {LEAST_PSNR} dB, which is seen; take fp16, or train longer", file=sys.stderr
            )
    return found


def about_again(name: str, tier: str, options: Namespace) -> About:
    """As the options say; what they do not say, as the model that is replaced does, or one beside the trained network."""
    folders = (options.out, options.start.parent)
    there = (path for folder in folders for path in sorted(folder.glob(f"{name}.{tier}.*.onnx")))
    path = next(there, None)
    said = metadata.read(Model(path).proto) if path else {}
    return About(
        name,
        options.title or said.get("style_image", name),
        options.trained_on or said.get("trained_on", ""),
        options.licence or said.get("licence"),
    )


def _trainer(
    features: Features, painting: Path, tier: str, saved: Path, device: torch.device, options: Namespace
) -> Trainer:
    """At its beginning, or as it was saved; by force, what was saved of another training is left."""

    def begun(before: dict[str, float]) -> Trainer:
        recipe = _recipe(device, before, options)
        return Trainer(TIERS[tier], recipe, features, [painting], device, options.start, options.start_style)

    if not saved.exists():
        return begun({})
    state = checkpoint.load(saved, device)
    trainer = begun(state["recipe"])
    different = checkpoint.others(state, trainer)
    if options.force and different:
        print(f"begins anew: {saved} was begun with {', '.join(different)}")
        return begun({})
    checkpoint.resume(trainer, saved)
    print(f"goes on from step {trainer.step_count} of {trainer.recipe.steps} ({saved})")
    return trainer


def _recipe(device: torch.device, before: dict[str, float], options: Namespace) -> Recipe:
    """As the options say; what they do not say, as the training began, here or on another device."""
    usual, names = ON_GPU if device.type == "cuda" else ON_CPU, [field.name for field in fields(Recipe)]
    begun = {name: before[name] for name in names if name in before}
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return replace(usual, **(begun | given))


def _fit_steps(trainer: Trainer, content: Content, options: Namespace) -> None:
    """As many as the time has room for, if nobody says how many. It is settled before the first, and stands in the checkpoint."""
    asked = getattr(options, "minutes", None)
    if hasattr(options, "steps") or (asked is None and trainer.device.type != "cpu"):
        return
    seconds = seconds_of_a_step(trainer, content)
    steps = max(1, int(60 * (asked or MINUTES_ON_CPU) * OF_STEPS / seconds))
    if asked is None:
        steps = min(steps, trainer.recipe.steps)
    trainer.recipe = replace(trainer.recipe, steps=steps)
    minutes = steps * seconds / OF_STEPS / 60
    print(
        f"{steps} steps of {seconds:.2f} s, about {minutes:.0f} minutes in all; --steps or --minutes would say otherwise"
    )


def _check_name(name: str) -> None:
    """It becomes a part of file names."""
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise UserError(f"--name {name}: take letters, digits, '-', '_' and '.' alone, as in my-style")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: no folder can be made there ({error.strerror})") from error


def _spare_others(out: Path, stem: str, trainer: Trainer) -> None:
    """Refuses to write over what another training made."""
    try:
        report = json.loads((out / f"{stem}.json").read_text())
        is_ours = (report.get("begun_with"), report["recipe"]) == (trainer.begun_with, asdict(trainer.recipe))
    except (OSError, ValueError):
        is_ours = trainer.step_count > 0  # it was stopped before its report was whole
    there = sorted(path.name for path in out.glob(f"{stem}.*"))
    if there and not is_ours:
        raise UserError(f"{out} holds {', '.join(there)} of another training; take another --name, or --force")
