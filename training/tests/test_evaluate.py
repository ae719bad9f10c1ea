import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from stylize_train.errors import UserError
from stylize_train.evaluate import FlowPair, Material, flicker, lattice, measure, read_flo, warp, warping_error
from stylize_train.export import export
from stylize_train.metadata import About
from stylize_train.network import StyleNet, kmac_per_pixel
from stylize_train.runner import Model


def same(picture):
    return picture


def test_warping_brings_a_moved_picture_back():
    picture = torch.rand(1, 3, 16, 20)
    moved = torch.roll(picture, (2, 3), (2, 3))
    flow = torch.tensor([3.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 16, 20)
    torch.testing.assert_close(warp(moved, flow)[..., :-2, :-3], picture[..., :-2, :-3])


def test_a_still_scene_has_no_warping_error_and_a_changed_one_has():
    picture = torch.rand(1, 3, 16, 16)
    pair = FlowPair(picture, picture, torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16, dtype=torch.bool))
    assert warping_error(same, pair) < 1e-10
    brighter = FlowPair(picture, picture + 0.1, pair.flow, pair.visible)
    assert warping_error(same, brighter) == pytest.approx(0.01, rel=1e-3)


def test_flicker_is_the_gain_on_noise():
    photo = 0.5 * torch.ones(1, 3, 32, 32)
    assert flicker(same, photo) == pytest.approx(1)
    assert flicker(lambda picture: 0.5 * picture, photo) == pytest.approx(0.5)


def test_a_lattice_is_what_returns_every_few_pixels():
    picture = torch.rand(1, 3, 256, 256)
    assert lattice([picture]) == pytest.approx(1, abs=0.1)
    coarse = picture[..., :128, :128].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert lattice([coarse]) == pytest.approx(2, abs=0.1)
    assert lattice([picture + 0.5 * (torch.arange(256) % 8 == 3)]) > 1.3


def test_the_photograph_itself_is_all_content(features):
    photos = [torch.rand(1, 3, 64, 64)]
    figures = measure(same, torch.rand(1, 3, 16, 16).repeat(1, 1, 4, 4), features, Material(photos, []))
    assert figures.content == 0 and figures.style > 0 and figures.warping is None


def test_flo_files(tmp_path):
    flow = np.arange(12, dtype="<f4").reshape(2, 3, 2)
    path = tmp_path / "a.flo"
    path.write_bytes(np.float32(202021.25).tobytes() + np.array([3, 2], "<i4").tobytes() + flow.tobytes())
    assert read_flo(path).shape == (1, 2, 2, 3) and read_flo(path)[0, 1, 0, 2] == 5
    path.write_bytes(b"no")
    with pytest.raises(UserError, match="no .flo file"):
        read_flo(path)


def test_a_model_of_ours_runs_by_its_metadata(tmp_path, tier):
    net = StyleNet(tier).eval()
    path = tmp_path / "a.onnx"
    onnx.save(export(net, About("a", "b", "c"), "fp32", []), path)
    model = Model(path)
    assert model(torch.rand(1, 3, 70, 91)).shape == (1, 3, 70, 91)
    assert model.kmac_per_pixel() == pytest.approx(kmac_per_pixel(tier), rel=0.01)


def test_somebody_elses_model_must_be_told_its_range(tmp_path):
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    styled = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, "h", "w"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [image], [styled])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "same.onnx"
    onnx.save(model, path)
    with pytest.raises(UserError, match="--range"):
        Model(path)
    picture = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(Model(path, scale=255.0)(picture), picture, atol=1e-6, rtol=0)
