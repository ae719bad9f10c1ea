import json

import numpy as np
import pytest

from stylize_train.__main__ import main
from stylize_train.features import _VGG_NAMES

from .conftest import CHANNELS


@pytest.fixture
def vgg(tmp_path, features):
    arrays = {}
    for name, conv in zip(_VGG_NAMES, features.convs, strict=True):
        arrays[f"{name}.kernel"] = conv.weight.permute(2, 3, 1, 0).numpy()
        arrays[f"{name}.bias"] = conv.bias.detach().numpy()
    path = tmp_path / "vgg.npz"
    np.savez(path, **arrays)
    assert len(CHANNELS) == len(_VGG_NAMES) + 1
    return path


def run(*words) -> int:
    return main([str(word) for word in words])


def test_one_command_makes_a_style(folder, vgg, capsys):
    made = (
        folder / "painting.png",
        "--name",
        "mine",
        "--vgg",
        vgg,
        "--content",
        folder / "photos",
        "--out",
        folder / "out",
    )
    short = ("--steps", 2, "--crop", 120, "--batch", 1, "--work", folder / "work")
    assert run("make", *made, *short) == 0
    names = {path.name for path in (folder / "out").iterdir()}
    endings = ("fp16.onnx", "int8.onnx", "safetensors", "md", "json", "jpg")
    assert names == {f"mine.live.{ending}" for ending in endings}
    report = json.loads((folder / "out/mine.live.json").read_text())
    assert report["recipe"]["steps"] == 2 and report["psnr_db"]["fp16"] > 40
    table = ("--vgg", vgg, "--style", folder / "painting.png", "--photographs", folder / "photos", "--count", 1)
    assert run("evaluate", folder / "out/mine.live.fp16.onnx", *table) == 0
    assert "mine.live.fp16 | " in capsys.readouterr().out
    again = ("--content", folder / "photos", "--out", folder / "again", "--precision", "fp32")
    assert run("export", folder / "out/mine.live.safetensors", *again) == 0
    assert (folder / "again/mine.live.fp32.onnx").exists()


def test_the_zoo_is_made_and_measured_in_one_go(folder, vgg, capsys):
    peer = '[[peers]]\nmodel = "b.live.fp32.onnx"\nstyle = "a"\nscale = 255.0\n'
    styles = [f'[[styles]]\nname = "{name}"\npainting = "painting.png"\ntitle = "T"\n' for name in "ab"]
    (folder / "zoo.toml").write_text("".join(styles) + peer)
    listed = ("--list", folder / "zoo.toml", "--styles", folder, "--vgg", vgg)
    short = (
        "--tier",
        "live",
        "--steps",
        1,
        "--crop",
        120,
        "--batch",
        1,
        "--work",
        folder / "work",
        "--precision",
        "fp32",
    )
    made = ("--content", folder / "photos", "--out", folder / "models")
    assert run("zoo", *listed, *short, *made) == 0
    assert {path.name for path in (folder / "models").glob("*.onnx")} == {"a.live.fp32.onnx", "b.live.fp32.onnx"}
    capsys.readouterr()
    assert run("zoo", *listed, *short, *made) == 0
    assert capsys.readouterr().out == ""  # nothing is made twice
    (folder / "models/README.md").write_text("Figures:\n<!-- figures -->\nold\n<!-- end of figures -->\nrest\n")
    where = ("--models", folder / "models", "--peer-models", folder / "models", "--photographs", folder / "photos")
    assert run("evaluate", "--zoo", *listed, *where, "--count", 1) == 0
    readme = (folder / "models/README.md").read_text()
    assert readme.count("| a.live.fp32 |") == 1 and readme.count("| b.live.fp32 |") == 2
    assert "old" not in readme and readme.endswith("rest\n")


def test_optimisation_writes_a_picture(folder, vgg):
    photo, out = folder / "photos/00.png", folder / "out.png"
    assert run("optimise", photo, folder / "painting.png", out, "--steps", 2, "--side", 64, "--vgg", vgg) == 0
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("make", "none.png", "--name", "x", "--content", "nowhere"), "no such folder"),
        (("evaluate", "none.onnx", "--style", "none.png", "--vgg", "none.npz"), "not a readable .npz"),
    ],
)
def test_bad_input_is_one_line(words, says, capsys):
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
