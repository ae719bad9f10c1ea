"""The style network: one definition, two widths.

Everything dense happens at 1/4 and 1/8 of the picture's size, where a 3x3 convolution costs 1/16 and 1/64 of what it costs
at full size (PixelUnshuffle and PixelShuffle: Shi et al. 2016). The batch norms (Ioffe and Szegedy 2015) learn with the
statistics of their batch, and later with fixed ones, which the exported graph holds as part of its convolutions. One instance norm
(Ulyanov et al. 2016) is left, at the entry to 1/8 size: it takes a picture's contrast away, and without it style is learned more slowly.
A small blur follows each PixelShuffle but the last: it lets
nothing through that alternates from pixel to pixel, which is what lattices are made of. No convolution pads: the caller
gives a border, the result has none, and no frame can be painted along it. The norms, and the last two convolutions, exist once for
each style (Dumoulin et al. 2017), so that a base can be trained on many styles at once; a network that ships holds one.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

#: Sides of the picture must be multiples of this.
MULTIPLE_OF = 8
#: Side of the blocks of pixels that are one pixel at the finest size at which the network works.
BLOCK = 4
#: How much of a batch's statistics goes into the fixed ones.
MOMENTUM = 0.03


@dataclass(frozen=True)
class Tier:
    """Channels at 1/4 size, at half size, and at 1/8 size, and the residual blocks there."""

    name: str
    width: int
    half: int
    body: int
    blocks: int

    @property
    def skip(self) -> int:
        """Border that is cut off what is carried past the body, in pixels of 1/4 size."""
        return 4 * self.blocks + 1

    @property
    def pad(self) -> int:
        """Border that a picture needs on each side: as far as the network sees. The result has none of it."""
        return 4 * (self.skip + 2)


TIERS = {tier.name: tier for tier in (Tier("live", 32, 8, 64, 3), Tier("fine", 64, 24, 160, 4))}


class StyleNorm(nn.ModuleList):
    """A norm for each style."""

    def forward(self, x: torch.Tensor, style: int) -> torch.Tensor:
        return self[style](x)


class Residual(nn.Module):
    """x + conv(relu(norm(conv(x)))), without a border of two pixels."""

    def __init__(self, channels: int, styles: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm = StyleNorm(nn.BatchNorm2d(channels, momentum=MOMENTUM) for _ in range(styles))
        self.second = nn.Conv2d(channels, channels, 3)
        with torch.no_grad():
            self.second.weight *= 0.3  # close to the identity at first, without a norm behind it

    def forward(self, x: torch.Tensor, style: int) -> torch.Tensor:
        return inside(x, 2) + self.second(F.relu(self.norm(self.first(x), style)))


class StyleNet(nn.Module):
    """RGB in 0..1, N x 3 x H x W with H and W multiples of 8 and a border of `tier.pad`, to about the same range without it."""

    def __init__(self, tier: Tier, styles: int = 1):
        super().__init__()
        self.tier = tier
        width, half, body = tier.width, tier.half, tier.body
        self.enter = nn.Conv2d(3 * BLOCK**2, width, 1)
        # Pixel i of 1/8 size lies over 2i at 1/4 size: the row and column of zeros are as far outside as the network sees.
        self.down = nn.Conv2d(width, body, 3, stride=2, bias=False)
        self.down_norm = StyleNorm(nn.InstanceNorm2d(body, affine=True) for _ in range(styles))
        self.body = nn.ModuleList([Residual(body, styles) for _ in range(tier.blocks)])
        self.up = nn.Conv2d(body, 4 * width, 1, bias=False)
        # Two steps up, with a convolution at half size: a PixelShuffle(4) alone leaves its lattice in the picture.
        self.refine = nn.ModuleList([nn.Conv2d(width, 4 * half, 3) for _ in range(styles)])
        self.leave = nn.ModuleList([nn.Conv2d(half, 12, 3) for _ in range(styles)])
        for conv in (self.up, *self.refine, *self.leave):
            _init_without_grid(conv, 2)
        for conv in self.leave:
            nn.init.constant_(conv.bias, 0.5)

    def forward(self, x: torch.Tensor, style: int = 0) -> torch.Tensor:
        quarter = F.relu(self.enter(F.pixel_unshuffle(x, BLOCK)))
        eighth = F.relu(self.down_norm(self.down(F.pad(quarter, (1, 0, 1, 0))), style))
        for block in self.body:
            eighth = block(eighth, style)
        up = blur(F.pixel_shuffle(self.up(F.relu(eighth)), 2))
        quarter = F.relu(up + inside(quarter, self.tier.skip))
        half = blur(F.pixel_shuffle(F.relu(self.refine[style](quarter)), 2))
        return F.pixel_shuffle(self.leave[style](half), 2)


def inside(x: torch.Tensor, border: int) -> torch.Tensor:
    """Without `border` pixels on each side."""
    return x[..., border:-border, border:-border]


#: 3x3, from one and its neighbours' halves: with nearest neighbours before it a linear enlargement.
BLUR = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16


def blur(x: torch.Tensor) -> torch.Tensor:
    """Each channel with `BLUR`; without a border of one pixel."""
    channels = x.shape[1]
    return F.conv2d(x, BLUR.to(x).expand(channels, 1, 3, 3), groups=channels)


def bordered(x: torch.Tensor, tier: Tier) -> torch.Tensor:
    """With the reflected border that the runtime adds."""
    return F.pad(x, (tier.pad,) * 4, mode="reflect")


def stylize(net: StyleNet, x: torch.Tensor, style: int = 0) -> torch.Tensor:
    """Pictures in 0..1 to pictures in about 0..1 (not clamped), with the border that the runtime adds."""
    return net(bordered(x, net.tier), style)


def kmac_per_pixel(tier: Tier) -> float:
    """Thousands of multiply-accumulates for each pixel of the picture, as the exported graph does them."""
    width, body, half = tier.width, tier.body, 4 * tier.half
    quarter = width * (48 + 9 + half * 9) + half * 48 * 9
    eighth = width * body * 9 + 2 * tier.blocks * body**2 * 9 + body * 4 * width
    return (quarter / 16 + eighth / 64) / 1000


#: Modules that hold one entry for each style.
_PER_STYLE = ("norm", "down_norm", "refine", "leave")


def one_style(state: dict[str, torch.Tensor], style: int) -> dict[str, torch.Tensor]:
    """The weights of one style out of a base of many, as a network of one."""
    return {for_style(key, 0): value for key, value in state.items() if for_style(key, style) == key}


def for_style(key: str, style: int) -> str:
    """What the weight `key` of a style is called for another: a number follows the name of what exists for each style
    (`body.0.norm.3.weight`, `refine.3.weight`). What all styles share keeps its name."""
    parts = key.split(".")
    index = next((i + 1 for i, part in enumerate(parts[:-1]) if part in _PER_STYLE), None)
    if index is not None:
        parts[index] = str(style)
    return ".".join(parts)


def _init_without_grid(conv: nn.Conv2d, factor: int) -> None:
    """ICNR (Aitken et al. 2017): all phases of a PixelShuffle begin alike, as a nearest enlargement would."""
    phases = factor * factor
    with torch.no_grad():
        one = torch.empty(conv.out_channels // phases, *conv.weight.shape[1:])
        nn.init.kaiming_normal_(one, nonlinearity="linear")
        conv.weight.copy_(one.repeat_interleave(phases, 0))
        if conv.bias is not None:
            conv.bias.zero_()
