"""Prints the multiplications and the bytes of memory that a network takes a pixel: `traffic.py MODEL.onnx`.

The bytes are those of a network that is run layer by layer: each convolution, norm and change of size reads its pictures and
writes one, in the numbers they have; what works number by number is done on the way. Weights are read once a frame and do not
count. A runtime that fuses more needs less.
"""

import math
import sys
from pathlib import Path

import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))
from stylize_train import cost  # noqa: E402 (found by the line above)

HEIGHT, WIDTH = 1088, 1920
# What runs on the way of the layer before it.
FUSED = {"Relu", "Add", "Sub", "Mul", "Div", "Cast", "Clip", "PRelu", "LeakyRelu", "Sigmoid", "Tanh", "Identity", "Reshape",
         "QuantizeLinear", "DequantizeLinear", "Constant", "Shape", "Unsqueeze", "Squeeze", "Gather", "Concat", "Floor", "Round"}


def sizes(graph):
    """Bytes of a picture, of every one that goes from node to node."""
    known = {}
    for value in [*graph.input, *graph.output, *graph.value_info]:
        tensor = value.type.tensor_type
        count = math.prod(dim.dim_value or 1 for dim in tensor.shape.dim)
        known[value.name] = count * onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize
    return known


def main():
    model = onnx.load(sys.argv[1])
    graph = cost.at_size(model, model.graph.input[0].name, HEIGHT, WIDTH).graph
    shapes, bytes_of = cost.shapes(graph), sizes(graph)
    macs = sum(cost.macs(node, shapes) for node in graph.node)
    layers = [node for node in graph.node if node.op_type not in FUSED]
    traffic = sum(bytes_of.get(name, 0) for node in layers for name in [*node.input, *node.output])
    pixels = HEIGHT * WIDTH
    print(f"{macs / pixels / 1000:.2f} {traffic / pixels:.1f}")


main()
