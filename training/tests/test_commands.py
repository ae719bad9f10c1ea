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
    short = ("--steps", 2, "--crop", 64, "--batch", 1, "--work", folder / "work")
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
