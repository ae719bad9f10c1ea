"""The networks whose features say what a picture shows and how it is painted.

- VGG19 (Simonyan & Zisserman 2015), blocks 1 to 3: the measure. `--vgg FILE.npz` with arrays `blockB_convC.kernel` (HWIO) and
  `.bias`, or torchvision's own download.
- Its small copy with a sixteenth of the weights (Wang et al. 2020, Collaborative Distillation), up to relu4_1: about eight times
  as fast, for training on a CPU. Known by its arrays `convBC.weight` (OIHW).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .errors import UserError


@dataclass(frozen=True)
class Layers:
    """Which features are looked at, by index of the convolution, and with which weight."""

    style: dict[int, float]
    content: dict[int, float]


class Features(nn.Module):
    """RGB in 0..1 to the outputs of all ReLUs, each N x C x H x W."""

    def __init__(self, prepare, convs, pool_after: set[int], layers: Layers):
        super().__init__()
        self.prepare = prepare
        self.convs = nn.ModuleList(convs)
        self.pool_after = pool_after
        self.layers = layers
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: torch.Tensor, last: int | None = None) -> list[torch.Tensor]:
        x = self.prepare(x).contiguous(memory_format=torch.channels_last)
        found = []
        for index, conv in enumerate(self.convs):
            x = F.relu(conv(x))
            found.append(x)
            if index == last:
                break
            if index in self.pool_after:
                x = F.max_pool2d(x, 2)
        return found

    @property
    def last_content(self) -> int:
        """Index behind which content needs nothing."""
        return max(self.layers.content)


#: relu1_1, 2_1, 3_1, 3_4 as style; relu3_3, and relu2_2 for edges and faces, as content.
VGG_LAYERS = Layers(style={0: 0.5, 2: 1.0, 4: 2.0, 7: 2.0}, content={6: 1.0, 3: 0.5})
#: The same of the small copy, and relu4_1 for larger strokes.
SMALL_LAYERS = Layers(style={0: 0.5, 2: 1.0, 4: 2.0, 7: 2.0, 8: 1.0}, content={6: 1.0, 3: 0.5})

_VGG_NAMES = [f"block{block}_conv{conv}" for block, convs in ((1, 2), (2, 2), (3, 4)) for conv in range(1, convs + 1)]
_SMALL_NAMES = [f"conv{name}" for name in ("11", "12", "21", "22", "31", "32", "33", "34", "41")]
_MEAN_RGB = (123.68, 116.779, 103.939)


def load_features(vgg: Path | None) -> Features:
    """VGG19 or its small copy from a file, else VGG19 as torchvision fetches it."""
    if vgg is None:
        return _from_torchvision()
    try:
        arrays = np.load(vgg)
        names = set(arrays.files)
    except (OSError, ValueError) as error:
        raise UserError(f"--vgg {vgg}: not a readable .npz file ({error})") from error
    if f"{_VGG_NAMES[0]}.kernel" in names:
        kernels = [np.transpose(arrays[f"{name}.kernel"], (3, 2, 0, 1)) for name in _VGG_NAMES]
        biases = [arrays[f"{name}.bias"] for name in _VGG_NAMES]
        return vgg19(kernels, biases)
    if "conv11.weight" in names:
        prepare = _conv(arrays["conv0.weight"], arrays["conv0.bias"], padding=0)
        convs = [_conv(arrays[f"{name}.weight"], arrays[f"{name}.bias"]) for name in _SMALL_NAMES]
        return Features(prepare, convs, {1, 3, 7}, SMALL_LAYERS)
    raise UserError(f"--vgg {vgg}: holds neither {_VGG_NAMES[0]}.kernel (VGG19) nor conv11.weight (its small copy)")


def vgg19(kernels: list[np.ndarray], biases: list[np.ndarray]) -> Features:
    """VGG19's first eight convolutions; kernels are OIHW and take BGR in 0..255 less the mean, as Caffe's do."""
    return Features(_Caffe(), [_conv(k, b) for k, b in zip(kernels, biases, strict=True)], {1, 3}, VGG_LAYERS)


def is_reference(features: Features) -> bool:
    """Whether these are the features that figures are stated in."""
    return features.layers is VGG_LAYERS


class _Caffe(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * 255 - self.mean).flip(1)


def _conv(kernel: np.ndarray, bias: np.ndarray, padding: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], kernel.shape[2], padding=padding)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel, np.float32)))
        conv.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias, np.float32)))
    return conv


def _from_torchvision() -> Features:
    try:
        from torchvision.models import VGG19_Weights
        from torchvision.models import vgg19 as torchvision_vgg19

        layers = torchvision_vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
    except ImportError as error:
        raise UserError("VGG19 is needed: pip install torchvision, or name a file with --vgg FILE.npz") from error
    except OSError as error:
        raise UserError(f"VGG19 cannot be fetched ({error}); name a file with --vgg FILE.npz") from error
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)][: len(_VGG_NAMES)]
    return Features(_ImageNet(), convs, {1, 3}, VGG_LAYERS)


class _ImageNet(nn.Module):
    """torchvision's weights take RGB in 0..1, normalised."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std
