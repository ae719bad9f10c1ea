"""A trained network as ONNX files: fp32, fp16, and int8 quantised on photographs. Each is compared with PyTorch."""

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from . import metadata
from .graph import SCALE, build
from .metadata import About
from .network import BLOCK, OUTPUT_PAD, StyleNet, Tier, bordered, inside, stylize
from .quantised import LARGEST_SUM, SUM_BITS, largest_sums
from .runner import unblocked

PRECISIONS = ("fp32", "fp16", "int8")
#: Of the values of an activation, so many are within what its byte can say.
CALIBRATED_PERCENT = 99.999


def export(net: StyleNet, about: About, precision: str, photographs: list[torch.Tensor]) -> onnx.ModelProto:
    """The model in `precision`. `photographs`: 1 x 3 x H x W in 0..1, for the calibration of int8."""
    if precision != "int8":
        return build(net, about, half=precision == "fp16")
    return quantised(build(net, about), [padded_bytes(photo, net.tier) for photo in _of_one_size(photographs)])


def _of_one_size(photographs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Their upper left parts: histograms of activations need tensors of one shape."""
    height, width = (min(photo.shape[axis] for photo in photographs) for axis in (2, 3))
    return [photo[..., :height, :width] for photo in photographs]


def padded_bytes(photo: torch.Tensor, tier: Tier) -> np.ndarray:
    """What the runtime feeds: 1 x H x W x 3 bytes with a reflected border. The sides must be multiples of 8."""
    return (bordered(photo, tier) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def quantised(model: onnx.ModelProto, pictures: list[np.ndarray]) -> onnx.ModelProto:
    """QDQ: bytes for activations, signed bytes a channel for weights; the one instance norm stays as it is."""
    # Bytes go in and come out: their quantisation is the picture's own.
    overrides = {
        "in": [{"scale": np.array(SCALE, np.float32), "zero_point": np.array(0, np.uint8)}],
        "leave": [{"scale": np.array(1, np.float32), "zero_point": np.array(0, np.uint8)}],
    }
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, plain)
        quantize_static(
            plain,
            small,
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # What few pixels reach would make every step coarser: 1 to 3 dB.
            calibrate_method=CalibrationMethod.Percentile,
            op_types_to_quantize=["Conv", "Relu", "Add", "Slice"],
            extra_options={
                "TensorQuantOverrides": overrides | _scales_of_weights(model),
                "ActivationSymmetric": False,
                "CalibPercentile": CALIBRATED_PERCENT,
            },
        )
        result = onnx.load(small)
    metadata.write(result, metadata.read(model) | {"precision": "int8", "sum_bits": str(SUM_BITS)})
    return result


def _scales_of_weights(model: onnx.ModelProto) -> dict[str, list[dict]]:
    """For each output channel of each convolution the scale at which the sum of two products has room in 16 bits, as overrides.

    Processors without VNNI add two products so (`vpmaddubsw`), and cut off what is too much: with the largest weight as 127 that costs 2
    to 4 dB there. What the coarser steps cost everywhere is .2 dB.
    """
    weights = {tensor.name: torch.tensor(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}
    names = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    return {name: _as_overrides(largest_sums(weights[name]).numpy() / LARGEST_SUM) for name in names}


def _as_overrides(scales: np.ndarray) -> list[dict]:
    """As ONNX Runtime's quantiser takes them; a channel of zeros has some scale, too."""
    zero = np.array(0, np.int8)
    scales = np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32)
    return [
        {"scale": scale, "zero_point": zero} | ({"axis": 0} if channel == 0 else {})
        for channel, scale in enumerate(scales)
    ]


class _Pictures(CalibrationDataReader):
    def __init__(self, pictures: Iterable[np.ndarray]):
        self.pictures = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self.pictures, None)
        return None if picture is None else {"image": picture}


def session(model: onnx.ModelProto, threads: int = 0) -> ort.InferenceSession:
    """Runs a model on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def psnr_to_torch(model: onnx.ModelProto, net: StyleNet, photographs: list[torch.Tensor]) -> float:
    """Peak signal-to-noise ratio in dB between the model and PyTorch, both as bytes, over all photographs."""
    run = session(model)
    squares = []
    for photo in photographs:
        image = padded_bytes(photo, net.tier)
        styled = unblocked(run.run(None, {"image": image})[0], BLOCK)[:, OUTPUT_PAD:-OUTPUT_PAD, OUTPUT_PAD:-OUTPUT_PAD]
        plain = inside(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255, net.tier.pad)
        with torch.no_grad():
            wanted = (stylize(net.cpu().eval(), plain).clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy()
        squares.append(np.mean((styled.astype(np.float64) - wanted) ** 2))
    mean = float(np.mean(squares))
    return math.inf if mean == 0 else 10 * math.log10(255**2 / mean)
