import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from stylize_train import metadata
from stylize_train.__main__ import main
from stylize_train.errors import UserError
from stylize_train.evaluate import (
    FlowPair,
    Material,
    flicker,
    lattice,
    load_material,
    measure,
    read_flo,
    warp,
    warping_error,
)
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
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="a broken .flo file"):
        read_flo(path)
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


def foreign(path, *nodes, shape=(1, 3, "h", "w"), said=None, inputs=(), outputs=None, constants=()):
    """Somebody else's model, from `x` to `y`."""
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    styled = helper.make_tensor_value_info("y", TensorProto.FLOAT, outputs or shape)
    constants = [numpy_helper.from_array(np.float32([0, 1, 1]).reshape(3, 1, 1), "no first channel"), *constants]
    graph = helper.make_graph(list(nodes), "foreign", [image, *inputs], [styled], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=9
    )
    metadata.write(model, said or {})
    onnx.save(model, path)
    return path


SAME, INVERSE = helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["y"])
WITHOUT_FIRST = helper.make_node("Mul", ["x", "no first channel"], ["y"])
STRENGTH = helper.make_tensor_value_info("strength", TensorProto.FLOAT, [1])
DIMMED = helper.make_node("Mul", ["x", "strength"], ["y"])


def test_somebody_elses_model_must_be_told_its_range(tmp_path):
    path = foreign(tmp_path / "same.onnx", SAME)
    with pytest.raises(UserError, match="--say range=0..255"):
        Model(path)
    picture = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(Model(path, {"range": "0..255"})(picture), picture, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("node", "said", "wanted"),
    [
        (WITHOUT_FIRST, {"range": "0..255"}, lambda r, g, b: (0 * r, g, b)),
        (WITHOUT_FIRST, {"range": "0..255", "channels": "bgr"}, lambda r, g, b: (r, g, 0 * b)),
        (INVERSE, {"range": "-1..1"}, lambda r, g, b: (1 - r, 1 - g, 1 - b)),
        (
            INVERSE,
            {"range": "0..1", "mean": "0.5", "std": "0.5", "output_range": "-1..1"},
            lambda *c: [1 - x for x in c],
        ),
        (SAME, {"range": "0..1", "mean": "[0.25, 0, 0]", "std": "1, 2, 1"}, lambda r, g, b: (r - 0.25, g / 2, b)),
        # Blue goes first, and is still the third of mean and std.
        (SAME, {"range": "0..1", "mean": "0, 0, 0.5", "channels": "bgr"}, lambda r, g, b: (r, g, b - 0.5)),
        (SAME, {"range": "0..255", "output_range": "0..1"}, lambda *c: [255 * x for x in c]),
    ],
)
def test_a_model_is_fed_and_read_as_it_says(node, said, wanted, tmp_path):
    picture = torch.rand(1, 3, 15, 18)
    expected = torch.stack(list(wanted(*picture[0]))).clamp(0, 1)
    for model in (
        Model(foreign(tmp_path / "a.onnx", node, said=said)),
        Model(foreign(tmp_path / "b.onnx", node), said),
        Model(_beside(foreign(tmp_path / "c.onnx", node), said)),
        # What is said of it goes before the file beside it, and that before what it says itself.
        Model(_beside(foreign(tmp_path / "d.onnx", node, said=dict.fromkeys(said, "wrong")), said)),
        Model(_beside(foreign(tmp_path / "e.onnx", node), dict.fromkeys(said, "wrong")), said),
    ):
        torch.testing.assert_close(model(picture)[0], expected, atol=1e-5, rtol=0)


def _beside(path, said):
    """The model, with a file beside it that says `said`."""
    path.with_suffix(".toml").write_text(
        "".join(f'{key.replace("_", "-")} = "{value}"\n' for key, value in said.items())
    )
    return path


def test_the_file_beside_a_model_may_have_lists_numbers_and_inputs(tmp_path):
    path = foreign(tmp_path / "candy.onnx", DIMMED, inputs=[STRENGTH])
    beside, text = (
        tmp_path / "candy.onnx.toml",
        'range = "0..1"\nmean = [0.25, 0, 0]\npad = 2\n[inputs]\nstrength = 0.5\n',
    )
    beside.write_text(text)
    picture = torch.rand(1, 3, 16, 16)
    mean = torch.tensor([0.25, 0, 0]).view(3, 1, 1)
    torch.testing.assert_close(Model(path)(picture), ((picture - mean) / 2).clamp(0, 1))
    for wrong, says in (
        (text + "[", "candy.onnx.toml: "),
        ("rnage = 1", "no key 'rnage'"),
        ("inputs = 1", "no key 'inputs'"),
    ):
        beside.write_text(wrong)
        with pytest.raises(UserError, match=says):
            Model(path)


@pytest.mark.parametrize("word", ["rnage=0..1", "inputs.=1", "0..1"])
def test_only_what_there_is_can_be_said(word, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "a.onnx", "--say", word])
    assert "no key" in capsys.readouterr().err


def test_sums_of_bytes_are_exact_where_nobody_says_that_they_have_room(tmp_path):
    """Three channels of 255 with weights of 127: in 16 bits that is too much."""
    one_byte, image = [numpy_helper.from_array(np.array(0, np.uint8), "zero")], ["x", "one", "zero"]
    scales = {"one": np.float32(1), "third": np.float32(1 / 381), "weights": np.full((3, 3, 1, 1), 127, np.int8)}
    constants = one_byte + [numpy_helper.from_array(np.array(value), name) for name, value in scales.items()]
    nodes = [
        helper.make_node("QuantizeLinear", image, ["bytes"]),
        helper.make_node("DequantizeLinear", ["bytes", "one", "zero"], ["values"]),
        helper.make_node("DequantizeLinear", ["weights", "third"], ["kernels"]),
        helper.make_node("Conv", ["values", "kernels"], ["mean"]),
        helper.make_node("QuantizeLinear", ["mean", "one", "zero"], ["result"]),
        helper.make_node("DequantizeLinear", ["result", "one", "zero"], ["y"]),
    ]
    path = foreign(tmp_path / "a.onnx", *nodes, constants=constants)
    white = torch.ones(1, 3, 16, 16)
    torch.testing.assert_close(Model(path, {"range": "0..255"})(white), white)


def test_a_picture_may_come_without_its_number(tmp_path):
    squeezed = helper.make_node("Squeeze", ["x"], ["y"])
    path = foreign(tmp_path / "a.onnx", squeezed, outputs=(3, "h", "w"), said={"range": "0..1"})
    picture = torch.rand(1, 3, 16, 12)
    torch.testing.assert_close(Model(path)(picture), picture)


def test_a_cost_that_cannot_be_known_is_none(tmp_path):
    kernels = [numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "kernels")]
    # An operator that ONNX does not know.
    hidden = helper.make_node("Gelu", ["x"], ["z"], domain="com.microsoft")
    convolutions = [helper.make_node("Conv", [source, "kernels"], ["y"]) for source in "xz"]
    plain = foreign(tmp_path / "a.onnx", convolutions[0], constants=kernels)
    strange = foreign(
        tmp_path / "b.onnx", hidden, convolutions[1], constants=kernels, outputs=(1, 3, "rows", "columns")
    )
    assert Model(plain, {"range": "0..1"}).kmac_per_pixel() == pytest.approx(0.009)
    assert Model(strange, {"range": "0..1"}).kmac_per_pixel() is None


def test_further_inputs_have_the_value_that_is_said(tmp_path):
    path = foreign(tmp_path / "a.onnx", DIMMED, inputs=[STRENGTH])
    picture = torch.rand(1, 3, 16, 16)
    dimmed = Model(path, {"range": "0..1", "inputs.strength": "0.5"})(picture)
    torch.testing.assert_close(dimmed, picture / 2)


def test_a_model_of_one_size_is_served_by_resizing(tmp_path):
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 64, 96)
    for pad in (0, 5):
        path = foreign(tmp_path / "a.onnx", SAME, shape=(1, 3, 50, 75), said={"range": "0..1", "pad": str(pad)})
        torch.testing.assert_close(Model(path)(ramp), ramp, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("model", "said", "reason"),
    [
        ({}, {"range": "0..2"}, "range = '0..2': it must be one of"),
        ({}, {"range": "0..1", "version": "2"}, "version 2"),
        ({}, {"range": "0..1", "std": "0"}, "never 0"),
        ({}, {"range": "0..1", "mean": "1, 2"}, "one number, or three"),
        ({}, {"range": "0..1", "pad": "-1"}, "whole number"),
        ({}, {"range": "0..1", "pad": "1", "output_pad": "2"}, "at most pad"),
        ({}, {"range": "0..1", "inputs.z": "1"}, "no such input"),
        ({"shape": (1, "c", "h", "w")}, {"range": "0..1"}, "where its channels are"),
        ({"shape": (1, 3, 16, 16)}, {"range": "0..1", "layout": "nhwc"}, "16 channels"),
        ({"shape": (2, 3, "h", "w")}, {"range": "0..1"}, "2 pictures at once"),
        ({"shape": (1, 3, 16, "w")}, {"range": "0..1"}, "one side"),
        ({"shape": (1, 3, 16, 16)}, {"range": "0..1", "pad": "8"}, "leaves nothing"),
        ({"inputs": [STRENGTH]}, {"range": "0..1"}, "'strength' has no value"),
        ({"inputs": [STRENGTH]}, {"range": "0..1", "inputs.strength": "much"}, "it must be a number"),
    ],
)
def test_what_a_model_cannot_be_run_by_is_one_line(model, said, reason, tmp_path):
    path = foreign(tmp_path / "a.onnx", SAME, **model)
    with pytest.raises(UserError, match=f"a.onnx: .*{reason}"):
        Model(path, said)(torch.rand(1, 3, 16, 16))


def test_a_model_that_cuts_off_a_border_without_a_word_is_refused(tmp_path):
    pool = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3])
    path = foreign(tmp_path / "a.onnx", pool, outputs=(1, 3, "rows", "columns"))
    with pytest.raises(UserError, match="gives 14x14 pixels, not 16x16"):
        Model(path, {"range": "0..1"})(torch.rand(1, 3, 16, 16))
    said = {"range": "0..1", "pad": "1", "output_pad": "0", "multiple_of": "1"}
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(Model(path, said)(flat), flat)


@pytest.fixture
def sequence(tmp_path):
    """Two frames of 12x8, in which all moves two pixels to the right; one pixel is hidden in the second, one is not known."""
    gt, picture = tmp_path / "flow/alley/gt", np.random.default_rng(0).integers(0, 256, (8, 14, 3), np.uint8)
    for kind, hidden in (("occlusions", (1, 2)), ("invalid", (3, 4))):
        mask = np.zeros((8, 12), np.uint8)
        mask[hidden] = 255
        (gt / kind).mkdir(parents=True)
        Image.fromarray(mask).save(gt / kind / "frame_0009.png")
    Image.fromarray(picture[:, 2:]).save(gt.parent / "frame_0009.png")
    Image.fromarray(picture[:, :12]).save(gt.parent / "frame_0010.png")
    flow = np.tile(np.float32([2, 0]), (8, 12, 1))
    head = np.float32(202021.25).tobytes() + np.array([12, 8], "<i4").tobytes()
    (gt / "frame_0009.flo").write_bytes(head + flow.tobytes())
    return tmp_path / "flow"


def test_a_pair_of_frames_is_compared_where_it_can_be(sequence, folder):
    (pair,) = load_material(folder / "photos", sequence, 1).pairs
    visible = torch.ones(8, 12, dtype=torch.bool)
    visible[1, 2] = visible[3, 4] = False
    visible[:, 10:] = False  # what moves out of the picture
    assert torch.equal(pair.visible, visible[None, None])
    assert warping_error(same, pair) < 1e-10
    spoilt = torch.where(pair.visible, pair.first, 1 - pair.first)
    assert warping_error(same, FlowPair(spoilt, pair.second, pair.flow, pair.visible)) < 1e-10


def test_a_folder_without_sequences_is_an_error(folder):
    with pytest.raises(UserError, match="no sequences"):
        load_material(folder / "photos", folder, 1)
