"""What a network costs, from its graph. Needs ONNX alone: scripts/traffic.py has no PyTorch."""

import math

import onnx
from onnx import shape_inference

Shapes = dict[str, tuple[int, ...]]
CONVOLUTIONS = ("Conv", "ConvTranspose")


def at_size(model: onnx.ModelProto, picture: str, height: int, width: int) -> onnx.ModelProto:
    """The model for one size of the input `picture`, with the shapes of all that is between; rows and columns are its 2nd and 3rd
    dimension where its last is 3, else the 3rd and 4th."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    dims = next(value for value in model.graph.input if value.name == picture).type.tensor_type.shape.dim
    shape = (1, height, width, 3) if dims[-1].dim_value == 3 else (1, 3, height, width)
    for dim, side in zip(dims, shape, strict=True):
        dim.dim_value = side
    return shape_inference.infer_shapes(model, data_prop=True)


def shapes(graph: onnx.GraphProto) -> Shapes:
    """Of everything that has a name; 0 where a side is not known."""
    known = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        known[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return known


def macs(node: onnx.NodeProto, known: Shapes) -> int:
    """Multiply-accumulates of a convolution; other nodes count nothing."""
    if node.op_type not in CONVOLUTIONS:
        return 0
    # A convolution meets each of its weights once for every position of its output, a transposed one of its input.
    at = known.get(node.output[0] if node.op_type == "Conv" else node.input[0], ())
    return math.prod(known.get(node.input[1], (0,))) * math.prod(at[2:]) if len(at) == 4 else 0
