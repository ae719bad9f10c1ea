"""The features that say what a picture shows and how it is painted: VGG19 (Simonyan & Zisserman 2015), blocks 1 to 3.

From `--vgg FILE.npz` with arrays `blockB_convC.kernel` (HWIO) and `.bias`, or torchvision's own download.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .errors import UserError
from .quantised import QuantisedConv

#: Looked at by index of the convolution, with a weight: relu1_1, 2_1, 3_1, 3_4 for style,
STYLE_LAYERS = {0: 0.5, 2: 1.0, 4: 2.0, 7: 2.0}
#: relu3_3 for content, and a little of relu2_2 for its edges and faces: more of that is the photograph's texture in place of strokes.
CONTENT_LAYERS = {6: 1.0, 3: 0.2}
#: Behind these, content needs nothing and style needs nothing.
LAST_CONTENT, LAST_STYLE = max(CONTENT_LAYERS), max(STYLE_LAYERS)
_POOL_AFTER = (1, 3)
#: Features in bytes are 1 to 2 % off those in fp32.
MOST_OFF = 0.05


class Features(nn.Module):
    """RGB in 0..1 to the outputs of the ReLUs up to `last`, each N x C x H x W."""

    def __init__(self, prepare: nn.Module, convs: list[nn.Module]):
        super().__init__()
        self.prepare = prepare
        self.convs = nn.ModuleList(convs)
        self.requires_grad_(False)
        self.eval()

    def in_bytes(self) -> "Features":
        """The same in bytes, but for the first convolution, whose input is the picture: for training on a CPU."""
        return Features(self.prepare, [self.convs[0], *(QuantisedConv(conv) for conv in self.convs[1:])])

    def in_bytes_if_right(self, picture: torch.Tensor) -> "Features":
        """The same in bytes, unless what they say of `picture` shows that this machine does not add them up rightly."""
        fast = self.in_bytes()
        with torch.no_grad():
            pairs = zip(self(picture), fast(picture), strict=True)
            error = max(((found - wanted).norm() / wanted.norm()).item() for wanted, found in pairs)
        if error <= MOST_OFF:
            return fast
        print(f"VGG19 calculates in fp32: in bytes it is {error:.0%} off here")
        return self

    def forward(self, x: torch.Tensor, last: int = LAST_STYLE) -> list[torch.Tensor]:
        x = self.prepare(x).contiguous(memory_format=torch.channels_last)
        found = []
        for index, conv in enumerate(self.convs):
            x = conv(x) if isinstance(conv, QuantisedConv) else F.relu(conv(x))
            found.append(x)
            if index == last:
                break
            if index in _POOL_AFTER:
                x = F.max_pool2d(x, 2)
        return found


_VGG_NAMES = [f"block{block}_conv{conv}" for block, convs in ((1, 2), (2, 2), (3, 4)) for conv in range(1, convs + 1)]
_MEAN_RGB = (123.68, 116.779, 103.939)


def load_features(vgg: Path | None) -> Features:
    """VGG19 from a file, else as torchvision fetches it."""
    if vgg is None:
        return _from_torchvision()
    try:
        with np.load(vgg) as arrays:
            kernels = [np.transpose(arrays[f"{name}.kernel"], (3, 2, 0, 1)) for name in _VGG_NAMES]
            biases = [arrays[f"{name}.bias"] for name in _VGG_NAMES]
    except KeyError as error:
        raise UserError(f"--vgg {vgg}: not VGG19, an array is missing ({error})") from error
    except Exception as error:  # NumPy and zipfile throw types of their own
        raise UserError(f"--vgg {vgg}: not a readable .npz file ({error})") from error
    return vgg19(kernels, biases)


def vgg19(kernels: list[np.ndarray], biases: list[np.ndarray]) -> Features:
    """VGG19's first eight convolutions; kernels are OIHW and take BGR in 0..255 less the mean, as Caffe's do."""
    return Features(_Caffe(), [_conv(k, b) for k, b in zip(kernels, biases, strict=True)])


class _Caffe(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * 255 - self.mean).flip(1)


def _conv(kernel: np.ndarray, bias: np.ndarray) -> nn.Conv2d:
    conv = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
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
    return Features(_ImageNet(), convs)


class _ImageNet(nn.Module):
    """torchvision's weights take RGB in 0..1, normalised."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std
