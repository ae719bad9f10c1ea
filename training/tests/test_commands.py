import json
import re
from argparse import Namespace
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from stylize_train import __main__, checkpoint, making, metadata, zoo
from stylize_train.__main__ import main
from stylize_train.errors import UserError
from stylize_train.features import _VGG_NAMES
from stylize_train.making import ON_CPU, ON_GPU
from stylize_train.network import TIERS, StyleNet
from stylize_train.train import Recipe, Trainer

from .conftest import CHANNELS, CPU


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


def made(folder, vgg) -> tuple:
    """What `make` takes, for a training of two steps."""
    where = ("--content", folder / "photos", "--out", folder / "out", "--work", folder / "work", "--vgg", vgg)
    return (folder / "painting.png", "--name", "mine", *where, "--steps", 2, "--crop", 120, "--batch", 1)


def test_one_command_makes_a_style(folder, vgg, monkeypatch, capsys):
    monkeypatch.setattr(making, "CALIBRATED", 8)
    monkeypatch.setattr(__main__, "CALIBRATED", 4)
    words = made(folder, vgg)
    assert run("make", *words) == 0
    names = {path.name for path in (folder / "out").iterdir()}
    endings = ("fp16.onnx", "int8.onnx", "safetensors", "md", "json", "jpg")
    assert names == {f"mine.live.{ending}" for ending in endings}
    report = json.loads((folder / "out/mine.live.json").read_text())
    assert report["recipe"]["steps"] == 2 and report["psnr_db"]["fp16"] > 40
    table = ("--vgg", vgg, "--style", folder / "painting.png", "--photographs", folder / "photos", "--count", 1)
    assert run("evaluate", folder / "out/mine.live.fp16.onnx", *table) == 0
    assert "mine.live.fp16 | " in capsys.readouterr().out
    again = ("--content", folder / "photos", "--out", folder / "again", "--precision", "fp32", "--licence", "CC0")
    assert run("export", folder / "out/mine.live.safetensors", *again) == 0
    assert metadata.read(onnx.load(folder / "again/mine.live.fp32.onnx"))["licence"] == "CC0"


def test_another_export_keeps_what_is_known_and_renews_card_and_report(folder, vgg, monkeypatch):
    monkeypatch.setattr(making, "CALIBRATED", 4)
    monkeypatch.setattr(making, "MEASURED", 2)
    said = ("--title", "Waves", "--licence", "CC0", "--trained-on", "noise", "--painting-licence", "free")
    assert run("make", *made(folder, vgg), *said, "--precision", "fp16") == 0
    out = folder / "out"
    card, report = ((out / f"mine.live.{ending}").read_text() for ending in ("md", "json"))
    start, content = out / "mine.live.safetensors", ("--content", folder / "photos")
    monkeypatch.setattr(making, "psnr_to_torch", lambda *_: 55.5)
    assert run("export", start, *content, "--out", out, "--precision", "fp32", "--licence", "CC BY 4.0") == 0
    model = metadata.read(onnx.load(out / "mine.live.fp32.onnx"))
    assert [model[key] for key in ("style_image", "trained_on", "licence")] == ["Waves", "noise", "CC BY 4.0"]
    before, after = json.loads(report), json.loads((out / "mine.live.json").read_text())
    assert after == before | {"psnr_db": before["psnr_db"] | {"fp32": 55.5}}
    wanted = card.replace(" dB |", " dB, fp32 55.5 dB |").replace("weights | CC0", "weights | CC BY 4.0")
    assert (out / "mine.live.md").read_text() == wanted != card
    # Elsewhere it goes by the models beside the network, and there is no card to renew.
    assert run("export", start, *content, "--out", folder / "again", "--precision", "fp32") == 0
    assert metadata.read(onnx.load(folder / "again/mine.live.fp32.onnx"))["style_image"] == "Waves"
    assert not (folder / "again/mine.live.md").exists()


def test_a_card_says_how_near_the_painting_is_and_on_what(folder, vgg, monkeypatch):
    monkeypatch.setattr(making, "CALIBRATED", 4)
    short = (*made(folder, vgg), "--precision", "fp32")
    assert run("make", *short) == 0
    report = json.loads((folder / "out/mine.live.json").read_text())
    figures, card = report["figures"], (folder / "out/mine.live.md").read_text()
    assert figures["photographs"] == 8 and not figures["held_out"] and figures["content"] > 0
    assert f"content {figures['content']:.2f}, style {figures['style']:.3f}" in card
    assert "photographs that it was trained on (8)" in card
    assert "| licence of the weights | yours to choose |" in card
    held_out = folder / "held-out"
    held_out.mkdir()
    (folder / "photos/00.png").rename(held_out / "a.png")
    assert run("make", *short, "--held-out", held_out, "--licence", "CC0") == 0
    card = (folder / "out/mine.live.md").read_text()
    assert "photographs that were not trained on (1)" in card and "| licence of the weights | CC0 |" in card


def test_what_another_training_made_is_spared(folder, vgg, monkeypatch, capsys):
    monkeypatch.setattr(making, "CALIBRATED", 4)
    monkeypatch.setattr(making, "MEASURED", 2)
    short = (*made(folder, vgg), "--precision", "fp32")
    (folder / "out").mkdir()
    shipped = folder / "out/mine.live.int8.onnx"
    shipped.touch()
    assert run("make", *short) == 2
    assert "mine.live.int8.onnx of another training" in capsys.readouterr().err
    shipped.unlink()
    assert run("make", *short) == 0
    # Its own, and without the options that it began with.
    assert run("make", *short[:-8], "--precision", "fp32") == 0
    assert "goes on from step 2" in capsys.readouterr().out
    (folder / "photos/00.png").replace(folder / "painting.png")
    assert run("make", *short) == 2
    assert "begun with another painting" in capsys.readouterr().err
    elsewhere = (*short, "--work", folder / "elsewhere")
    assert run("make", *elsewhere) == 2
    assert "of another training" in capsys.readouterr().err
    assert run("make", *elsewhere, "--force") == 0
    # By force, what was begun of the other one is left as well.
    assert run("make", *short, "--force") == 0
    assert "goes on" not in capsys.readouterr().out


def test_a_training_goes_on_with_its_options_on_another_device():
    before = {"steps": 12, "crop": 112, "rate": 1.0, "seed": 7, "of_another_version": 1}
    recipe = making._recipe(torch.device("cuda"), before, Namespace(rate=2.0))
    assert recipe == replace(ON_GPU, steps=12, crop=112, rate=2.0, seed=7)
    assert making._recipe(CPU, {}, Namespace()) == ON_CPU
    options = vars(__main__.parser().parse_args(["make", "a.png", "--name", "a"]))
    assert not options.keys() & vars(Recipe()).keys()


@pytest.mark.parametrize(
    ("given", "seconds", "steps"),
    [
        ({}, 0.1, ON_CPU.steps),
        ({}, 2.0, 765),  # 25.5 of 30 minutes
        ({"minutes": 60}, 0.5, 6120),
        ({"minutes": 1}, 100.0, 1),
        ({"steps": 12}, 2.0, 12),
    ],
)
def test_steps_end_in_time_on_a_slow_cpu(given, seconds, steps, tier, features, folder, monkeypatch, capsys):
    monkeypatch.setattr(making, "seconds_of_a_step", lambda *_: seconds)
    options = Namespace(**given)
    trainer = Trainer(tier, making._recipe(CPU, {}, options), features, [folder / "painting.png"], CPU)
    making._fit_steps(trainer, None, options)
    assert trainer.recipe.steps == steps
    assert (f"{steps} steps of" in capsys.readouterr().out) == ("steps" not in given)


def test_steps_that_were_settled_by_time_are_kept(folder, vgg, monkeypatch, capsys):
    monkeypatch.setattr(making, "CALIBRATED", 4)
    monkeypatch.setattr(making, "MEASURED", 2)
    words = list(made(folder, vgg))
    at = words.index("--steps")
    del words[at : at + 2]
    timed = [15.0]
    monkeypatch.setattr(making, "seconds_of_a_step", lambda *_: timed.pop())
    for _ in range(2):  # the second goes on, and times nothing
        assert run("make", *words, "--minutes", 1, "--precision", "fp32") == 0
    assert "goes on from step 3 of 3" in capsys.readouterr().out
    assert json.loads((folder / "out/mine.live.json").read_text())["recipe"]["steps"] == 3
    with pytest.raises(SystemExit):
        run("make", *words, "--minutes", 1, "--steps", 2)


def test_a_model_in_bytes_that_is_far_off_is_warned_of(folder, content, monkeypatch, capsys):
    monkeypatch.setattr(making, "psnr_to_torch", lambda *_: 31.0)
    about = metadata.About("a", "b", "c")
    making.export_all(StyleNet(TIERS["live"]).eval(), about, ["fp16", "int8"], content.sample(2, 72), folder)
    said = capsys.readouterr().err
    assert said.count("warning") == 1 and "a.live.int8.onnx is below 32 dB" in said


@pytest.mark.parametrize("verb", ["make", "golden"])
def test_what_can_be_gone_on_with_says_so_when_it_is_stopped(verb, tmp_path, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt("stopped at step 5 of 9")

    monkeypatch.setattr(__main__, "make_style", stopped)
    monkeypatch.setattr(__main__, "load_picture", stopped)
    words = {"make": ("a.png", "--name", "a"), "golden": ("a.png", "--out", tmp_path)}[verb]
    assert run(verb, *words) == 130
    goes_on = "; run the same command to go on" if verb == "make" else ""
    assert capsys.readouterr().err == f"stopped at step 5 of 9{goes_on}\n"


LISTED = """licence = "CC BY 4.0"
[[styles]]
name = "a"
painting = "painting.png"
title = "T"
[[styles]]
name = "b"
painting = "painting.png"
title = "T"
[[peers]]
model = "b.live.fp32.onnx"
style = "a"
range = "0..255"
"""


def test_a_list_names_the_style_of_each_peer(tmp_path):
    (tmp_path / "zoo.toml").write_text(LISTED.replace('style = "a"', 'style = "c"'))
    with pytest.raises(UserError, match="peers of c, which it does not list"):
        zoo.load(tmp_path / "zoo.toml")


def test_the_zoo_has_its_fine_tier_in_halves_alone(folder, monkeypatch):
    (folder / "zoo.toml").write_text(LISTED)
    asked = {}
    monkeypatch.setattr(__main__, "make_style", lambda *given: asked.update({given[3]: given[4].precision}))
    words = ("zoo", "--list", folder / "zoo.toml", "--styles", folder, "--out", folder / "models")
    assert run(*words) == 0 and asked == {"live": ["fp16", "int8"], "fine": ["fp16"]}
    assert run(*words, "--precision", "fp32") == 0 and asked == {"live": ["fp32"], "fine": ["fp32"]}


def test_the_zoo_is_made_and_measured_in_one_go(folder, vgg, monkeypatch, capsys):
    monkeypatch.setattr(making, "CALIBRATED", 4)
    monkeypatch.setattr(making, "MEASURED", 2)
    (folder / "zoo.toml").write_text(LISTED)
    listed = ("--list", folder / "zoo.toml", "--styles", folder, "--vgg", vgg)
    short = ("--tier", "live", "--steps", 1, "--crop", 120, "--batch", 1, "--work", folder / "work")
    places = ("--content", folder / "photos", "--out", folder / "models", "--precision", "fp32")
    assert run("zoo", *listed, *short, *places) == 0
    assert {path.name for path in (folder / "models").glob("*.onnx")} == {"a.live.fp32.onnx", "b.live.fp32.onnx"}
    assert metadata.read(onnx.load(folder / "models/a.live.fp32.onnx"))["licence"] == "CC BY 4.0"
    capsys.readouterr()
    assert run("zoo", *listed, *short, *places) == 0
    assert capsys.readouterr().out == ""  # nothing is made twice
    (folder / "models/README.md").write_text("Figures:\n<!-- figures -->\nold\n<!-- end of figures -->\nrest\n")
    where = ("--models", folder / "models", "--peer-models", folder / "models", "--photographs", folder / "photos")
    assert run("evaluate", "--zoo", *listed, *where, "--count", 1) == 0
    readme = (folder / "models/README.md").read_text()
    assert readme.count("| a.live.fp32 |") == 1 and readme.count("| b.live.fp32 |") == 2
    assert "old" not in readme and readme.endswith("rest\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--styles": None}, "--zoo needs --styles"),
        ({"--photographs": None}, "--zoo needs --styles"),
        ({"--styles": "nowhere"}, "nowhere/painting.png: no such file"),
        ({"--peer-models": "nowhere"}, "nowhere/b.live.fp32.onnx: no such file"),
        ({"--peer-models": None}, "--peer-models DIR"),
        ({"--models": "nowhere"}, "no models of the styles"),
        ({"--photographs": "nowhere"}, "no photographs"),
        ({"--flow": "nowhere"}, "no sequences"),
        ({"--list": "nowhere"}, "no list of styles"),
        ({}, "README.md: the table goes between"),
    ],
)
def test_a_table_that_would_lack_rows_is_not_begun(change, says, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (folder / "zoo.toml").write_text(LISTED)
    (folder / "models").mkdir()
    for name in "ab":
        (folder / f"models/{name}.live.fp32.onnx").touch()
    text = "<!-- figures -->\n<!-- end of figures -->\n" if change else "no marks"
    (folder / "models/README.md").write_text(text)
    options = {"--list": "zoo.toml", "--styles": ".", "--photographs": "photos", "--peer-models": "models"} | change
    words = [word for pair in options.items() if pair[1] is not None for word in pair]
    assert run("evaluate", "--zoo", *words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert (folder / "models/README.md").read_text() == text


def test_a_mean_is_a_trained_network(tmp_path):
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path in paths[:2]:
        checkpoint.save_start(StyleNet(TIERS["live"]), ["mine"], path)
    assert run("average", *paths[:2], "--share", 0.3, "--out", paths[2]) == 0
    net, names = checkpoint.load_start(paths[2])
    assert (net.tier.name, names) == ("live", ["mine"])


def test_optimisation_writes_a_picture_and_its_figures(folder, vgg, capsys):
    photo, out = folder / "photos/00.png", folder / "out.png"
    assert run("optimise", photo, folder / "painting.png", out, "--steps", 2, "--side", 64, "--vgg", vgg) == 0
    assert out.exists()
    assert re.search(r"out.png: c \d+\.\d\d, s \d+\.\d{3}\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("make", "painting.png", "--name", "a/b", "--content", "nowhere"), "--name a/b: take letters"),
        (("make", "none.png", "--name", "x", "--content", "photos"), "none.png: cannot be read as a picture"),
        (("make", "painting.png", "--name", "x", "--content", "nowhere"), "nowhere: no such folder"),
        (("make", "painting.png", "--name", "x", "--content", "photos", "--held-out", "x"), "x: no photographs"),
        (("make", "painting.png", "--name", "x", "--content", "photos", "--vgg", "none.npz"), "not a readable .npz"),
        (("make", "painting.png", "--name", "x", "--content", "photos", "--out", "zoo.toml"), "no folder can be made"),
        (("zoo", "--styles", "photos", "--list", "zoo.toml"), "photos/painting.png: cannot be read as a picture"),
        (
            ("evaluate", "none.onnx", "--style", "painting.png", "--photographs", "photos", "--vgg", "x"),
            "not a readable",
        ),
    ],
)
def test_bad_input_is_one_line_before_any_work(words, says, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(making, "Content", None)
    (folder / "zoo.toml").write_text(LISTED)
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
