import pytest
import torch
from PIL import Image

from stylize_train import checkpoint
from stylize_train.errors import UserError
from stylize_train.network import StyleNet, StyleNorm, Tier, inside
from stylize_train.train import Recipe, Trainer, run

RECIPE = Recipe(steps=12, batch=2, crop=112, style_side=64, rate=5e-3)
CPU = torch.device("cpu")
#: Weights of a deeper network that must not begin as dead ends.
NEW = ("body.1.second.weight", "finish.1.second.weight", "leave.1.weight")


def trainer(tier, features, folder, recipe=RECIPE):
    return Trainer(tier, recipe, features, [folder / "painting.png"], CPU)


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


def test_another_recipe_does_not_go_on(tier, features, folder, content):
    checkpoint.save(trainer(tier, features, folder), folder / "c.pt")
    with pytest.raises(UserError, match="other settings"):
        checkpoint.resume(trainer(tier, features, folder, Recipe(steps=13)), folder / "c.pt")


def test_previews_grow_by_a_row_each_time(tier, features, folder, content):
    training = trainer(tier, features, folder)
    run(training, content, folder / "work", content.sample(2, 64), every=4)
    rows = Image.open(folder / "work/previews.png").height / 256
    assert (training.step_count, rows) == (12, 3)
    assert (folder / "work" / checkpoint.NAME).exists()


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
