"""The optimizer: Muon (Jordan et al. 2024) for convolutions, Adam (Kingma & Ba 2015) for everything else.

A gradient of a convolution points mostly along a few directions; Muon steps equally far along all of them, so that also channels that
say little so far are learned. `torch.optim.Muon` takes matrices alone, and no convolutions.
"""

import torch

#: Of the polynomial that brings singular values near 1, and how often it is applied.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
#: Of Adam: of means, and of squares.
BETAS = (0.9, 0.99)
#: Makes a step of Muon as large as one of Adam, times the square root of the longer side (Liu et al. 2025).
SIZE_OF_STEP = 0.2


class Muon(torch.optim.Optimizer):
    """Of parameters of four dimensions as matrices, output channels by all others; `lr` is meant as Adam's."""

    def __init__(self, params, lr: float):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:
        """Follows the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                follow = self._follow_matrix if weight.ndim == 4 else self._follow_numbers
                follow(weight, group["lr"])

    def _follow_matrix(self, weight: torch.Tensor, rate: float) -> None:
        momentum = self._kept(weight, "momentum")
        momentum.lerp_(weight.grad, 1 - MOMENTUM)
        direction = orthogonal(weight.grad.lerp(momentum, MOMENTUM).reshape(len(weight), -1))
        size = SIZE_OF_STEP * max(direction.shape) ** 0.5
        weight.add_(direction.reshape(weight.shape), alpha=-rate * size)

    def _follow_numbers(self, weight: torch.Tensor, rate: float) -> None:
        mean, square = self._kept(weight, "mean"), self._kept(weight, "square")
        steps = self.state[weight]["steps"] = self.state[weight].get("steps", 0) + 1
        mean.lerp_(weight.grad, 1 - BETAS[0])
        square.lerp_(weight.grad.square(), 1 - BETAS[1])
        unbiased, spread = mean / (1 - BETAS[0] ** steps), (square / (1 - BETAS[1] ** steps)).sqrt()
        weight.addcdiv_(unbiased, spread + 1e-8, value=-rate)

    def _kept(self, weight: torch.Tensor, name: str) -> torch.Tensor:
        state = self.state[weight]
        if name not in state:
            state[name] = torch.zeros_like(weight)
        return state[name]


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
