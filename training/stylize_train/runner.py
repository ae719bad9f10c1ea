"""Any image-to-image ONNX model as a function from picture to picture, by what it says of itself or is said of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F

from . import contract, cost, metadata
from .contract import BLOCKS, INPUT
from .errors import UserError
from .network import BLOCK
from .quantised import SUM_BITS, has_vnni

_DTYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
_OF_PICTURES = ("tensor(uint8)", "tensor(float)", "tensor(float16)")
#: Rows and columns that networks which round sizes up may add at the end.
_LARGEST_ROUNDING = 32
#: Has ONNX Runtime add products of bytes in 32 bits, which it otherwise does where there is VNNI alone.
_EXACT_SUMS = "session.x64quantprecision"


class Model:
    """A loaded model; called with N = 1 pictures, 1 x 3 x H x W in 0..1, it gives the like."""

    def __init__(self, path: Path, said: dict[str, str] | None = None):
        """`said`: keys of the contract. They go before those in the file beside the model, which go before its metadata."""
        self.path = path
        try:
            with _loading():
                self.proto = onnx.load(path)
            self.contract = contract.parse(metadata.read(self.proto) | contract.in_sidecar(path) | (said or {}))
            with _loading():
                self.session = self._session()
            self.input, self.constants = self._inputs()
            self.channels_last = _channels_last(self.input, self.contract.layout)
            self.fixed = self._fixed_sides()
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    def _session(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        if self.contract.sum_bits > SUM_BITS and not has_vnni():
            options.add_session_config_entry(_EXACT_SUMS, "1")
        return ort.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    def _inputs(self) -> tuple[ort.NodeArg, dict[str, np.ndarray]]:
        """The picture, and what all other inputs are fed with."""
        constants = self.contract.constants
        known = {port.name: port for port in (*self.session.get_inputs(), *self.session.get_overridable_initializers())}
        for name in constants:
            if name not in known:
                raise UserError(f"{INPUT}{name}: there is no such input, but {', '.join(known)}")
        free = [port for port in self.session.get_inputs() if port.name not in constants]
        pictures = [port for port in free if len(port.shape) == 4 and port.type in _OF_PICTURES]
        if len(pictures) != 1:
            raise UserError(f"{len(pictures)} of its inputs could be the picture; models with one are supported")
        for port in free:
            if port.name != pictures[0].name:
                raise UserError(f"input {port.name!r} has no value; add --say {INPUT}{port.name}=1")
        return pictures[0], {name: _filled(known[name], value) for name, value in constants.items()}

    def _fixed_sides(self) -> tuple[int, int] | None:
        """Rows and columns that the input always has; None where any do."""
        sides = self.input.shape[1:3] if self.channels_last else self.input.shape[2:4]
        are_fixed = [isinstance(side, int) for side in sides]
        if any(are_fixed) and not all(are_fixed):
            raise UserError(f"one side of input {self.input.name!r} is fixed and the other is not")
        if not all(are_fixed):
            return None
        if min(sides) <= 2 * self.contract.pad:
            raise UserError(f"pad = {self.contract.pad} leaves nothing of its {sides[1]}x{sides[0]} pixels")
        return tuple(sides)

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        height, width = picture.shape[2:]
        if not self.fixed:
            return self._bordered(picture, self.contract.multiple_of)
        inner = [side - 2 * self.contract.pad for side in self.fixed]
        styled = self._bordered(F.interpolate(picture, inner, mode="bilinear", antialias=True), 1)
        return F.interpolate(styled, (height, width), mode="bilinear", antialias=True)

    def _bordered(self, picture: torch.Tensor, multiple: int) -> torch.Tensor:
        """Painted with a reflected border, which the result does not have."""
        (height, width), pad, left = picture.shape[2:], self.contract.pad, self.contract.output_pad
        right, bottom = (-(side + 2 * pad) % multiple + pad for side in (width, height))
        styled = self._run(F.pad(picture, (pad, right, pad, bottom), mode="reflect"))
        wanted = [side + end - pad + 2 * left for side, end in ((height, bottom), (width, right))]
        surplus = [found - side for found, side in zip(styled.shape[2:], wanted, strict=True)]
        if not all(0 <= more < _LARGEST_ROUNDING for more in surplus):
            found = f"{styled.shape[3]}x{styled.shape[2]}"
            raise UserError(f"{self.path}: gives {found} pixels, not {wanted[1]}x{wanted[0]}; pad and output_pad?")
        return styled[..., left : left + height, left : left + width]

    def _run(self, picture: torch.Tensor) -> torch.Tensor:
        """1 x 3 x H x W in 0..1 to the like, border and all."""
        dtype, its = _DTYPES[self.input.type], self.contract
        values = (picture * its.gain + its.bias).numpy()
        values = values[:, ::-1] if its.is_bgr else values
        values = values.round().clip(0, 255) if dtype == np.uint8 else values
        values = values.transpose(0, 2, 3, 1) if self.channels_last else values
        inputs = {self.input.name: np.ascontiguousarray(values, dtype), **self.constants}
        try:
            found = self.session.run(None, inputs)
        except Exception as error:  # onnxruntime throws types of its own
            raise UserError(f"{self.path}: cannot be run ({str(error).splitlines()[0]})") from error
        styled = self._picture(found)
        low, high = its.output_range
        styled = ((torch.from_numpy(styled.astype(np.float32)) - low) / (high - low)).clamp(0, 1)
        return styled.flip(1) if its.is_bgr else styled

    def _picture(self, found: list[np.ndarray]) -> np.ndarray:
        """The one output that is a picture, 1 x 3 x H x W."""
        layouts = [self.contract.output_layout] if self.contract.output_layout else self._likely_layouts()
        for layout in layouts:
            channels, axis = (3 * BLOCK**2, -1) if layout == BLOCKS else (3, 1 if layout == "nchw" else -1)
            # Some leave out the one picture's number.
            batches = [values[None] if values.ndim == 3 else values for values in found]
            pictures = [values for values in batches if values.ndim == 4 and values.shape[axis] == channels]
            if len(pictures) == 1:
                styled = unblocked(pictures[0], BLOCK) if layout == BLOCKS else pictures[0]
                return styled if layout == "nchw" else styled.transpose(0, 3, 1, 2)
        shapes = ", ".join("x".join(map(str, values.shape)) for values in found)
        raise UserError(f"{self.path}: gives {shapes}, of which one must be a picture in {' or '.join(layouts)}")

    def _likely_layouts(self) -> tuple[str, str]:
        return ("nhwc", "nchw") if self.channels_last else ("nchw", "nhwc")

    def kmac_per_pixel(self) -> float | None:
        """Thousands of multiply-accumulates of its convolutions for each pixel, at the fixed size, or one that borders do not tell on; None
        where the graph has nodes that hide the shapes."""
        height, width = self.fixed or (1 << 16, 1 << 16)
        graph = cost.at_size(self.proto, self.input.name, height, width).graph
        known = cost.shapes(graph)
        macs = [cost.macs(node, known) for node in graph.node if node.op_type in cost.CONVOLUTIONS]
        return sum(macs) / (height * width) / 1000 if all(macs) else None


@contextmanager
def _loading() -> Iterator[None]:
    """Says in one line what onnx and onnxruntime throw, which have types of their own."""
    try:
        yield
    except Exception as error:
        raise UserError(f"cannot be loaded as an ONNX model ({str(error).splitlines()[0]})") from error


def _channels_last(port: ort.NodeArg, said: str | None) -> bool:
    """Whether the channels of the picture come last, as is said or as the graph has it."""
    batch, first, _, last = port.shape
    if isinstance(batch, int) and batch != 1:
        raise UserError(f"input {port.name!r} wants {batch} pictures at once; one is supported")
    layout = said or ("nchw" if first == 3 else "nhwc" if last == 3 else None)
    if layout is None:
        raise UserError(f"input {port.name!r} does not say where its channels are: layout = nchw or nhwc would")
    channels = first if layout == "nchw" else last
    if isinstance(channels, int) and channels != 3:
        raise UserError(f"input {port.name!r} has {channels} channels; a picture has 3")
    return layout == "nhwc"


def _filled(port: ort.NodeArg, value: float) -> np.ndarray:
    """A further input whose elements are all `value`."""
    if port.type not in _DTYPES:
        raise UserError(f"{INPUT}{port.name}: an input of {port.type} is not supported")
    return np.full([side if isinstance(side, int) else 1 for side in port.shape], value, _DTYPES[port.type])


def unblocked(styled: np.ndarray, block: int) -> np.ndarray:
    """N x H/b x W/b x 3·b² blocks of pixels as N x H x W x 3."""
    count, rows, columns, _ = styled.shape
    pixels = styled.reshape(count, rows, columns, block, block, 3).transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(count, rows * block, columns * block, 3)
