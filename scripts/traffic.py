"""Prints the multiplications and the bytes of memory that a network takes a pixel: `traffic.py MODEL.onnx`.

The bytes are those of a network that is run layer by layer: each convolution, norm and change of size reads its pictures and
writes one, in the numbers they have; what works number by number is done on the way. Weights are read once a frame and do not
count. A runtime that fuses more needs less.
"""

import sys

import onnx
from onnx import shape_inference

SIZE = {"height": 1088, "width": 1920}
# What runs on the way of the layer before it.
FUSED = {"Relu", "Add", "Sub", "Mul", "Div", "Cast", "Clip", "PRelu", "LeakyRelu", "Sigmoid", "Tanh", "Identity", "Reshape",
         "QuantizeLinear", "DequantizeLinear", "Constant", "Shape", "Unsqueeze", "Squeeze", "Gather", "Concat", "Floor", "Round"}


def fixed(model):
    """The model for pictures of SIZE."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for dim in dims:
        if dim.dim_param:
            is_height = "h" in dim.dim_param.lower().split("_")[0][:1]
            dim.dim_value = SIZE["height" if is_height else "width"]
    return shape_inference.infer_shapes(model)


def described(model):
    """Shape and bytes of a number of everything that has a name."""
    known = {}
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        tensor = value.type.tensor_type
        shape = [dim.dim_value or 1 for dim in tensor.shape.dim]
        known[value.name] = (shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize)
    return known


def volume(shape):
    product = 1
    for length in shape:
        product *= length
    return product


def main():
    model = fixed(onnx.load(sys.argv[1]))
    known, weights = described(model), {weight.name: list(weight.dims) for weight in model.graph.initializer}
    macs = traffic = 0
    for node in model.graph.node:
        if node.op_type in ("Conv", "ConvTranspose") and node.output[0] in known:
            at = node.output[0] if node.op_type == "Conv" else node.input[0]
            kernel = next((weights[name] for name in node.input if len(weights.get(name, [])) == 4), [0, 0, 0, 0])
            out = known[at][0]
            macs += volume(out[2:]) * volume(kernel)
        if node.op_type not in FUSED:
            pictures = [name for name in [*node.input, *node.output] if name in known]
            traffic += sum(volume(known[name][0]) * known[name][1] for name in pictures)
    pixels = SIZE["height"] * SIZE["width"]
    print(f"{macs / pixels / 1000:.2f} {traffic / pixels:.1f}")


main()
