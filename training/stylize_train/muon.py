"""Muon (Jordan et al. 2024), an optimizer for convolutions.

A gradient of a convolution points mostly along a few directions; Muon steps equally far along all of them, so that also channels that
say little so far are learned. `torch.optim.Muon` takes matrices alone, and no convolutions.
"""

import torch

#: Of the polynomial that brings singular values near 1, and how often it is applied.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
#: Makes a step of Muon as large as one of Adam, times the square root of the longer side (Liu et al. 2025).
SIZE_OF_STEP = 0.2


class Muon(torch.optim.Optimizer):
    """Of the weights of convolutions, as matrices of output channels by all other sides; `lr` is meant as Adam's."""

    def __init__(self, params, lr: float):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:
        """Follows the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._follow(weight, group["lr"])

    def _follow(self, weight: torch.Tensor, rate: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        direction = orthogonal(weight.grad.lerp(momentum, MOMENTUM).reshape(len(weight), -1))
        size = SIZE_OF_STEP * max(direction.shape) ** 0.5
        weight.add_(direction.reshape(weight.shape), alpha=-rate * size)


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """About UVᵀ for a matrix USVᵀ: all its singular values between 0.6 and 1.2, but for those that are next to nothing."""
    a, b, c = NEWTON_SCHULZ
    is_tall = len(matrix) > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-12)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if is_tall else x
