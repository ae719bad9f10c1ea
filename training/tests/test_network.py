import pytest
import torch

from stylize_train.network import TIERS, StyleNet, StyleNorm, kmac_per_pixel, one_style, stylize


@pytest.mark.parametrize(("tier", "limit"), [("live", 8), ("fine", 45)])
def test_a_tier_keeps_its_cost(tier, limit):
    assert kmac_per_pixel(TIERS[tier]) <= limit


def test_a_picture_keeps_its_size():
    net = StyleNet(TIERS["live"], styles=2).eval()
    for height, width in ((72, 88), (128, 80)):
        assert stylize(net, torch.rand(1, 3, height, width), 1).shape == (1, 3, height, width)


def test_an_untrained_network_draws_no_grid(tier):
    """Neighbours inside of squares of four pixels differ as much as those of two squares."""
    net = StyleNet(tier).eval()
    with torch.no_grad():
        steps = net(torch.rand(1, 3, 176, 176)).diff().abs()
    within, between = steps[..., 0::2].mean(), steps[..., 1::2].mean()
    assert 0.8 < within / between < 1.25


def test_an_even_picture_is_painted_without_a_lattice(tier):
    net = StyleNet(tier).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        lattice = net(torch.full((1, 3, 112, 112), 0.4)).std((2, 3))
        net.even_phases()
        even = net(torch.full((1, 3, 112, 112), 0.4)).std((2, 3))
    assert (lattice > 1e-2).any() and (even < 1e-5).all()


def test_what_lies_outside_of_the_border_plays_no_part(tier):
    net = StyleNet(tier).eval()
    net.down_norm = StyleNorm([torch.nn.Identity()])  # this one looks at the whole picture
    picture = torch.rand(1, 3, 128, 152)
    with torch.no_grad():
        whole, upper, lower = net(picture), net(picture[..., :120, :128]), net(picture[..., 8:, 24:])
    torch.testing.assert_close(upper, whole[..., :32, :40])
    torch.testing.assert_close(lower, whole[..., 8:, 24:])


def test_one_style_of_many_is_the_same_network(tier):
    many, one = StyleNet(tier, styles=3).eval(), StyleNet(tier).eval()
    for number, parameter in enumerate(many.parameters()):
        torch.nn.init.normal_(parameter, 0, 0.1 + 0.01 * number)
    one.load_state_dict(one_style(many.state_dict(), 2))
    picture = torch.rand(1, 3, 96, 96)
    torch.testing.assert_close(one(picture), many(picture, 2))
    assert not torch.allclose(one(picture), many(picture, 1))
