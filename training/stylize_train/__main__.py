"""`python -m stylize_train VERB …`: make, zoo, export, golden, optimise, evaluate."""

import argparse
import sys
import time
from pathlib import Path

import onnx
import torch

from . import card, checkpoint, zoo
from .data import Content, default_content, load_picture, to_picture
from .errors import UserError
from .evaluate import SIDE, load_material
from .export import PRECISIONS, export, psnr_to_torch
from .features import load_features
from .metadata import About
from .network import TIERS, StyleNet, stylize
from .optimise import Weights, optimise
from .train import Recipe, Trainer, run

#: Photographs that previews, calibration and checks are made on.
SHOWN, CALIBRATED, CHECKED = 4, 24, 3
#: What takes minutes on a GPU, and less than half an hour on two CPU cores from a trained start.
ON_GPU, ON_CPU = Recipe(steps=4000, batch=4, crop=256), Recipe(steps=2500, batch=2, crop=192)


def main(arguments: list[str] | None = None) -> int:
    """Runs a verb; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        options.verb(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def make(options: argparse.Namespace) -> None:
    """A style from one picture."""
    title = options.title or options.painting.stem
    _make(
        zoo.Style(options.name, options.painting.name, title, options.painting_licence),
        options.painting,
        options.tier,
        options,
    )


def make_zoo(options: argparse.Namespace) -> None:
    """Every listed style that is not there yet."""
    styles, _ = zoo.load(options.list)
    for tier in options.tier:
        for style in styles:
            if not (options.out / f"{style.name}.{tier}.md").exists():
                print(f"{style.name}, {tier} tier")
                _make(style, options.styles / style.painting, tier, options)


def _make(style: zoo.Style, painting: Path, tier: str, options: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    content = Content(options.content).to(device)
    trainer = Trainer(TIERS[tier], _recipe(device, options), load_features(options.vgg), [painting], device)
    work = options.work / f"{style.name}.{tier}"
    saved = work / checkpoint.NAME
    if saved.exists():
        checkpoint.resume(trainer, saved)
        print(f"goes on from step {trainer.step_count} of {saved}")
    elif options.start:
        checkpoint.start_from(trainer.net, options.start, options.start_style)
    pictures = content.sample(CALIBRATED, SIDE)
    since = time.monotonic()
    run(trainer, content, work, pictures[:SHOWN])
    seconds = time.monotonic() - since
    trained_on = options.trained_on or options.content.name
    about = About(style.name, style.title, trained_on, painting_licence=style.licence)
    net = trainer.net.cpu().eval()
    psnr = _export_all(net, about, options.precision, pictures, options.out)
    outcome = card.Outcome(trainer.losses.values, seconds, psnr, options.start and options.start.stem)
    checkpoint.save_start(net, [style.name], options.out / f"{style.name}.{tier}.safetensors")
    # Last: its presence says that the style is done.
    card.write(options.out, net, about, trainer.recipe, outcome, painting, pictures[:CHECKED])


def _recipe(device: torch.device, options: argparse.Namespace) -> Recipe:
    usual = ON_GPU if device.type == "cuda" else ON_CPU
    return Recipe(
        steps=options.steps or usual.steps,
        batch=options.batch or usual.batch,
        crop=options.crop or usual.crop,
        rate=options.rate,
        style_weight=options.style_weight,
        shift_weight=options.shift_weight,
        seed=options.seed,
    )


def export_again(options: argparse.Namespace) -> None:
    """ONNX files of a start file."""
    net, names = checkpoint.load_start(options.start)
    if len(names) != 1:
        raise UserError(f"{options.start} holds {len(names)} styles; export takes one")
    about = About(names[0], options.title or names[0], options.trained_on or "")
    _export_all(net.eval(), about, options.precision, Content(options.content).sample(CALIBRATED, SIDE), options.out)


def _export_all(
    net: StyleNet, about: About, precisions: list[str], pictures: list[torch.Tensor], out: Path
) -> dict[str, float]:
    """Writes `NAME.TIER.PRECISION.onnx`; returns the PSNR of each against PyTorch."""
    out.mkdir(parents=True, exist_ok=True)
    found = {}
    for precision in precisions:
        path = out / f"{about.name}.{net.tier.name}.{precision}.onnx"
        model = export(net, about, precision, pictures)
        onnx.save(model, path)
        found[precision] = psnr_to_torch(model, net, pictures[:CHECKED])
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {found[precision]:.1f} dB PSNR against PyTorch")
    return found


def golden(options: argparse.Namespace) -> None:
    """One picture as PyTorch paints it with each trained network, for the runtime to be compared with."""
    picture = load_picture(options.picture)
    for path in sorted(options.models.glob("*.safetensors")):
        net, _ = checkpoint.load_start(path)
        with torch.no_grad():
            to_picture(stylize(net.eval(), picture)[0]).save(options.out / f"{path.stem}.png", optimize=True)


def optimise_one(options: argparse.Namespace) -> None:
    """One picture, by optimisation of the picture itself."""
    photo, painting = load_picture(options.photo, options.side), load_picture(options.painting, options.side)
    features = load_features(options.vgg)
    styled = optimise(photo, painting, features, Weights(options.alpha, options.beta), options.steps)
    to_picture(styled[0]).save(options.out)


def evaluate(options: argparse.Namespace) -> None:
    """A table of figures."""
    features = load_features(options.vgg)
    material = load_material(options.photographs, options.flow, options.count)
    print(*zoo.HEAD, sep="\n")
    if options.zoo:
        found = zoo.entries(options.list, options.models, options.styles, options.peer_models)
    else:
        if options.style is None or not options.onnx:
            raise UserError("name models and --style PAINTING, or --zoo")
        found = [zoo.Entry(path, options.style, options.scale) for path in options.onnx]
    rows = []
    for entry in found:
        rows.append(zoo.row(entry, features, material))
        print(rows[-1], flush=True)
    if options.zoo:
        zoo.put(options.models / "README.md", rows)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="stylize_train", description="Makes a style for stylize from one picture.")
    verbs = top.add_subparsers(required=True, metavar="VERB")
    _make_parser(verbs)
    _zoo_parser(verbs)
    _export_parser(verbs)
    _golden_parser(verbs)
    _optimise_parser(verbs)
    _evaluate_parser(verbs)
    return top


def _verb(verbs, name: str, function, text: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    verb.set_defaults(verb=function)
    return verb


def _vgg(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--vgg", type=Path, metavar="FILE.npz", help="VGG19, or its small copy; else torchvision fetches it"
    )


def _results(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--content", type=Path, metavar="DIR", default=default_content(), help="photographs and videos")
    verb.add_argument("--out", type=Path, metavar="DIR", default=Path("models"), help="where models and cards go")
    verb.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp16", "int8"])
    verb.add_argument("--trained-on", metavar="TEXT", help="the photographs, for the card")


def _training(verb: argparse.ArgumentParser) -> None:
    recipe = Recipe()
    verb.add_argument("--start", type=Path, metavar="FILE", help="a trained network to begin with (.safetensors)")
    verb.add_argument("--start-style", metavar="NAME", help="which of its styles")
    verb.add_argument(
        "--work", type=Path, metavar="DIR", default=Path("training-runs"), help="checkpoints and previews"
    )
    usual = "{} on a GPU, {} on a CPU unless given"
    verb.add_argument("--steps", type=int, help="of training; " + usual.format(ON_GPU.steps, ON_CPU.steps))
    verb.add_argument("--batch", type=int, help="crops in a step; " + usual.format(ON_GPU.batch, ON_CPU.batch))
    verb.add_argument(
        "--crop", type=int, metavar="PIXELS", help="their side; " + usual.format(ON_GPU.crop, ON_CPU.crop)
    )
    verb.add_argument("--rate", type=float, default=recipe.rate, help="of learning, at its highest")
    verb.add_argument("--style-weight", type=float, default=recipe.style_weight, help="against content, which is 1")
    verb.add_argument("--shift-weight", type=float, default=recipe.shift_weight, help="of steadiness")
    verb.add_argument("--seed", type=int, default=recipe.seed)
    _vgg(verb)
    _results(verb)


def _make_parser(verbs) -> None:
    verb = _verb(verbs, "make", make, "make a style from one picture")
    verb.add_argument("painting", type=Path)
    verb.add_argument("--name", required=True)
    verb.add_argument("--tier", choices=TIERS, default="live")
    verb.add_argument("--title", metavar="TEXT", help="the painting: title, artist, year")
    verb.add_argument("--painting-licence", metavar="TEXT", help="for the card")
    _training(verb)


def _zoo_parser(verbs) -> None:
    verb = _verb(verbs, "zoo", make_zoo, "make every style of the zoo that is not there yet")
    verb.add_argument("--styles", type=Path, metavar="DIR", required=True, help="the paintings")
    verb.add_argument("--tier", choices=TIERS, nargs="+", default=list(TIERS))
    _list(verb)
    _training(verb)


def _list(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--list", type=Path, metavar="FILE.toml", default=Path(__file__).parent.parent / "zoo.toml")


def _export_parser(verbs) -> None:
    verb = _verb(verbs, "export", export_again, "write ONNX files of a trained network")
    verb.add_argument("start", type=Path, metavar="FILE.safetensors")
    verb.add_argument("--title", metavar="TEXT", help="the painting: title, artist, year")
    _results(verb)


def _golden_parser(verbs) -> None:
    verb = _verb(verbs, "golden", golden, "paint a picture with every trained network, to compare the runtime with")
    verb.add_argument("picture", type=Path, help="sides multiples of 8")
    verb.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    verb.add_argument("--out", type=Path, metavar="DIR", required=True)


def _optimise_parser(verbs) -> None:
    verb = _verb(verbs, "optimise", optimise_one, "paint one photograph by optimising it (slow, the reference)")
    verb.add_argument("photo", type=Path)
    verb.add_argument("painting", type=Path)
    verb.add_argument("out", type=Path)
    verb.add_argument("--alpha", type=float, default=1.0, help="weight of content")
    verb.add_argument("--beta", type=float, default=10.0, help="weight of style")
    verb.add_argument("--steps", type=int, default=20, help="of ten iterations of L-BFGS each")
    verb.add_argument("--side", type=int, default=SIDE, help="short side in pixels")
    _vgg(verb)


def _evaluate_parser(verbs) -> None:
    verb = _verb(verbs, "evaluate", evaluate, "measure ONNX models")
    verb.add_argument("onnx", type=Path, nargs="*")
    verb.add_argument("--style", type=Path, metavar="PAINTING")
    verb.add_argument("--range", dest="scale", type=_range, metavar="0..1|0..255", help="of models that do not say")
    verb.add_argument("--photographs", type=Path, metavar="DIR", default=default_content())
    verb.add_argument("--count", type=int, help="at most so many photographs")
    verb.add_argument("--flow", type=Path, metavar="DIR", help="sequences with true optical flow, for E_warp")
    verb.add_argument("--zoo", action="store_true", help="all of --models and the peers; renews the table in README.md")
    verb.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    verb.add_argument("--styles", type=Path, metavar="DIR", help="the paintings, for --zoo")
    _list(verb)
    verb.add_argument("--peer-models", type=Path, metavar="DIR", default=Path("peers"))
    _vgg(verb)


def _range(text: str) -> float:
    scales = {"0..1": 1.0, "0..255": 255.0}
    if text not in scales:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0..1 nor 0..255")
    return scales[text]


if __name__ == "__main__":
    sys.exit(main())
