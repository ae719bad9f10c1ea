"""What a styled picture is judged by."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .features import CONTENT_LAYERS, STYLE_LAYERS, Features


@dataclass(frozen=True)
class StyleTarget:
    """Gram matrices of a painting, at its size and at half of it: layer index to C x C."""

    scales: tuple[dict[int, torch.Tensor], ...]


def gram(features: torch.Tensor) -> torch.Tensor:
    """Gram matrices, N x C x C, of features N x C x H x W, over the number of their values (Gatys et al. 2016)."""
    n, c, h, w = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(n, h * w, c)  # as it lies in memory
    return flat.transpose(1, 2) @ flat / (c * h * w)


def style_target(features: Features, painting: torch.Tensor) -> StyleTarget:
    """Of a painting, 1 x 3 x H x W in 0..1."""
    with torch.no_grad():
        return StyleTarget(tuple(_grams(features, scale) for scale in (painting, F.avg_pool2d(painting, 2))))


def style_distance(
    features: Features, styled: torch.Tensor, found: list[torch.Tensor], target: StyleTarget
) -> torch.Tensor:
    """s: over layers and two scales, the weighted ‖G−Gₛ‖²/‖Gₛ‖², over 8. `found`: the features of `styled`."""
    half = features(F.avg_pool2d(styled, 2))
    total = 0.0
    for found_at, wanted in zip((found, half), target.scales, strict=True):
        for layer, weight in STYLE_LAYERS.items():
            wanted_gram = wanted[layer]
            distance = (gram(found_at[layer]) - wanted_gram).square().sum((1, 2)) / wanted_gram.square().sum()
            total = total + weight * distance.mean()
    return total / 8


def content_distance(found: list[torch.Tensor], original: list[torch.Tensor]) -> torch.Tensor:
    """Mean squared difference of the content layers over their variance, weighted."""
    return sum(
        weight * F.mse_loss(found[layer], original[layer]) / original[layer].var()
        for layer, weight in CONTENT_LAYERS.items()
    )


def total_variation(x: torch.Tensor) -> torch.Tensor:
    """Mean difference of neighbours, along rows and columns."""
    return (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., 1:] - x[..., :-1]).abs().mean()


def out_of_range(x: torch.Tensor) -> torch.Tensor:
    """How far values lie outside 0..1: the runtime clamps them, and a clamped value has no gradient."""
    return (F.relu(x - 1) + F.relu(-x)).mean()


def _grams(features: Features, picture: torch.Tensor) -> dict[int, torch.Tensor]:
    found = features(picture)
    return {layer: gram(found[layer]) for layer in STYLE_LAYERS}
