"""The style network: one definition, two sizes.

Everything dense happens at 1/4 and 1/8 of the picture's size, where a 3x3 convolution costs 1/16 and 1/64 of what it costs
at full size (PixelUnshuffle and PixelShuffle: Shi et al. 2016). The way back up is nearest neighbours and a convolution (Odena et al.
2016), then PixelShuffles that begin as that and as a linear interpolation, and are held to paint no lattice (`even_phases`). The
norms (Ulyanov et al. 2016) learn with the statistics of each picture, and later with fixed ones, which the exported graph holds as
part of its convolutions. One that goes by the picture is left, at the entry to 1/8 size: it takes a picture's contrast away, and
without it style is learned more slowly. No convolution pads: the caller gives a border, the result has none, and no frame can be
painted along it. The norms, and the last two convolutions, exist once for each style (Dumoulin et al. 2017), so that a base can be
trained on many styles at once; a network that ships holds one.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

#: Sides of the picture must be multiples of this.
MULTIPLE_OF = 8
#: Side of the blocks of pixels that are one pixel at the finest size at which the network works.
BLOCK = 4
#: How much of a step's statistics goes into the fixed ones.
MOMENTUM = 0.03


@dataclass(frozen=True)
class Tier:
    """Channels at 1/4 size, at half size, and at 1/8 size, the residual blocks there, and those at 1/4 size on the way back."""

    name: str
    width: int
    half: int
    body: int
    blocks: int
    finish: int

    @property
    def skip(self) -> int:
        """Border that is cut off what is carried past the body, in pixels of 1/4 size."""
        return 4 * self.blocks + 1

    @property
    def pad(self) -> int:
        """Border that a picture needs on each side: as far as the network sees. The result has none of it."""
        return 4 * (self.skip + 2 * self.finish) + 2 * (3 + CUT)


#: Border that is cut off the result, in pixels of half size: what two convolutions eat there is no multiple of 8 pixels, and the row and
#: column of zeros at the way down are seen by the first ten.
CUT = 5
#: Border that the exported graph leaves, in pixels: it gives blocks of 4x4, which begin in the middle of those of 1/4 size.
OUTPUT_PAD = 2 * CUT

TIERS = {tier.name: tier for tier in (Tier("live", 32, 12, 64, 3, 0), Tier("fine", 64, 24, 96, 4, 2))}


def fixable_norm(channels: int) -> nn.Module:
    """An instance norm that goes by fixed statistics when it does not train."""
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=True, momentum=MOMENTUM)


class StyleNorm(nn.ModuleList):
    """A norm for each style."""

    def forward(self, x: torch.Tensor, style: int) -> torch.Tensor:
        return self[style](x)


class Residual(nn.Module):
    """x + conv(relu(norm(conv(x)))), without a border of two pixels."""

    def __init__(self, channels: int, styles: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm = StyleNorm(fixable_norm(channels) for _ in range(styles))
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
        # Pixel i of 1/8 size lies over 2i at 1/4 size.
        self.down = nn.Conv2d(width, body, 3, stride=2, bias=False)
        self.down_norm = StyleNorm(nn.InstanceNorm2d(body, affine=True) for _ in range(styles))
        self.body = nn.ModuleList([Residual(body, styles) for _ in range(tier.blocks)])
        self.up = nn.Conv2d(body, width, 3, bias=False)
        self.up_norm = StyleNorm(fixable_norm(width) for _ in range(styles))
        self.finish = nn.ModuleList([Residual(width, styles) for _ in range(tier.finish)])
        # Four pixels of half size from each 2x2 of 1/4 size: what lies inside of a pixel of 1/4 size has channels of its own.
        self.refine = nn.ModuleList([nn.Conv2d(width, 4 * half, 2, bias=False) for _ in range(styles)])
        self.refine_norm = StyleNorm(fixable_norm(half) for _ in range(styles))
        self.leave = nn.ModuleList([nn.Conv2d(half, 12, 5) for _ in range(styles)])
        for conv in self.refine:
            _init_as_enlargement(conv)
        for conv in self.leave:
            _init_as_interpolation(conv)
            nn.init.constant_(conv.bias, 0.5)

    def forward(self, x: torch.Tensor, style: int = 0) -> torch.Tensor:
        quarter = F.relu(self.enter(F.pixel_unshuffle(x, BLOCK)))
        eighth = F.relu(self.down_norm(self.down(F.pad(quarter, (1, 0, 1, 0))), style))
        for block in self.body:
            eighth = block(eighth, style)
        up = F.relu(self.up_norm(self.up(enlarged(F.relu(eighth))), style))
        quarter = up + inside(quarter, self.tier.skip)
        for block in self.finish:
            quarter = block(quarter, style)
        half = F.pixel_shuffle(self.refine[style](quarter), 2)
        styled = self.leave[style](F.relu(self.refine_norm(half, style)))
        return F.pixel_shuffle(inside(styled, CUT), 2)

    @torch.no_grad()
    def even_phases(self) -> None:
        """Holds what each PixelShuffle is fed by to a common gain: where the picture is even, all pixels of a block come out alike,
        and no lattice can be seen (Sugawara et al. 2018). To be called after every change of the weights."""
        for conv in (*self.refine, *self.leave):
            outs, ins, *sides = conv.weight.shape
            taps = conv.weight.view(outs // 4, 4, ins, *sides)
            gains = taps.mean((3, 4), keepdim=True)
            taps -= gains - gains.mean(1, keepdim=True)
            if conv.bias is not None:
                phases = conv.bias.view(outs // 4, 4)
                phases.copy_(phases.mean(1, keepdim=True).expand_as(phases))


def inside(x: torch.Tensor, border: int) -> torch.Tensor:
    """Without `border` pixels on each side."""
    return x[..., border:-border, border:-border]


def enlarged(x: torch.Tensor) -> torch.Tensor:
    """Twice as large, by nearest neighbours."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def bordered(x: torch.Tensor, tier: Tier) -> torch.Tensor:
    """With the reflected border that the runtime adds."""
    return F.pad(x, (tier.pad,) * 4, mode="reflect")


def stylize(net: StyleNet, x: torch.Tensor, style: int = 0) -> torch.Tensor:
    """Pictures in 0..1 to pictures in about 0..1 (not clamped), with the border that the runtime adds."""
    return net(bordered(x, net.tier), style)


def kmac_per_pixel(tier: Tier) -> float:
    """Thousands of multiply-accumulates for each pixel of the picture, as the exported graph does them."""
    width, body, half = tier.width, tier.body, 4 * tier.half
    # A nearest enlargement and a 3x3 convolution are one of 2x2 at the smaller size, for four pixels at once.
    quarter = width * (48 + half * 4) + half * 48 * 9 + 2 * tier.finish * width**2 * 9
    eighth = width * body * 9 + 2 * tier.blocks * body**2 * 9 + body * 4 * width * 4
    return (quarter / 16 + eighth / 64) / 1000


def enlarging(weight: torch.Tensor) -> torch.Tensor:
    """A nearest enlargement by two and a 3x3 convolution as one of 2x2 at the smaller size, whose result is to be shuffled: four
    channels, (row, column), for one. Its first pixel lies at row and column 1 of the enlarged picture."""
    # How much of each of the three taps falls on each of the two pixels, for the first and the second of two pixels that become of them.
    falls = weight.new_tensor([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]])
    return torch.einsum("rit,cju,ostu->orcsij", falls, falls, weight).reshape(4 * len(weight), -1, 2, 2)


#: Modules that hold one entry for each style.
_PER_STYLE = ("norm", "down_norm", "up_norm", "refine", "refine_norm", "leave")


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


def _init_as_enlargement(conv: nn.Conv2d) -> None:
    """Of 2x2, before a PixelShuffle(2): begins as a nearest enlargement and a convolution, which knows of no lattice."""
    with torch.no_grad():
        one = torch.empty(conv.out_channels // 4, conv.in_channels, 3, 3)
        conv.weight.copy_(enlarging(nn.init.kaiming_normal_(one, nonlinearity="linear")))


def _init_as_interpolation(conv: nn.Conv2d) -> None:
    """Of 5x5, before a PixelShuffle(2): begins as a 3x3 convolution and a linear interpolation. From four phases that begin alike (ICNR:
    Aitken et al. 2017) little else than squares of four pixels is learned."""
    with torch.no_grad():
        one = torch.empty(conv.out_channels // 4, conv.in_channels, 3, 3)
        conv.weight.copy_(interpolating(nn.init.kaiming_normal_(one, nonlinearity="linear")))


def interpolating(weight: torch.Tensor) -> torch.Tensor:
    """A 3x3 convolution and a linear interpolation to twice the size as one of 5x5, whose result is to be shuffled: four channels,
    (row, column), for one."""
    # What each of the three taps gives to each of five, for the first and the second of two pixels that become of one.
    first = [[0.25, 0.75, 0, 0, 0], [0, 0.25, 0.75, 0, 0], [0, 0, 0.25, 0.75, 0]]
    second = [[0, 0.75, 0.25, 0, 0], [0, 0, 0.75, 0.25, 0], [0, 0, 0, 0.75, 0.25]]
    gives = weight.new_tensor([first, second])
    return torch.einsum("rsi,ctj,oust->orcuij", gives, gives, weight).reshape(4 * len(weight), -1, 5, 5)
