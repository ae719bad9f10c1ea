import pytest
import torch

from stylize_train import quantised
from stylize_train.features import LAST_CONTENT
from stylize_train.losses import (
    TONE_SIDE,
    content_distance,
    gram,
    lattice_distance,
    out_of_range,
    style_distance,
    style_target,
    tone_distance,
    total_variation,
)
from stylize_train.quantised import QuantisedConv


def test_a_gram_matrix_is_the_mean_product_of_channels():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels of 1x2
    torch.testing.assert_close(gram(features), torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4)


def test_a_picture_is_no_distance_from_itself(features):
    picture = torch.rand(1, 3, 64, 64)
    found = features(picture)
    target = style_target(features, picture)
    assert style_distance(features, picture, found, target) < 1e-8
    assert content_distance(found, features(picture, LAST_CONTENT)) == 0


def test_another_picture_is_some_distance_away(features):
    picture, other = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 8, 8)
    other = torch.nn.functional.interpolate(other, 64)
    found = features(other)
    assert style_distance(features, other, found, style_target(features, picture)) > 1e-3
    assert content_distance(found, features(picture)) > 0.1


def test_content_counts_alike_in_plain_and_busy_pictures():
    busy = torch.randn(1, 8, 16, 16)

    def distance(*features):
        original = torch.cat(features)
        return content_distance([torch.zeros_like(original)] * 7, [original] * 7)

    torch.testing.assert_close(distance(busy, 0.8 * busy), distance(busy))
    # But for what is all but empty.
    torch.testing.assert_close(distance(busy, 0.001 * busy), distance(busy) / 2, atol=1e-4, rtol=0)


def test_tones_are_those_of_the_photograph_whatever_their_contrast():
    tones = torch.rand(2, 1, 4, 4).repeat_interleave(TONE_SIDE, 2).repeat_interleave(TONE_SIDE, 3).expand(2, 3, -1, -1)
    assert tone_distance(0.3 * tones + 0.1, tones) == pytest.approx(0, abs=1e-5)
    assert tone_distance(1 - tones, tones) == pytest.approx(2, abs=1e-5)
    # Strokes within a square are nobody's business, and neither is a plain picture.
    strokes = torch.tensor([0.2, -0.2]).repeat(2 * TONE_SIDE)
    assert tone_distance(tones + strokes, tones) == pytest.approx(0, abs=1e-5)
    plain = torch.full_like(tones[:1], 0.5)
    assert tone_distance(torch.cat([tones[:1], 1 - tones[:1]]), torch.cat([tones[:1], plain])) < 1e-3


def test_a_plain_picture_has_a_gradient():
    plain = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    tone_distance(plain, torch.zeros_like(plain)).backward()
    assert plain.grad.isfinite().all()


def test_variation_and_range():
    flat = torch.full((1, 3, 8, 8), 0.5)
    assert total_variation(flat) == 0 and out_of_range(flat) == 0
    assert out_of_range(flat + 1) == 0.5
    steps = torch.arange(8.0).expand(1, 3, 8, 8)
    assert total_variation(steps) == 1


def test_squares_are_a_lattice():
    squares = torch.rand(1, 3, 32, 32).repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert lattice_distance(squares) == pytest.approx(6, abs=0.2)  # steps of 4, 0, 0, 0 times the mean, twice
    assert lattice_distance(torch.rand(1, 3, 128, 128)) < 0.01
    assert lattice_distance(torch.ones(1, 3, 32, 32)).isfinite()


@pytest.mark.parametrize(
    ("kind", "wanted"), [("avx512_vnni", True), ("avx_vnni", True), ("avx2", True), ("avx", False)]
)
def test_features_are_in_bytes_where_the_processor_multiplies_them(kind, wanted, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {kind: True}, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert quantised.is_available() == (wanted and hasattr(torch.ops.onednn, "qconv_pointwise"))


def test_features_in_bytes_point_the_same_way(features):
    """The gradient of the whole loss, in bytes and in fp32."""
    if not quantised.is_available():
        pytest.skip("this PyTorch has no quantised convolutions")
    target, original = style_target(features, torch.rand(1, 3, 64, 64)), torch.rand(1, 3, 64, 64)
    gradients = []
    for judge in (features, features.in_bytes()):
        picture = (0.5 * original + 0.25).requires_grad_()
        found = judge(picture)
        loss = content_distance(found, judge(original)) + 10 * style_distance(judge, picture, found, target)
        loss.backward()
        gradients.append(picture.grad.flatten())
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.9
    assert gradients[1].norm() / gradients[0].norm() == pytest.approx(1, abs=0.1)


def test_large_bytes_add_up_rightly_whichever_inputs_neighbour():
    """Sums of two products in 16 bits saturate, and which two are added is the kernel's affair: all patterns of four inputs."""
    if not quantised.is_available():
        pytest.skip("this PyTorch has no quantised convolutions")
    patterns = torch.tensor([[float(1 + out % 15 >> bit & 1) for bit in range(4)] for out in range(16)])
    conv = torch.nn.Conv2d(16, 16, 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(patterns.repeat(1, 4)[..., None, None])
        conv.bias.zero_()
    found = []
    for convolve in (lambda x: conv(x).relu(), QuantisedConv(conv)):
        x = torch.ones(1, 16, 8, 8, requires_grad=True)
        y = convolve(x)
        y.sum().backward()
        found.append((y, x.grad))
    for wanted, in_bytes in zip(*found, strict=True):
        torch.testing.assert_close(in_bytes, wanted, rtol=0.015, atol=0)
