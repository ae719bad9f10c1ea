#!/usr/bin/env python3
"""Folds an exported style network into fewer and cheaper operators. The picture stays the same but for rounding.

    python training/fold_graph.py IN.onnx OUT.onnx [--pad N] [--bytes]

- Scaling of the input to -1..1 leaves the graph: the runtime's conversion does it for nothing (`stylize.range`).
- PixelUnshuffle + 3x3 convolution becomes one convolution of stride 4.
- Nearest enlargement by 2 + 3x3 convolution becomes a 3x3 convolution with four times the channels at the small size, and
  DepthToSpace: each of the four output phases sees 2x2 small pixels, which a 3x3 kernel holds.
- Scaling of the output goes into the last convolution; clamping is the runtime's.
- With --bytes, picture and result are unsigned bytes (the result rounded to the nearest): a quarter of the memory for
  every picture that is under way.

Needs numpy and onnx; tried with onnx 1.18 and networks of the form of models/wave.live.fp32.onnx. Ends with the largest
difference between the two graphs where onnxruntime is installed.
"""

import argparse

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """A model whose nodes can be found and replaced."""

    def __init__(self, model):
        self.model, self.graph = model, model.graph

    def producer(self, name):
        return next((n for n in self.graph.node if name in n.output), None)

    def consumers(self, name):
        return [n for n in self.graph.node if name in n.input]

    def weights(self, name):
        tensor = next((t for t in self.graph.initializer if t.name == name), None)
        if tensor is not None:
            return numpy_helper.to_array(tensor)
        node = self.producer(name)
        if node is not None and node.op_type == "Constant":
            return numpy_helper.to_array(node.attribute[0].t)
        return None

    def set_weights(self, name, values):
        for tensor in self.graph.initializer:
            if tensor.name == name:
                tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))

    def remove(self, *nodes):
        for node in nodes:
            self.graph.node.remove(node)

    def replace(self, old, *new):
        index = list(self.graph.node).index(old)
        self.graph.node.remove(old)
        for offset, node in enumerate(new):
            self.graph.node.insert(index + offset, node)

    def drop_unused(self):
        used = {name for node in self.graph.node for name in node.input} | {o.name for o in self.graph.output}
        for node in [n for n in self.graph.node if not used.intersection(n.output)]:
            self.graph.node.remove(node)
        for tensor in [t for t in self.graph.initializer if t.name not in used]:
            self.graph.initializer.remove(tensor)


def fold_input_scale(graph):
    """image * 2 - 1 → nothing; returns whether it was there."""
    image = graph.graph.input[0].name
    first = graph.consumers(image)
    if len(first) != 1 or first[0].op_type != "Mul":
        return False
    second = graph.consumers(first[0].output[0])[0]
    scale, shift = graph.weights(first[0].input[1]), graph.weights(second.input[1])
    if second.op_type != "Sub" or float(scale) != 2.0 or float(shift) != 1.0:
        return False
    for node in graph.consumers(second.output[0]):
        for index, name in enumerate(node.input):
            if name == second.output[0]:
                node.input[index] = image
    graph.remove(first[0], second)
    return True


def fold_unshuffle(graph, factor=4):
    """PixelUnshuffle as torch exports it, and the convolution behind it → one convolution with a stride."""
    image = graph.graph.input[0].name
    node = graph.consumers(image)[0]
    chain = []
    while node.op_type != "Conv":
        chain.append(node)
        node = graph.consumers(node.output[0])[0]
    weights = graph.weights(node.input[1])
    out, channels, height, width = weights.shape
    pictures = channels // factor**2
    # PixelUnshuffle puts channel c, row offset i, column offset j at c * f² + i * f + j.
    wide = weights.reshape(out, pictures, factor, factor, height, width).transpose(0, 1, 4, 2, 5, 3)
    graph.set_weights(node.input[1], wide.reshape(out, pictures, height * factor, width * factor))
    node.input[0] = image
    for attribute in node.attribute:
        new = {"kernel_shape": [height * factor] * 2, "strides": [factor] * 2, "pads": [factor] * 4}.get(attribute.name)
        if new:
            attribute.CopyFrom(helper.make_attribute(attribute.name, new))
    graph.remove(*chain)


def fold_enlargement(graph, resize):
    """Nearest enlargement by 2, 3x3 convolution → 3x3 convolution, DepthToSpace."""
    conv = graph.consumers(resize.output[0])[0]
    weights, bias = graph.weights(conv.input[1]), graph.weights(conv.input[2])
    out, channels, *_ = weights.shape
    folded = np.zeros((out, 2, 2, channels, 3, 3), np.float32)
    for phase_y in range(2):
        for phase_x in range(2):
            for y in range(3):
                for x in range(3):
                    # Tap (y, x) of output pixel 2p + phase reads large pixel 2p + phase + y - 1: small pixel p + that // 2.
                    small_y, small_x = (phase_y + y - 1) // 2 + 1, (phase_x + x - 1) // 2 + 1
                    folded[:, phase_y, phase_x, :, small_y, small_x] += weights[:, :, y, x]
    graph.set_weights(conv.input[1], folded.reshape(out * 4, channels, 3, 3))
    graph.set_weights(conv.input[2], np.repeat(bias, 4))
    conv.input[0] = resize.input[0]
    result, small = conv.output[0], conv.output[0] + "_small"
    conv.output[0] = small
    shuffle = helper.make_node("DepthToSpace", [small], [result], blocksize=2, mode="CRD")
    graph.remove(resize)
    graph.replace(conv, conv, shuffle)


def fold_output_scale(graph):
    """Last convolution, DepthToSpace, * a + b, Clip → the convolution with a and b inside, DepthToSpace."""
    result = graph.graph.output[0].name
    clip = graph.producer(result)
    add = graph.producer(clip.input[0])
    mul = graph.producer(add.input[0])
    shuffle = graph.producer(mul.input[0])
    conv = graph.producer(shuffle.input[0])
    kinds = [n.op_type for n in (clip, add, mul, shuffle, conv)]
    if kinds != ["Clip", "Add", "Mul", "DepthToSpace", "Conv"]:
        return
    scale, shift = float(graph.weights(mul.input[1])), float(graph.weights(add.input[1]))
    graph.set_weights(conv.input[1], graph.weights(conv.input[1]) * scale)
    graph.set_weights(conv.input[2], graph.weights(conv.input[2]) * scale + shift)
    shuffle.output[0] = result
    graph.remove(clip, add, mul)


def take_bytes(graph):
    """Bytes in and out, for a graph that takes -1..1 and gives 0..1."""
    image, styled = graph.graph.input[0], graph.graph.output[0]
    conv = graph.consumers(image.name)[0]
    # Not into the bias: the zeros around the picture must stay the middle of the range.
    graph.set_weights(conv.input[1], graph.weights(conv.input[1]) / 127.5)
    middle = numpy_helper.from_array(np.float32(127.5), "middle_code")
    conv.input[0] = "centred"
    graph.replace(
        conv,
        helper.make_node("Cast", [image.name], ["codes"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", ["codes", "middle_code"], ["centred"]),
        conv,
    )
    shuffle = graph.producer(styled.name)
    last = graph.producer(shuffle.input[0])
    # Cast cuts off: half a code more makes that rounding.
    graph.set_weights(last.input[1], graph.weights(last.input[1]) * 255)
    graph.set_weights(last.input[2], graph.weights(last.input[2]) * 255 + 0.5)
    lowest = numpy_helper.from_array(np.float32(0), "lowest_code")
    highest = numpy_helper.from_array(np.float32(255), "highest_code")
    graph.graph.initializer.extend([middle, lowest, highest])
    clip = helper.make_node("Clip", [last.output[0], "lowest_code", "highest_code"], ["clipped"])
    cast = helper.make_node("Cast", ["clipped"], ["result_codes"], to=onnx.TensorProto.UINT8)
    shuffle.input[0] = "result_codes"
    graph.replace(shuffle, clip, cast, shuffle)
    for port in (image, styled):
        port.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    for key in ("stylize.range", "stylize.output_range"):
        set_metadata(graph.model, key, "0..255")


def set_metadata(model, key, value):
    for entry in model.metadata_props:
        if entry.key == key:
            entry.value = value
            return
    model.metadata_props.add(key=key, value=value)


def fold(model, pad=None, bytes_=False):
    """The folded copy of `model`."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = Graph(model)
    if fold_input_scale(graph):
        set_metadata(model, "stylize.range", "-1..1")
        set_metadata(model, "stylize.output_range", "0..1")
    fold_unshuffle(graph)
    for resize in [n for n in graph.graph.node if n.op_type == "Resize"]:
        fold_enlargement(graph, resize)
    fold_output_scale(graph)
    graph.drop_unused()
    if bytes_:
        take_bytes(graph)
    if pad is not None:
        set_metadata(model, "stylize.pad", str(pad))
    onnx.checker.check_model(model)
    return model


def compare(before, after):
    """Largest difference on a picture of random bytes, in 8-bit steps."""
    import onnxruntime

    codes = np.random.default_rng(1).integers(0, 256, (1, 3, 96, 128), np.uint8)

    def run(model):
        port = model.graph.input[0]
        said = {entry.key: entry.value for entry in model.metadata_props}
        low, high = {"0..1": (0, 1), "-1..1": (-1, 1), "0..255": (0, 255)}[said["stylize.range"]]
        kind = np.uint8 if port.type.tensor_type.elem_type == onnx.TensorProto.UINT8 else np.float32
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        result = session.run(None, {port.name: (codes / 255 * (high - low) + low).astype(kind)})[0]
        return result.astype(np.float32) if kind == np.uint8 else np.clip(result, 0, 1) * 255

    return np.abs(run(after) - run(before)).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--pad", type=int, help="border that the runtime adds, in pixels")
    parser.add_argument("--bytes", action="store_true", help="unsigned bytes in and out")
    arguments = parser.parse_args()
    before = onnx.load(arguments.before)
    after = fold(before, arguments.pad, arguments.bytes)
    onnx.save(after, arguments.after)
    try:
        print(f"largest difference: {compare(before, after):.4f} of 255")
    except ImportError:
        print("onnxruntime is not installed: not compared")


if __name__ == "__main__":
    main()
