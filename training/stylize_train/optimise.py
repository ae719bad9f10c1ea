"""Gatys et al. 2016: the picture itself is optimised. Slow; the reference that networks are compared with.

Loss = alpha · content + beta · style; the picture begins as the photograph.
"""

from dataclasses import dataclass

import torch
from tqdm import trange

from .features import LAST_CONTENT, Features
from .losses import content_distance, style_distance, style_target

#: Of L-BFGS in each step of the bar.
ITERATIONS = 10


@dataclass(frozen=True)
class Weights:
    """alpha weighs content, beta style."""

    alpha: float = 1.0
    beta: float = 10.0


def optimise(
    photo: torch.Tensor, painting: torch.Tensor, features: Features, weights: Weights, steps: int, quiet: bool = False
) -> torch.Tensor:
    """1 x 3 x H x W in 0..1, by `steps` times `ITERATIONS` iterations of L-BFGS."""
    target = style_target(features, painting)
    with torch.no_grad():
        wanted = features(photo, LAST_CONTENT)
    picture = photo.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([picture], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = features(picture)
        content = content_distance(found, wanted)
        total = weights.alpha * content + weights.beta * style_distance(features, picture, found, target)
        total.backward()
        picture.grad = picture.grad.contiguous()  # L-BFGS takes it as one row of numbers
        return total

    for _ in trange(steps, disable=quiet, unit="step"):
        optimizer.step(loss)
        with torch.no_grad():
            picture.clamp_(0, 1)
    return picture.detach()
