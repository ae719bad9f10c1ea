import signal
from dataclasses import replace

import pytest
import torch
from PIL import Image

from stylize_train import checkpoint, quantised, train
from stylize_train.errors import UserError
from stylize_train.network import StyleNet, StyleNorm, Tier, inside
from stylize_train.quantised import QuantisedConv
from stylize_train.train import Recipe, Sheet, Trainer, run, seconds_of_a_step

from .conftest import CPU

RECIPE = Recipe(steps=12, batch=2, crop=112, style_side=64, rate=5e-3)
#: Weights of a deeper network that must not begin as dead ends.
NEW = ("body.1.second.weight", "finish.1.second.weight", "leave.1.weight")


def trainer(tier, features, folder, recipe=RECIPE, **more):
    return Trainer(tier, recipe, features, [folder / "painting.png"], CPU, **more)


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.net.parameters()])


def test_the_losses_fall(tier, features, folder, content):
    training = trainer(tier, features, folder, Recipe(steps=90, batch=2, crop=112, style_side=64, rate=5e-3))
    seen = []
    while training.step_count < 90:
        training.losses.values.clear()
        training.step(content)
        losses = training.losses.values
        seen.append(losses["content"] + 10 * losses["style"])
    assert sum(seen[-10:]) < 0.75 * sum(seen[:10])


def test_a_resumed_training_gives_the_same_numbers(tier, features, folder, content):
    straight = trainer(tier, features, folder)
    for _ in range(12):
        straight.step(content)
    first = trainer(tier, features, folder)
    for _ in range(5):
        first.step(content)
    checkpoint.save(first, folder / "c.pt")
    second = trainer(tier, features, folder)
    checkpoint.resume(second, folder / "c.pt")
    assert second.step_count == 5
    for _ in range(7):
        second.step(content)
    assert torch.equal(weights(straight), weights(second))
    assert straight.losses.values == second.losses.values


def test_a_training_whose_steps_were_timed_gives_the_same_numbers(tier, features, folder, content):
    trainings = [trainer(tier, features, folder) for _ in range(2)]
    assert seconds_of_a_step(trainings[0], content) > 0
    for training in trainings:
        training.step(content)
    assert torch.equal(*map(weights, trainings))
    assert trainings[0].losses.values == trainings[1].losses.values


def test_another_recipe_does_not_go_on(tier, features, folder):
    checkpoint.save(trainer(tier, features, folder), folder / "c.pt")
    with pytest.raises(UserError, match="begun with --steps 12, --style-weight 8.0; give"):
        other = trainer(tier, features, folder, replace(RECIPE, steps=13, style_weight=9))
        checkpoint.resume(other, folder / "c.pt")


def test_another_painting_vgg_or_start_does_not_go_on(tier, features, folder, monkeypatch):
    monkeypatch.setitem(checkpoint.TIERS, "live", tier)
    saved, start = folder / "c.pt", folder / "start.safetensors"
    checkpoint.save(trainer(tier, features, folder), saved)
    checkpoint.save_start(StyleNet(tier), ["a"], start)
    with pytest.raises(UserError, match="another start"):
        checkpoint.resume(trainer(tier, features, folder, start=start), saved)
    with torch.no_grad():
        features.convs[3].bias += 1
    with pytest.raises(UserError, match="another VGG19"):
        checkpoint.resume(trainer(tier, features, folder), saved)
    (folder / "photos/00.png").replace(folder / "painting.png")
    with pytest.raises(UserError, match="another painting, another VGG19"):
        checkpoint.resume(trainer(tier, features, folder), saved)


def test_a_checkpoint_of_another_loss_does_not_go_on(tier, features, folder):
    checkpoint.save(trainer(tier, features, folder), folder / "c.pt")
    state = torch.load(folder / "c.pt", weights_only=True)
    del state["recipe"]["tone_weight"]
    state["recipe"]["hue_weight"] = 1.0
    torch.save(state, folder / "c.pt")
    with pytest.raises(UserError, match="another version of this toolkit, which differs in hue_weight, tone_weight;"):
        checkpoint.resume(trainer(tier, features, folder), folder / "c.pt")


def test_an_interrupted_training_keeps_its_last_step_and_its_time(tier, features, folder, content, monkeypatch):
    straight = trainer(tier, features, folder)
    run(straight, content, folder / "straight", [])
    step = Trainer.step

    def interrupted(self, content):
        if self.step_count == 4:
            signal.raise_signal(signal.SIGINT)
        step(self, content)

    monkeypatch.setattr(Trainer, "step", interrupted)
    first, usual = trainer(tier, features, folder), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 5 of 12"):
        run(first, content, folder / "work", [])
    assert signal.getsignal(signal.SIGINT) == usual and first.seconds > 0
    second = trainer(tier, features, folder)
    checkpoint.resume(second, folder / "work" / checkpoint.NAME)
    assert (second.step_count, second.seconds) == (5, first.seconds)
    run(second, content, folder / "work", [])
    assert second.seconds > first.seconds and torch.equal(weights(straight), weights(second))


def test_a_second_interrupt_does_not_wait_for_the_step(tier, features, folder, content, monkeypatch):
    def endless(self, content):
        while True:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "step", endless)
    with pytest.raises(KeyboardInterrupt):
        run(trainer(tier, features, folder), content, folder / "work", [])


def test_what_is_killed_loses_a_minute_at_most(tier, features, folder, content, monkeypatch):
    saved = []
    monkeypatch.setattr(train, "SAVED_EVERY_SECONDS", 0)
    monkeypatch.setattr(checkpoint, "save", lambda trainer, _: saved.append(trainer.step_count))
    run(trainer(tier, features, folder, replace(RECIPE, steps=3)), content, folder / "work", [])
    assert saved == [1, 2, 3]


def test_what_is_no_checkpoint_is_one_line(folder):
    (folder / "c.pt").write_bytes(b"PK\3\4 cut off")
    with pytest.raises(UserError, match="no checkpoint"):
        checkpoint.load(folder / "c.pt", CPU)


def test_a_loss_that_is_no_number_stops_the_training(tier, features, folder, content):
    training = trainer(tier, features, folder)
    before = weights(training)
    training.targets[0].scales[0][0].fill_(torch.nan)
    with pytest.raises(UserError, match="step 1: the loss is no number"):
        training.step(content)
    assert torch.equal(weights(training), before)


def test_bytes_are_left_where_they_are_wrong(tier, features, folder, monkeypatch, capsys):
    if not quantised.is_available():
        pytest.skip("this processor does not multiply bytes")
    assert any(isinstance(conv, QuantisedConv) for conv in trainer(tier, features, folder).features.convs)
    assert capsys.readouterr().out == ""
    as_it_is = QuantisedConv.forward
    # Sums that saturate.
    monkeypatch.setattr(QuantisedConv, "forward", lambda self, x: as_it_is(self, x).clamp(max=0.5 * x.max().item()))
    assert not any(isinstance(conv, QuantisedConv) for conv in trainer(tier, features, folder).features.convs)
    assert "VGG19 calculates in fp32" in capsys.readouterr().out


def test_previews_grow_by_a_row_each_time(tier, features, folder, content):
    training = trainer(tier, features, folder)
    run(training, content, folder / "work", content.sample(2, 64), every=4)
    rows = Image.open(folder / "work/previews.png").height / 256
    assert (training.step_count, rows) == (12, 3)
    assert (folder / "work" / checkpoint.NAME).exists()


def test_previews_that_were_cut_off_begin_anew(tier, folder, content, monkeypatch):
    sheet, net = Sheet(folder / "previews.png", content.sample(1, 64)), StyleNet(tier)
    sheet.add(net, CPU)
    whole = sheet.path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: None)  # stopped while it writes
    sheet.add(net, CPU)
    assert sheet.path.read_bytes() == whole
    monkeypatch.undo()
    sheet.path.write_bytes(whole[: len(whole) // 2])
    sheet.add(net, CPU)
    assert Image.open(sheet.path).height == Sheet.HEIGHT


def test_a_mean_of_two_networks(folder, monkeypatch, tier):
    monkeypatch.setitem(checkpoint.TIERS, "live", tier)
    monkeypatch.setitem(checkpoint.TIERS, "fine", Tier("fine", 16, 8, 24, 2, 2))
    nets = [StyleNet(tier), StyleNet(tier), StyleNet(checkpoint.TIERS["fine"])]
    paths = [folder / f"{name}.safetensors" for name in "abc"]
    for net, path in zip(nets, paths, strict=True):
        checkpoint.save_start(net, [path.stem], path)
    checkpoint.average(*paths[:2], 0.25, folder / "mean.safetensors")
    mean, names = checkpoint.load_start(folder / "mean.safetensors")
    assert names == ["a"]
    for a, b, both in zip(nets[0].parameters(), nets[1].parameters(), mean.parameters(), strict=True):
        torch.testing.assert_close(both, 0.75 * a + 0.25 * b, atol=1e-3, rtol=1e-3)
    with pytest.raises(UserError, match="different tiers"):
        checkpoint.average(paths[0], paths[2], 0.5, folder / "none.safetensors")


def test_a_start_is_small_and_comes_back(folder, monkeypatch, tier):
    monkeypatch.setitem(checkpoint.TIERS, "live", tier)
    net, path = StyleNet(tier, styles=2), folder / "base.safetensors"
    checkpoint.save_start(net, ["a", "b"], path)
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in net.parameters()) + 4096
    loaded, names = checkpoint.load_start(path)
    assert names == ["a", "b"]
    for before, after in zip(net.parameters(), loaded.parameters(), strict=True):
        torch.testing.assert_close(before, after, atol=1e-3, rtol=1e-3)
    new = StyleNet(tier)
    checkpoint.start_from(new, path, "b")
    torch.testing.assert_close(new.leave[0].weight, loaded.leave[1].weight)
    with pytest.raises(UserError, match="holds a, b, not c"):
        checkpoint.start_from(new, path, "c")


def test_a_wider_and_deeper_network_begins_by_painting_the_same(folder, monkeypatch, tier):
    monkeypatch.setitem(checkpoint.TIERS, "live", tier)
    narrow, wide = StyleNet(tier).eval(), StyleNet(Tier("fine", 16, 8, 24, 2, 2), styles=2).eval()
    checkpoint.save_start(narrow, ["a"], folder / "a.safetensors")
    checkpoint.start_from(wide, folder / "a.safetensors")
    picture, more = torch.rand(1, 3, 176, 176), wide.tier.pad - tier.pad
    with torch.no_grad(), monkeypatch.context() as patch:
        # The wider sees more of the picture.
        patch.setattr(
            StyleNorm, "forward", lambda self, x, style: x if self[style].running_mean is None else self[style](x)
        )
        torch.testing.assert_close(wide(picture, 1), narrow(inside(picture, more)), atol=2e-3, rtol=0)
    wide(picture, 1).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for name, p in wide.named_parameters() if name in NEW)
    monkeypatch.setitem(checkpoint.TIERS, "fine", wide.tier)
    checkpoint.save_start(wide, ["a", "b"], folder / "wide.safetensors")
    with pytest.raises(UserError, match="too large for the live tier"):
        checkpoint.start_from(narrow, folder / "wide.safetensors")
