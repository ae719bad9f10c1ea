"""What a styled picture is judged by."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .features import CONTENT_LAYERS, STYLE_LAYERS, Features


@dataclass(frozen=True)
class StyleTarget:
    """Gram matrices of a painting, at its size, at half of it and so on: layer index to C x C."""

    scales: tuple[dict[int, torch.Tensor], ...]


#: Period, in pixels, of what networks that work at smaller sizes may paint.
LATTICE = 8
#: At which the metric looks: full size and half of it.
SCALES = 2
#: A picture counts as having so much of the mean variance of its batch's features.
LEAST_VARIANCE = 0.4
#: Of the squares in which light and dark are compared, in pixels: strokes of that width are left alone.
TONE_SIDE = 16
LEAST_DEVIATION = 1e-4
LUMA = (0.299, 0.587, 0.114)


def gram(features: torch.Tensor) -> torch.Tensor:
    """Gram matrices, N x C x C, of features N x C x H x W, over the number of their values (Gatys et al. 2016)."""
    n, c, h, w = features.shape
    flat = _in_memory(features).reshape(n, h * w, c)
    return _Square.apply(flat) / (c * h * w)


def _in_memory(features: torch.Tensor) -> torch.Tensor:
    """N x H x W x C, as channels_last lies in memory: a gradient of another layout costs a tenth of a step."""
    return features.permute(0, 2, 3, 1).contiguous()


class _Square(torch.autograd.Function):
    """FᵀF. Its gradient needs one product of matrices, since FᵀF is symmetrical; autograd alone takes two."""

    @staticmethod
    def forward(ctx, flat: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(flat)
        return flat.transpose(1, 2) @ flat

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        (flat,) = ctx.saved_tensors
        return flat @ (gradient + gradient.transpose(1, 2))


def style_target(features: Features, painting: torch.Tensor, scales: int = SCALES) -> StyleTarget:
    """Of a painting, 1 x 3 x H x W in 0..1."""
    with torch.no_grad():
        return StyleTarget(tuple(_grams(features, picture) for picture in _pyramid(painting, scales)))


def style_distance(
    features: Features, styled: torch.Tensor, found: list[torch.Tensor], target: StyleTarget
) -> torch.Tensor:
    """s: over layers the weighted ‖G−Gₛ‖²/‖Gₛ‖², over 4, in the mean of the target's scales. `found`: the features of `styled`."""
    smaller = (features(picture) for picture in _pyramid(styled, len(target.scales))[1:])
    total = 0.0
    for found_at, wanted in zip((found, *smaller), target.scales, strict=True):
        for layer, weight in STYLE_LAYERS.items():
            wanted_gram = wanted[layer]
            distance = (gram(found_at[layer]) - wanted_gram).square().sum((1, 2)) / wanted_gram.square().sum()
            total = total + weight * distance.mean()
    return total / (4 * len(target.scales))


def colours(picture: torch.Tensor) -> torch.Tensor:
    """Means of 4x4 pixels, count x 3."""
    return F.avg_pool2d(picture, 4).permute(0, 2, 3, 1).reshape(-1, 3)


def palette_distance(styled: torch.Tensor, palette: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Sliced Wasserstein distance (Rabin et al. 2011) of the colours of all of `styled` to a painting's, over their variance.

    `palette`: the painting's `colours`. `directions`: 3 x D, of length 1. Gram matrices say little of the colours that are rare in a painting, a moon's yellow.
    """
    found, wanted = ((values @ directions).sort(0).values for values in (colours(styled), palette))
    wanted = F.interpolate(wanted.T[None], len(found), mode="linear")[0].T
    return F.mse_loss(found, wanted) / wanted.var(0).mean()


def tone_distance(styled: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """1 − r, r the correlation of light and dark of each picture with those of its photograph, in squares of `TONE_SIDE` pixels.

    VGG's content is edges: by itself, what is dark in the photograph may become light. Pictures count by how much light and dark there is in
    them: a plain sky is free to be painted.
    """
    found, wanted = (_tones(picture) for picture in (styled, original))
    contrast = _deviation(wanted)
    r = (found * wanted).mean(1) / (_deviation(found) * contrast)
    return ((1 - r) * contrast).sum() / contrast.sum()


def _deviation(tones: torch.Tensor) -> torch.Tensor:
    """Of each picture; a root of nothing has no gradient, and a black picture has no light and dark."""
    return (tones.square().mean(1) + LEAST_DEVIATION**2).sqrt()


def _tones(picture: torch.Tensor) -> torch.Tensor:
    """Luma (BT.601) of squares, less its mean, N x count."""
    luma = (picture * picture.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    tones = F.avg_pool2d(luma, TONE_SIDE).flatten(1)
    return tones - tones.mean(1, keepdim=True)


def content_distance(found: list[torch.Tensor], original: list[torch.Tensor]) -> torch.Tensor:
    """Over the content layers, the weighted mean squared difference of each picture over its own variance.

    Its own, as the metric c has it: by that of the whole batch, busy photographs hold on to what they show at the cost of strokes, and
    plain ones lose it.
    """
    return sum(weight * _content_at(found[layer], original[layer]) for layer, weight in CONTENT_LAYERS.items())


def _content_at(found: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    variances = original.var((1, 2, 3))
    # A crop of nothing but sky has next to none, and would outweigh all others.
    variances = variances.clamp(min=LEAST_VARIANCE * variances.mean())
    squares = (_in_memory(found) - _in_memory(original)).square().mean((1, 2, 3))
    return (squares / variances).mean()


def total_variation(x: torch.Tensor) -> torch.Tensor:
    """Mean difference of neighbours, along rows and columns."""
    return (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., 1:] - x[..., :-1]).abs().mean()


def steps_by_place(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Mean steps from pixel to pixel along an axis, at each of the eight places of a lattice, over the mean of all."""
    steps = x.diff(dim=axis).abs().transpose(axis, -1)
    means = torch.stack([steps[..., place::LATTICE].mean() for place in range(LATTICE)])
    return means / means.mean().clamp(min=1e-6)


def lattice_distance(x: torch.Tensor) -> torch.Tensor:
    """How far steps from pixel to pixel depend on the place in a lattice, along rows and along columns."""
    return sum((steps_by_place(x, axis) - 1).square().mean() for axis in (2, 3))


def out_of_range(x: torch.Tensor) -> torch.Tensor:
    """How far values lie outside 0..1: the runtime clamps them, and a clamped value has no gradient."""
    return (F.relu(x - 1) + F.relu(-x)).mean()


def _grams(features: Features, picture: torch.Tensor) -> dict[int, torch.Tensor]:
    found = features(picture)
    return {layer: gram(found[layer]) for layer in STYLE_LAYERS}


def _pyramid(picture: torch.Tensor, scales: int) -> list[torch.Tensor]:
    pictures = [picture]
    while len(pictures) < scales:
        pictures.append(F.avg_pool2d(pictures[-1], 2))
    return pictures
