"""A network's weights as a beginning for one that is as wide and deep or more so, and paints the same (Net2Net: Chen et al. 2016)."""

import torch

from .network import Residual, StyleNet, for_style


@torch.no_grad()
def widen(net: StyleNet, narrow: dict[str, torch.Tensor]) -> None:
    """Puts `narrow`, the weights of one style, into the first channels and blocks of every style of `net`.

    Its other channels stay as they are, at random; what leads from them to the first begins with nothing, and learns at once.
    """
    state = net.state_dict()
    for name, value in narrow.items():
        for style in range(len(net.leave)):
            wide = state[for_style(name, style)]
            wide[: len(value)] = 0
            wide[tuple(slice(side) for side in value.shape)] = value
    for name, block in net.named_modules():
        if isinstance(block, Residual) and f"{name}.second.weight" not in narrow:
            block.second.weight.zero_()
            block.second.bias.zero_()
