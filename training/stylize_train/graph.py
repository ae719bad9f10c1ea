"""The ONNX graph of a network of one style, written node by node.

Written rather than traced, because it differs from the PyTorch module where that saves time at no difference in the result:
bytes go in and come out (DequantizeLinear and QuantizeLinear scale, round and clamp), and the pictures are NHWC: so
PixelUnshuffle and PixelShuffle move runs of 12 bytes, a tenth of the time that they take with NCHW planes.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import metadata
from .metadata import About
from .network import BLUR, StyleNet

#: DequantizeLinear takes scales in half precision from here on.
OPSET = 19
IR_VERSION = 9
#: A byte to the network's 0..1.
SCALE = 1 / 255


def build(net: StyleNet, about: About, half: bool = False) -> onnx.ModelProto:
    """The model: `image`, u8 1 x H x W x 3, to `styled`, the same; weights and arithmetic in fp32, or in fp16."""
    writer = _Writer(np.float16 if half else np.float32)
    _body(writer, {key: value.detach().cpu().numpy() for key, value in net.state_dict().items()})
    sides = ["height", "width"]
    graph = helper.make_graph(
        writer.nodes,
        f"{about.name}-{net.tier.name}",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, *sides, 3])],
        [helper.make_tensor_value_info("styled", TensorProto.UINT8, [1, *sides, 3])],
        writer.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="stylize-train")
    model.ir_version = IR_VERSION
    metadata.write(model, metadata.properties(about, net.tier))
    onnx.checker.check_model(model, full_check=True)
    return model


def _body(writer: "_Writer", w: dict[str, np.ndarray]) -> None:
    """From `image` to `styled`."""
    bytes_in = _unshuffle(writer, "image")
    x = writer.node("DequantizeLinear", [bytes_in, writer.number(SCALE), writer.byte(0)], "in")
    enter = writer.conv("enter", x, w["enter.weight"][:, _order(3, 4)], w["enter.bias"])
    quarter = writer.relu(enter)
    eighth = writer.conv("down", quarter, w["down.weight"], None, stride=2)
    eighth = writer.relu(writer.norm("down_norm", eighth, w["down_norm.gain.0"], w["down_norm.bias.0"]))
    blocks = 1 + max(int(key.split(".")[1]) for key in w if key.startswith("body."))
    for name in (f"body.{i}" for i in range(blocks)):
        inner = writer.conv(f"{name}.first", eighth, w[f"{name}.first.weight"], None)
        inner = writer.relu(writer.norm(f"{name}.norm", inner, w[f"{name}.norm.gain.0"], w[f"{name}.norm.bias.0"]))
        inner = writer.conv(f"{name}.second", inner, w[f"{name}.second.weight"], w[f"{name}.second.bias"])
        eighth = writer.node("Add", [eighth, inner], f"{name}.sum")
    width = len(w["enter.weight"])
    up = writer.conv("up", writer.relu(eighth), w["up.weight"][_order(width, 2)], None)
    up = writer.node("Transpose", [_shuffle(writer, "up", up, width, 2)], "up.nchw", perm=[0, 3, 1, 2])
    up = writer.conv("up.blur", up, np.broadcast_to(BLUR.numpy(), (width, 1, 3, 3)), None)
    quarter = writer.relu(writer.node("Add", [up, quarter], "skip"))
    quarter = writer.relu(writer.conv("refine", quarter, w["refine.0.weight"], w["refine.0.bias"]))
    # To the scale of bytes, in the last convolution.
    leave, bias = _at_quarter(_after_blur(w["leave.0.weight"]) * 255, w["leave.0.bias"] * 255)
    pixels = writer.conv("leave", quarter, leave, bias)
    pixels = writer.node("QuantizeLinear", [pixels, writer.number(1.0), writer.byte(0)], "bytes")
    writer.node("Identity", [_shuffle(writer, "out", pixels, 3, 4)], "styled")


def _at_quarter(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PixelShuffle(2) → 5x5 convolution → PixelShuffle(2) as one 3x3 convolution, whose 48 channels are in `_order(3, 4)`.

    Four times the multiplications, most of them with zero, and a fifth of the time: few channels at half size are what costs.
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


def _after_blur(weight: np.ndarray) -> np.ndarray:
    """A 3x3 convolution behind `blur`, as one of 5x5."""
    both = np.zeros((*weight.shape[:2], 5, 5), weight.dtype)
    for dy, dx in np.ndindex(3, 3):
        both[:, :, dy : dy + 3, dx : dx + 3] += weight[:, :, dy : dy + 1, dx : dx + 1] * BLUR.numpy()
    return both


def _order(channels: int, factor: int) -> np.ndarray:
    """PyTorch counts what is shuffled as (channel, row, column); runs of NHWC pixels want (row, column, channel)."""
    return np.arange(channels * factor**2).reshape(channels, factor, factor).transpose(1, 2, 0).reshape(-1)


def _unshuffle(writer: "_Writer", x: str) -> str:
    """PixelUnshuffle(4) of 1 x H x W x 3, to NCHW. A row of a 4x4 block is a run of 12 bytes, and moves as one."""
    x = writer.reshape(x, "in.runs", [0, 0, -1, 12])  # 1, H, W/4, 12
    x = writer.reshape(x, "in.rows", [-1, 4, 0, 12])  # H/4, 4, W/4, 12
    x = writer.node("Transpose", [x], "in.blocks", perm=[0, 2, 1, 3])
    x = writer.node("Unsqueeze", [x, writer.shape([0])], "in.batch")
    x = writer.reshape(x, "in.nhwc", [0, 0, 0, 48])
    return writer.node("Transpose", [x], "in.nchw", perm=[0, 3, 1, 2])


def _shuffle(writer: "_Writer", name: str, x: str, channels: int, factor: int) -> str:
    """PixelShuffle of NCHW, whose channels are in `_order`, to NHWC."""
    x = writer.node("Transpose", [x], f"{name}.nhwc", perm=[0, 2, 3, 1])
    x = writer.node("Squeeze", [x, writer.shape([0])], f"{name}.batch")
    x = writer.reshape(x, f"{name}.blocks", [0, 0, factor, factor * channels])
    x = writer.node("Transpose", [x], f"{name}.rows", perm=[0, 2, 1, 3])
    x = writer.node("Flatten", [x], f"{name}.runs", axis=2)  # rows, columns · channels
    x = writer.reshape(x, f"{name}.pixels", [0, -1, channels])
    return writer.node("Unsqueeze", [x, writer.shape([0])], f"{name}.image")


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

    def conv(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray | None, stride: int = 1) -> str:
        inputs = [x, self.constant(f"{name}.weight", weight.astype(self.dtype))]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias.astype(self.dtype)))
        side = weight.shape[2]
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "pads": [side // 2] * 4}
        if weight.shape[1] == 1:
            shape["group"] = len(weight)
        return self.node("Conv", inputs, name, **shape)

    def norm(self, name: str, x: str, gain: np.ndarray, bias: np.ndarray) -> str:
        inputs = [x, self.constant(f"{name}.gain", gain.astype(self.dtype))]
        inputs.append(self.constant(f"{name}.bias", bias.astype(self.dtype)))
        return self.node("InstanceNormalization", inputs, name, epsilon=1e-5)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], f"{x}.relu")
