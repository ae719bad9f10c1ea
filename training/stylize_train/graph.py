"""The ONNX graph of a network of one style, written node by node.

Written rather than traced, because it differs from the PyTorch module where that saves time at no difference in the result:
bytes go in and come out (DequantizeLinear and QuantizeLinear scale, round and clamp), the fixed norms and the enlargements are part of
the convolutions, and nothing is moved at full size. The picture goes in as NHWC, in which four pixels are twelve channels: PixelUnshuffle(4) and a
1x1 convolution together are one convolution of four rows. And it comes out as blocks of 4x4 pixels, one after the other, which the
runtime reads row by row: PixelShuffle(4) in the graph would cost a tenth of all time.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from . import metadata
from .metadata import About
from .network import BLOCK, StyleNet, Tier, enlarging

#: DequantizeLinear takes scales in half precision from here on.
OPSET = 19
IR_VERSION = 9
#: A byte to the network's 0..1.
SCALE = 1 / 255
NORM_EPSILON = 1e-5


def build(net: StyleNet, about: About, half: bool = False) -> onnx.ModelProto:
    """The model: `image`, u8 1 x H x W x 3 with the tier's border, to `styled` with `OUTPUT_PAD` of it left, u8 1 x h/4 x w/4 x 48:
    blocks of 4x4 pixels, their rows one after the other. Weights and arithmetic in fp32, or in fp16."""
    writer = _Writer(np.float16 if half else np.float32)
    _body(writer, net.tier, {key: value.detach().cpu().numpy() for key, value in net.state_dict().items()})
    channels = 3 * BLOCK**2
    graph = helper.make_graph(
        writer.nodes,
        f"{about.name}-{net.tier.name}",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3])],
        [helper.make_tensor_value_info("styled", TensorProto.UINT8, [1, "rows", "columns", channels])],
        writer.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="stylize-train")
    model.ir_version = IR_VERSION
    metadata.write(model, metadata.properties(about, net.tier, "fp16" if half else "fp32"))
    onnx.checker.check_model(model, full_check=True)
    return model


def _body(writer: "_Writer", tier: Tier, w: dict[str, np.ndarray]) -> None:
    """From `image` to `styled`."""
    quarter = _entered(writer, w)
    eighth = writer.conv("down", quarter, w["down.weight"], None, stride=2, pads=[1, 1, 0, 0])
    eighth = writer.relu(writer.norm("down_norm", eighth, w["down_norm.0.weight"], w["down_norm.0.bias"]))
    for block in range(tier.blocks):
        eighth = _residual(writer, w, f"body.{block}", eighth)
    order = _order(tier.width, 2)
    weight, bias = _with_norm(w, "up", "up_norm")
    weight, bias = enlarging(torch.from_numpy(weight)).numpy(), np.repeat(bias, 4)
    up = writer.relu(writer.conv("up", writer.relu(eighth), weight[order], bias[order]))
    up = _shuffle(writer, "up", up, tier.width, 2)
    quarter = writer.node("Add", [up, writer.inside(quarter, tier.skip, "skip.inside")], "skip")
    for block in range(tier.finish):
        quarter = _residual(writer, w, f"finish.{block}", quarter)
    quarter = writer.relu(writer.conv("refine", quarter, *_with_norm(w, "refine.0", "refine_norm")))
    # To the scale of bytes, in the last convolution.
    leave, bias = _at_quarter(w["leave.0.weight"] * 255, w["leave.0.bias"] * 255)
    pixels = writer.conv("leave", quarter, leave, bias)
    pixels = writer.node("QuantizeLinear", [pixels, writer.number(1.0), writer.byte(0)], "bytes")
    writer.node("Transpose", [pixels], "styled", perm=[0, 2, 3, 1])


def _entered(writer: "_Writer", w: dict[str, np.ndarray]) -> str:
    """PixelUnshuffle(4) and the 1x1 convolution behind it, of 1 x H x W x 3 bytes: four rows of twelve channels."""
    runs = writer.reshape("image", "in.runs", [0, 0, -1, 3 * BLOCK])
    planes = writer.node("Transpose", [runs], "in.nchw", perm=[0, 3, 1, 2])
    x = writer.node("DequantizeLinear", [planes, writer.number(SCALE), writer.byte(0)], "in")
    weight = w["enter.weight"].reshape(-1, 3, BLOCK, BLOCK)  # output, colour, row, column
    weight = weight.transpose(0, 3, 1, 2).reshape(-1, 3 * BLOCK, BLOCK, 1)
    return writer.relu(writer.conv("enter", x, weight, w["enter.bias"], stride=(BLOCK, 1)))


def _residual(writer: "_Writer", w: dict[str, np.ndarray], name: str, x: str) -> str:
    inner = writer.relu(writer.conv(f"{name}.first", x, *_with_norm(w, f"{name}.first", f"{name}.norm")))
    inner = writer.conv(f"{name}.second", inner, w[f"{name}.second.weight"], w[f"{name}.second.bias"])
    return writer.node("Add", [writer.inside(x, 2, f"{name}.inside"), inner], f"{name}.sum")


def _with_norm(w: dict[str, np.ndarray], conv: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of a convolution with the norm behind it, before which its channels may be shuffled."""
    gain, bias, mean, variance = (w[f"{norm}.0.{key}"] for key in ("weight", "bias", "running_mean", "running_var"))
    scale = gain / np.sqrt(variance + NORM_EPSILON)
    weight, bias = w[f"{conv}.weight"], bias - mean * scale
    scale, bias = (np.repeat(values, len(weight) // len(gain)) for values in (scale, bias))
    return weight * scale[:, None, None, None], bias


def _at_quarter(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PixelShuffle(2) → 5x5 convolution → PixelShuffle(2) as one 3x3 convolution, whose 48 channels are in `_order(3, 4)`.

    Some more multiplications, and a fifth of the time: few channels at half size are what costs.
    """
    outs, ins, _, _ = weight.shape
    # (row and column of the half-size pixel, output) x (input, row and column of the half-size pixel) x 3 x 3
    wide = np.zeros((2, 2, outs, ins, 2, 2, 3, 3), weight.dtype)
    for row, column, dy, dx in np.ndindex(2, 2, 5, 5):
        (up, from_row), (left, from_column) = divmod(row + dy - 2, 2), divmod(column + dx - 2, 2)
        wide[row, column, :, :, from_row, from_column, up + 1, left + 1] = weight[:, :, dy, dx]
    wide = wide.reshape(2, 2, outs // 4, 2, 2, 4 * ins, 3, 3)  # ... colour, row and column within the half-size pixel
    biases = np.broadcast_to(bias.reshape(outs // 4, 2, 2), (2, 2, outs // 4, 2, 2))
    order = (0, 3, 1, 4, 2)
    return wide.transpose(*order, 5, 6, 7).reshape(4 * outs, 4 * ins, 3, 3), biases.transpose(order).reshape(-1)


def _order(channels: int, factor: int) -> np.ndarray:
    """PyTorch counts what is shuffled as (channel, row, column); runs of NHWC pixels want (row, column, channel)."""
    return np.arange(channels * factor**2).reshape(channels, factor, factor).transpose(1, 2, 0).reshape(-1)


def _shuffle(writer: "_Writer", name: str, x: str, channels: int, factor: int) -> str:
    """PixelShuffle of NCHW whose channels are in `_order`; NHWC between, where it moves runs of bytes."""
    x = writer.node("Transpose", [x], f"{name}.nhwc", perm=[0, 2, 3, 1])
    x = writer.node("Squeeze", [x, writer.shape([0])], f"{name}.batch")
    x = writer.reshape(x, f"{name}.blocks", [0, 0, factor, factor * channels])
    x = writer.node("Transpose", [x], f"{name}.rows", perm=[0, 2, 1, 3])
    x = writer.node("Flatten", [x], f"{name}.runs", axis=2)  # rows, columns · channels
    x = writer.reshape(x, f"{name}.pixels", [0, -1, channels])
    x = writer.node("Unsqueeze", [x, writer.shape([0])], f"{name}.image")
    return writer.node("Transpose", [x], f"{name}.nchw", perm=[0, 3, 1, 2])


class _Writer:
    """Collects nodes and weights; every node has one output, which has its name."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: np.ndarray) -> str:
        if all(tensor.name != name for tensor in self.weights):
            self.weights.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def shape(self, sides: list[int]) -> str:
        return self.constant(f"shape {sides}", np.array(sides, np.int64))

    def reshape(self, x: str, name: str, sides: list[int]) -> str:
        return self.node("Reshape", [x, self.shape(sides)], name)

    def number(self, value: float) -> str:
        return self.constant(f"number {value:g}", np.array(value, self.dtype))

    def byte(self, value: int) -> str:
        return self.constant(f"byte {value}", np.array(value, np.uint8))

    def conv(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray | None, stride=1, pads=(0, 0, 0, 0)) -> str:
        inputs = [x, self.constant(f"{name}.weight", weight.astype(self.dtype))]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias.astype(self.dtype)))
        strides = [stride, stride] if isinstance(stride, int) else list(stride)
        shape = {"kernel_shape": list(weight.shape[2:]), "strides": strides, "pads": list(pads)}
        return self.node("Conv", inputs, name, **shape)

    def inside(self, x: str, border: int, name: str) -> str:
        """NCHW without `border` pixels on each side."""
        return self.node(
            "Slice", [x, *(self.shape([side] * 2) for side in (border, -border)), self.shape([2, 3])], name
        )

    def norm(self, name: str, x: str, gain: np.ndarray, bias: np.ndarray) -> str:
        inputs = [x, self.constant(f"{name}.gain", gain.astype(self.dtype))]
        inputs.append(self.constant(f"{name}.bias", bias.astype(self.dtype)))
        return self.node("InstanceNormalization", inputs, name, epsilon=NORM_EPSILON)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], f"{x}.relu")
