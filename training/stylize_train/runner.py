"""Any image-to-image ONNX model as a function from picture to picture, by the runtime's contract."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F

from . import metadata
from .errors import UserError
from .network import BLOCK

_DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True)
class Contract:
    """How pictures lie in a model's tensors."""

    scale: float = 255.0
    bgr: bool = False
    multiple_of: int = 1
    pad: int = 0
    #: Border that the result still has.
    output_pad: int = 0
    #: Side of the squares of pixels that are one position of the result.
    output_block: int = 1


class Model:
    """A loaded model; called with N = 1 pictures, 1 x 3 x H x W in 0..1, it gives the like."""

    def __init__(self, path: Path, scale: float | None = None, bgr: bool = False):
        try:
            proto = onnx.load(path)
            options = ort.SessionOptions()
            options.log_severity_level = 4
            self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnx and onnxruntime throw types of their own
            reason = str(error).splitlines()[0]
            raise UserError(f"{path}: cannot be loaded as an ONNX model ({reason})") from error
        said = metadata.read(proto)
        if not said and scale is None:
            raise UserError(f"{path}: does not say the range of its pictures; add --range 0..255 or --range 0..1")
        self.contract = Contract(
            scale=255.0 if said.get("range") == "0..255" else (scale or 1.0),
            bgr=bgr or said.get("channels") == "bgr",
            multiple_of=int(said.get("multiple_of", 4)),
            pad=int(said.get("pad", 0)),
            output_pad=int(said.get("output_pad", said.get("pad", 0))),
            output_block=BLOCK if said.get("output_layout") == f"blocks{BLOCK}" else 1,
        )
        self.name = said.get("name", path.stem)
        self.proto = proto
        self.input = self.session.get_inputs()[0]
        self.channels_last = self.input.shape[-1] == 3
        sides = self.input.shape[1:3] if self.channels_last else self.input.shape[2:4]
        self.fixed = tuple(sides) if all(isinstance(side, int) for side in sides) else None

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        height, width = picture.shape[2:]
        if self.fixed:
            small = F.interpolate(picture, self.fixed, mode="bilinear", antialias=True)
            return F.interpolate(self._run(small), (height, width), mode="bilinear", antialias=True)
        pad, multiple = self.contract.pad, self.contract.multiple_of
        right, bottom = (-(side + 2 * pad) % multiple + pad for side in (width, height))
        styled = self._run(F.pad(picture, (pad, right, pad, bottom), mode="reflect"))
        left = self.contract.output_pad
        return styled[..., left : left + height, left : left + width]

    def _run(self, picture: torch.Tensor) -> torch.Tensor:
        dtype, contract = _DTYPES[self.input.type], self.contract
        values = (picture.flip(1) if contract.bgr else picture).numpy() * contract.scale
        values = values.round() if dtype == np.uint8 else values
        values = values.transpose(0, 2, 3, 1) if self.channels_last else values
        styled = self.session.run(None, {self.input.name: np.ascontiguousarray(values, dtype)})[0]
        styled = unblocked(styled, contract.output_block) if contract.output_block > 1 else styled
        styled = torch.from_numpy(styled.astype(np.float32))
        styled = styled.permute(0, 3, 1, 2) if styled.shape[-1] == 3 else styled
        styled = (styled / contract.scale).clamp(0, 1)
        return styled.flip(1) if contract.bgr else styled

    def kmac_per_pixel(self) -> float:
        """Thousands of multiply-accumulates of its convolutions for each pixel, at the fixed size, or one that borders do not tell on."""
        height, width = self.fixed or (1 << 16, 1 << 16)
        proto = onnx.ModelProto.FromString(self.proto.SerializeToString())
        sides = proto.graph.input[0].type.tensor_type.shape.dim
        for dim, side in zip(
            sides, (1, height, width, 3) if self.channels_last else (1, 3, height, width), strict=True
        ):
            dim.dim_value = side
        shapes = _shapes(onnx.shape_inference.infer_shapes(proto, data_prop=True))
        macs = sum(_macs(node, shapes) for node in proto.graph.node)
        return macs / (height * width) / 1000


def unblocked(styled: np.ndarray, block: int) -> np.ndarray:
    """N x H/b x W/b x 3·b² blocks of pixels as N x H x W x 3."""
    count, rows, columns, _ = styled.shape
    pixels = styled.reshape(count, rows, columns, block, block, 3).transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(count, rows * block, columns * block, 3)


def _shapes(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    graph = proto.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.input, *graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return shapes


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    if node.op_type not in ("Conv", "ConvTranspose"):
        return 0
    # A convolution meets each of its weights once for every position of its output, a transposed one of its input.
    at = shapes.get(node.output[0] if node.op_type == "Conv" else node.input[0], ())
    return int(np.prod(shapes.get(node.input[1], (0,)))) * int(np.prod(at[2:])) if len(at) == 4 else 0
