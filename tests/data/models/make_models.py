#!/usr/bin/env python3
"""Writes the models that the tests use, a few kB in all, beside this file.

They are committed; running this again (`pip install onnx numpy`) is needed only to change them. One good model of each
kind, and one wrong model of each kind. IR 8 and opset 17 load in every ONNX Runtime since 1.12.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
NCHW = [1, 3, "height", "width"]
NHWC = [1, "height", "width", 3]
FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


def port(name, dims, dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.array(values, dtype), name)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], **attributes)


def save(name, nodes, inputs, outputs, constants=(), metadata=None, opset=17, ml=False):
    """`metadata`: the `stylize.*` keys without their prefix; None for a model that says nothing of itself."""
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid("ai.onnx.ml", 3)] * ml
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    model.producer_name = "make_models.py"
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = f"stylize.{key}", value
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


def says(name, **more):
    return {"version": "1", "name": name, "range": "0..1", **more}


def good():
    """Models that must work."""
    image, styled = [port("image", NCHW)], [port("styled", NCHW)]
    save("identity", [node("Identity", ["image"], "styled")], image, styled,
         metadata=says("identity", layout="nchw", channels="rgb", licence="MIT OR Apache-2.0", trained_on="nothing",
                       style_image="none", kmac_per_pixel="0"))
    one = constant("one", 1.0)
    invert = [node("Sub", ["one", "image"], "styled")]
    save("invert", invert, image, styled, [one], says("invert"))
    save("no_range", invert, image, styled, [one])
    save("signed", [node("Neg", ["image"], "styled")], image, styled, metadata=says("signed", range="-1..1"))
    save("fixed", invert, [port("image", [1, 3, 48, 64])], [port("styled", [1, 3, 48, 64])], [one], says("fixed"))
    save("free_batch", invert, [port("image", ["batch", 3, "height", "width"])],
         [port("styled", ["batch", 3, "height", "width"])], [one], says("free_batch"))
    save("identity_nhwc_u8", [node("Identity", ["image"], "styled")], [port("image", NHWC, BYTE)],
         [port("styled", NHWC, BYTE)], metadata=says("identity_nhwc_u8", range="0..255"))
    save("identity_f16", [node("Identity", ["image"], "styled")], [port("image", NCHW, HALF)],
         [port("styled", NCHW, HALF)], metadata=says("identity_f16"))
    # Each channel twice, and half of both: two products of bytes that have no room in 16 bits, of a white picture.
    byte_scale, zero = constant("byte_scale", 1 / 255), constant("zero", 0, np.uint8)
    halves = np.kron(np.eye(3), [[127, 127]]).reshape(3, 6, 1, 1)
    save("large_sums", [
        node("Gather", ["image", "twice_each"], "wide", axis=3), node("Transpose", ["wide"], "nchw", perm=[0, 3, 1, 2]),
        node("DequantizeLinear", ["nchw", "byte_scale", "zero"], "x"),
        node("DequantizeLinear", ["halves", "half_scale", "none"], "w"),
        node("Conv", ["x", "w"], "y"), node("QuantizeLinear", ["y", "byte_scale", "zero"], "bytes"),
        node("Transpose", ["bytes"], "styled", perm=[0, 2, 3, 1]),
    ], [port("image", NHWC, BYTE)], [port("styled", NHWC, BYTE)],
        [byte_scale, zero, constant("twice_each", [0, 0, 1, 1, 2, 2], np.int64), constant("halves", halves, np.int8),
         constant("half_scale", 0.5 / 127), constant("none", 0, np.int8)],
        says("large_sums", range="0..255"))
    # Another dtype and layout out than in, no batch, and another range: as some published models have it.
    save("hwc_bytes_out", [
        node("Mul", ["image", "full"], "scaled"), node("Transpose", ["scaled"], "nhwc", perm=[0, 2, 3, 1]),
        node("Squeeze", ["nhwc", "first"], "hwc"), node("Round", ["hwc"], "rounded"),
        node("Cast", ["rounded"], "styled", to=BYTE),
    ], image, [port("styled", ["height", "width", 3], BYTE)],
        [constant("full", 255.0), constant("first", [0], np.int64)], says("hwc_bytes_out", output_range="0..255"))
    # SpaceToDepth refuses sides that are no multiple of 8.
    save("multiple_of", [
        node("SpaceToDepth", ["image"], "deep", blocksize=8), node("DepthToSpace", ["deep"], "styled", blocksize=8),
    ], image, styled, metadata=says("multiple_of", multiple_of="8", pad="4"))
    scales = constant("twice", [1, 1, 2, 2])
    save("upscale2", [node("Resize", ["image", "", "twice"], "styled", mode="nearest")], image,
         [port("styled", [1, 3, "out_height", "out_width"])], [scales], says("upscale2", pad="4"))
    save("rounds_up", [
        node("MaxPool", ["image"], "small", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1),
        node("Resize", ["small", "", "four"], "styled", mode="nearest"),
    ], image, [port("styled", [1, 3, "out_height", "out_width"])], [constant("four", [1, 1, 4, 4])],
        says("rounds_up"))
    # What only ONNX Runtime's own kernels run, between two nodes that any provider runs.
    save("of_two_minds", [
        node("Sub", ["one", "image"], "inverted"),
        helper.make_node("Binarizer", ["inverted"], ["cut"], domain="ai.onnx.ml", threshold=0.5),
        node("Sub", ["one", "cut"], "styled"),
    ], image, styled, [one], says("of_two_minds"), ml=True)
    save("foreign", [helper.make_node("Binarizer", ["image"], ["styled"], domain="ai.onnx.ml", threshold=0.5)], image, styled,
         metadata=says("foreign"), ml=True)
    save("external_inside", [node("Mul", ["image", "gain"], "styled")], image, styled,
         [external("gain", "external_inside.bin")], says("external_inside"))
    (HERE / "external_inside.bin").write_bytes(np.array([0.5], np.float32).tobytes())


def more_inputs():
    """Models with an input beside the picture."""
    image, styled = port("image", NCHW), [port("styled", NCHW)]
    multiply = [node("Mul", ["image", "strength"], "styled")]
    save("two_inputs", multiply, [image, port("strength", [1])], styled, metadata=says("two_inputs"))
    save("two_inputs_stated", multiply, [image, port("strength", [1])], styled,
         metadata=says("two_inputs_stated", **{"inputs.strength": "0.25"}))
    save("default_input", multiply, [image, port("strength", [1])], styled, [constant("strength", [0.5])],
         says("default_input"))
    cast = [node("Cast", ["steps"], "gain", to=FLOAT), node("Mul", ["image", "gain"], "styled")]
    save("integer_input", cast, [port("steps", [1], TensorProto.INT64), image], styled, metadata=says("integer_input"))


def external(name, location):
    tensor = constant(name, [0.5])
    onnx.external_data_helper.set_external_data(tensor, location=location, offset=0, length=4)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def wrong():
    """Models that must be refused, each for one reason."""
    image, styled = [port("image", NCHW)], [port("styled", NCHW)]
    same = [node("Identity", ["image"], "styled")]

    def shaped(name, dims, out=None, dtype=FLOAT, **more):
        save(name, same, [port("image", dims, dtype)], [port("styled", out or dims, dtype)], metadata=says(name, **more))

    shaped("wrong_rank", ["height", "width"])
    shaped("wrong_int64", NCHW, dtype=TensorProto.INT64)
    shaped("wrong_double", NCHW, dtype=TensorProto.DOUBLE)
    shaped("wrong_string", NCHW, dtype=TensorProto.STRING)
    shaped("wrong_grey", [1, 1, "height", "width"])
    shaped("wrong_batch", [4, 3, "height", "width"])
    shaped("wrong_layout", NCHW, layout="nhwc")
    shaped("wrong_range", NCHW, range="0..2")
    shaped("wrong_version", NCHW, version="2")
    shaped("wrong_std", NCHW, std="0")
    shaped("wrong_pad", NCHW, pad="lots")
    shaped("wrong_key_input", NCHW, **{"inputs.missing": "1"})
    shaped("half_fixed", [1, 3, 48, "width"])
    save("two_outputs", [*same, node("Neg", ["image"], "negative")], image, [*styled, port("negative", NCHW)],
         metadata=says("two_outputs"))
    save("two_pictures", [node("Add", ["image", "other"], "styled")], [*image, port("other", NCHW)], styled,
         metadata=says("two_pictures"))
    save("grey_out", [node("ReduceMean", ["image"], "styled", axes=[1])], image, [port("styled", [1, 1, "height", "width"])],
         metadata=says("grey_out"))
    # How many channels it gives is computed: only running it shows that they are not three.
    save("grey_out_unsaid", [
        node("ReduceMax", ["image"], "max", keepdims=0), node("Mul", ["max", "nought"], "zero"),
        node("Cast", ["zero"], "whole", to=TensorProto.INT64), node("Add", ["whole", "first"], "last"),
        node("Slice", ["image", "start", "last", "first"], "styled"),
    ], image, [port("styled", [1, "channels", "height", "width"])],
        [constant("nought", 0.0), constant("start", [0], np.int64), constant("first", [1], np.int64)],
        says("grey_out_unsaid", output_layout="nchw"))
    save("external_outside", [node("Mul", ["image", "gain"], "styled")], image, styled,
         [external("gain", "../external_outside.bin")], says("external_outside"))
    (HERE.parent / "external_outside.bin").write_bytes(np.array([0.5], np.float32).tobytes())
    save("unknown_operator", [node("Paint", ["image"], "styled")], image, styled,
         metadata=says("unknown_operator"))
    save("future_opset", same, image, styled, metadata=says("future_opset"), opset=99)


def hostile():
    """Models that load, and misbehave when run."""
    image, styled = [port("image", NCHW)], [port("styled", NCHW)]
    save("nan", [node("Sub", ["image", "two"], "negative"), node("Sqrt", ["negative"], "styled")], image, styled,
         [constant("two", 2.0)], says("nan"))
    body = helper.make_graph(
        [node("Identity", ["more"], "still"), node("Sin", ["x"], "y")], "body",
        [port("round", [], TensorProto.INT64), port("more", [], TensorProto.BOOL), port("x", None)],
        [port("still", [], TensorProto.BOOL), port("y", None)])
    save("endless", [node("Loop", ["", "yes", "image"], "styled", body=body)], image, styled,
         [constant("yes", True, np.bool_)], says("endless"))
    save("memory_bomb", [
        node("ReduceMean", ["image"], "mean", keepdims=0), node("Expand", ["mean", "shape"], "huge"),
        node("ReduceMax", ["huge"], "max", keepdims=0), node("Add", ["image", "max"], "styled"),
    ], image, styled, [constant("shape", [1 << 21, 1 << 21], np.int64)], says("memory_bomb"))


if __name__ == "__main__":
    good()
    more_inputs()
    wrong()
    hostile()
