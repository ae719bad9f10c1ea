import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from stylize_train import metadata
from stylize_train.export import export, padded_bytes, psnr_to_torch, session
from stylize_train.metadata import About
from stylize_train.network import BLOCK, OUTPUT_PAD, StyleNet, kmac_per_pixel

ABOUT = About("test", "A Painting, somebody, 1900", "noise", "MIT OR Apache-2.0")


@pytest.fixture
def net(tier):
    """Untrained weights, all phases and biases different, so that a wrong order shows."""
    net = StyleNet(tier).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        for name, buffer in net.named_buffers():
            if name.endswith(("mean", "var")):
                buffer += 0.3 * torch.rand_like(buffer)
    return net


@pytest.mark.parametrize(("precision", "decibels"), [("fp32", 60), ("fp16", 45), ("int8", 30)])
def test_an_export_paints_as_pytorch_does(net, content, precision, decibels):
    photos = content.sample(4, 72)
    assert psnr_to_torch(export(net, ABOUT, precision, photos), net, photos) > decibels


def test_an_export_takes_pictures_of_any_size(net):
    run = session(export(net, ABOUT, "fp32", []))
    for height, width in ((64, 64), (72, 128)):
        image = padded_bytes(torch.rand(1, 3, height, width), net.tier)
        styled = run.run(None, {"image": image})[0]
        sides = [(side + 2 * OUTPUT_PAD) // BLOCK for side in (height, width)]
        assert (styled.shape, styled.dtype) == ((1, *sides, 3 * BLOCK**2), np.uint8)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_export_says_what_it_needs(net, content, precision):
    said = metadata.read(export(net, ABOUT, precision, content.sample(4, 72)))
    wanted = {
        "version": "1",
        "name": "test",
        "layout": "nhwc",
        "channels": "rgb",
        "range": "0..255",
        "multiple_of": "8",
        "pad": "44",
        "output_layout": "blocks4",
        "output_pad": "10",
        "tier": net.tier.name,
        "precision": precision,
    }
    assert wanted.items() <= said.items()
    assert said.get("sum_bits") == ("16" if precision == "int8" else None)
    assert said["style_image"] == ABOUT.style_image and said["trained_on"] == "noise"
    assert said["licence"] == ABOUT.licence
    assert float(said["kmac_per_pixel"]) > 0


def test_two_products_of_bytes_have_room_in_16_bits(net, content):
    model = export(net, ABOUT, "int8", content.sample(4, 72))
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {node.output[0]: node for node in model.graph.node}
    weights = [values[made_by[node.input[1]].input[0]] for node in model.graph.node if node.op_type == "Conv"]
    assert len(weights) == 5 + 2 * (net.tier.blocks + net.tier.finish)
    largest = 0
    for weight in weights:
        assert weight.dtype == np.int8
        outs, ins, *sides = weight.shape
        pairs = weight.astype(int).reshape(outs, ins // 2, 2, *sides)
        sums = [np.maximum(sign * pairs, 0).sum(2).max() for sign in (1, -1)]
        assert max(sums) * 255 < 2**15
        largest = max(largest, *sums)
    assert largest >= 126  # and what room there is is used


def test_an_export_states_no_licence_that_nobody_gave(net):
    assert "licence" not in metadata.read(export(net, replace(ABOUT, licence=None), "fp32", []))


def test_traffic_counts_what_is_in_bytes(net, content, tmp_path):
    onnx.save(export(net, ABOUT, "int8", content.sample(4, 72)), tmp_path / "a.onnx")
    script = Path(__file__).parents[2] / "scripts/traffic.py"
    told = subprocess.run([sys.executable, script, tmp_path / "a.onnx"], check=True, capture_output=True, text=True)
    kmac, traffic = map(float, told.stdout.split())
    # The border is part of the picture here.
    assert kmac == pytest.approx(kmac_per_pixel(net.tier), rel=0.2) and traffic > 10


def test_weights_of_int8_are_bytes(net, content):
    model = export(net, ABOUT, "int8", content.sample(4, 72))
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.INT8}
