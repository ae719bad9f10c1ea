"""`python -m stylize_train VERB …`: make, zoo, export, average, golden, optimise, evaluate."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from . import card, checkpoint, contract, zoo
from .data import Content, default_content, load_picture, open_picture, to_picture
from .errors import UserError
from .evaluate import SIDE, content_and_style, load_material
from .export import PRECISIONS
from .features import load_features
from .losses import style_target
from .making import CALIBRATED, MINUTES_ON_CPU, ON_CPU, ON_GPU, about_again, export_all, make_style, usual_device
from .network import TIERS, stylize
from .optimise import Weights, optimise
from .train import Recipe


def main(arguments: list[str] | None = None) -> int:
    """Runs a verb; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        options.verb(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        goes_on = "; run the same command to go on" if options.has_checkpoints else ""
        print(f"{stop or 'stopped'}{goes_on}", file=sys.stderr)
        return 130
    return 0


def make(options: argparse.Namespace) -> None:
    """A style from one picture."""
    title = options.title or options.painting.stem
    style = zoo.Style(options.name, options.painting.name, title, options.painting_licence)
    make_style(style, options.painting, options.licence, options.tier, options)


def make_zoo(options: argparse.Namespace) -> None:
    """Every listed style that is not there yet."""
    listed = zoo.load(options.list)
    pairs = ((tier, style) for tier in options.tier for style in listed.styles)
    missing = [(tier, style) for tier, style in pairs if not (options.out / f"{style.name}.{tier}.md").exists()]
    for _, style in missing:
        open_picture(options.styles / style.painting)  # one that is not there is told now, not after hours
    for tier, style in missing:
        print(f"{style.name}, {tier} tier")
        licence = options.licence or listed.licence
        precision = options.precision or zoo.PRECISIONS[tier]
        own = argparse.Namespace(**{**vars(options), "precision": precision})
        make_style(style, options.styles / style.painting, licence, tier, own)


def export_again(options: argparse.Namespace) -> None:
    """ONNX files of a start file, and what they change in its card and report."""
    net, names = checkpoint.load_start(options.start)
    if len(names) != 1:
        raise UserError(f"{options.start} holds {len(names)} styles; export takes one")
    about = about_again(names[0], net.tier.name, options)
    pictures = Content(options.content).sample(CALIBRATED, SIDE)
    card.renew(options.out, net, about, export_all(net.eval(), about, options.precision, pictures, options.out))


def average(options: argparse.Namespace) -> None:
    """The mean of two trained networks."""
    checkpoint.average(options.first, options.second, options.share, options.out)


def golden(options: argparse.Namespace) -> None:
    """One picture as PyTorch paints it with each trained network, for the runtime to be compared with."""
    picture = load_picture(options.picture)
    for path in sorted(options.models.glob("*.safetensors")):
        net, _ = checkpoint.load_start(path)
        with torch.no_grad():
            to_picture(stylize(net.eval(), picture)[0]).save(options.out / f"{path.stem}.png", optimize=True)


def optimise_one(options: argparse.Namespace) -> None:
    """One picture, by optimisation of the picture itself."""
    device = usual_device()
    photo, painting = (load_picture(path, options.side).to(device) for path in (options.photo, options.painting))
    features = load_features(options.vgg).to(device)
    styled = optimise(photo, painting, features, Weights(options.alpha, options.beta), options.steps)
    to_picture(styled[0]).save(options.out)
    content, style = content_and_style([photo], [styled], style_target(features, painting), features)
    print(f"{options.out}: c {content:.2f}, s {style:.3f}")


def evaluate(options: argparse.Namespace) -> None:
    """A table of figures."""
    if options.zoo:
        _evaluate_zoo(options)
        return
    if options.style is None or not options.onnx:
        raise UserError("name models and --style PAINTING, or --zoo")
    found = [zoo.Entry(path, options.style, dict(options.say)) for path in options.onnx]
    _table(found, options.photographs or default_content(), options)


def _evaluate_zoo(options: argparse.Namespace) -> None:
    if options.styles is None or options.photographs is None:
        raise UserError("--zoo needs --styles DIR, the paintings, and --photographs DIR, which were not trained on")
    found = zoo.entries(options.list, options.models, options.styles, options.peer_models)
    readme = options.models / "README.md"
    around = zoo.around_table(readme)
    zoo.put(readme, around, _table(found, options.photographs, options))


def _table(found: list[zoo.Entry], photographs: Path, options: argparse.Namespace) -> list[str]:
    """Its rows, printed as they come."""
    material = load_material(photographs, options.flow, options.count)
    features = load_features(options.vgg)
    print(*zoo.HEAD, sep="\n")
    rows = []
    for entry in found:
        rows.append(zoo.row(entry, features, material))
        print(rows[-1], flush=True)
    return rows


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="stylize_train", description="Makes a style for stylize from one picture.")
    verbs = top.add_subparsers(required=True, metavar="VERB")
    _make_parser(verbs)
    _zoo_parser(verbs)
    _export_parser(verbs)
    _average_parser(verbs)
    _golden_parser(verbs)
    _optimise_parser(verbs)
    _evaluate_parser(verbs)
    return top


def _verb(verbs, name: str, function, text: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    verb.set_defaults(verb=function, has_checkpoints=False)
    return verb


def _vgg(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--vgg", type=Path, metavar="FILE.npz", help="VGG19; else torchvision fetches it")


def _results(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--content", type=Path, metavar="DIR", default=default_content(), help="photographs and videos")
    verb.add_argument("--out", type=Path, metavar="DIR", default=Path("models"), help="where models and cards go")
    verb.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp16", "int8"])
    verb.add_argument("--trained-on", metavar="TEXT", help="the photographs, for the card")
    verb.add_argument("--licence", metavar="TEXT", help="of the weights, for model and card")


def _training(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(has_checkpoints=True)
    verb.add_argument("--start", type=Path, metavar="FILE", help="a trained network to begin with (.safetensors)")
    verb.add_argument("--start-style", metavar="NAME", help="which of its styles")
    verb.add_argument(
        "--work", type=Path, metavar="DIR", default=Path("training-runs"), help="checkpoints and previews"
    )
    verb.add_argument(
        "--force",
        action="store_true",
        help="write over what another training made in --out, and begin anew what it began in --work",
    )
    verb.add_argument("--held-out", type=Path, metavar="DIR", help="photographs to measure on that are not trained on")
    usual = Recipe()
    by_device = "{} on a GPU, {} on a CPU"
    length = verb.add_mutually_exclusive_group()
    on_cpu = f"{ON_CPU.steps} on a CPU, or fewer that end within {MINUTES_ON_CPU} minutes"
    _recipe_option(length, "--steps", _count, f"of training ({ON_GPU.steps} on a GPU; {on_cpu})")
    by_time = "of about how long it takes in all, instead; counts where a training begins"
    _recipe_option(length, "--minutes", _count, by_time)
    _recipe_option(verb, "--batch", _count, f"crops in a step ({by_device.format(ON_GPU.batch, ON_CPU.batch)})")
    _recipe_option(verb, "--crop", _count, f"their side in pixels ({by_device.format(ON_GPU.crop, ON_CPU.crop)})")
    _recipe_option(verb, "--rate", float, f"of learning, at its highest ({usual.rate})")
    _recipe_option(verb, "--style-weight", float, f"against content, which is 1 ({usual.style_weight})")
    _recipe_option(verb, "--tone-weight", float, f"of light and dark as in the photograph ({usual.tone_weight})")
    _recipe_option(verb, "--shift-weight", float, f"of steadiness ({usual.shift_weight})")
    free = f"share of the steps in which norms go by each picture; less to go on with a style ({usual.free_norms})"
    _recipe_option(verb, "--free-norms", float, free)
    _recipe_option(verb, "--seed", int, f"of chance ({usual.seed})")
    _vgg(verb)
    _results(verb)


def _recipe_option(verb: argparse._ActionsContainer, name: str, kind: Callable, text: str) -> None:
    """One that is absent where it is not given: what a training began with goes before what is usual."""
    verb.add_argument(name, type=kind, metavar="N", default=argparse.SUPPRESS, help=text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _said(text: str) -> tuple[str, str]:
    """A key of the contract, and its value."""
    key, _, value = text.partition("=")
    try:
        return contract.known(key), value
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
    verb.set_defaults(precision=None)


def _list(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--list", type=Path, metavar="FILE.toml", default=Path(__file__).parent.parent / "zoo.toml")


def _export_parser(verbs) -> None:
    verb = _verb(verbs, "export", export_again, "write ONNX files of a trained network")
    verb.add_argument("start", type=Path, metavar="FILE.safetensors")
    verb.add_argument("--title", metavar="TEXT", help="the painting: title, artist, year")
    _results(verb)


def _average_parser(verbs) -> None:
    verb = _verb(
        verbs, "average", average, "write the mean of two trained networks, which often paints better than both"
    )
    verb.add_argument("first", type=Path, metavar="FILE.safetensors")
    verb.add_argument("second", type=Path, metavar="FILE.safetensors")
    verb.add_argument("--share", type=float, default=0.5, help="of the second in the mean")
    verb.add_argument("--out", type=Path, metavar="FILE.safetensors", required=True)


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
    what = "what models do not say, with the keys of models/README.md: range=0..255; may be given several times"
    verb.add_argument("--say", type=_said, action="append", metavar="KEY=VALUE", default=[], help=what)
    verb.add_argument("--photographs", type=Path, metavar="DIR", help="as --content of make unless given")
    verb.add_argument("--count", type=_count, help="at most so many photographs")
    verb.add_argument("--flow", type=Path, metavar="DIR", help="sequences with true optical flow, for E_warp")
    verb.add_argument("--zoo", action="store_true", help="all of --models and the peers; renews the table in README.md")
    verb.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    verb.add_argument("--styles", type=Path, metavar="DIR", help="the paintings, for --zoo")
    _list(verb)
    verb.add_argument("--peer-models", type=Path, metavar="DIR", help="those of others in the list")
    _vgg(verb)


if __name__ == "__main__":
    sys.exit(main())
