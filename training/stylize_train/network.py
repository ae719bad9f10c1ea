"""The style network: one definition, two widths.

Everything dense happens at 1/4 and 1/8 of the picture's size, where a 3x3 convolution costs 1/16 and 1/64 of what it costs
at full size (PixelUnshuffle and PixelShuffle: Shi et al. 2016). Instance norm (Ulyanov et al. 2016) is used at 1/8 size alone:
there it costs next to nothing, and it is what lets a network this small learn strokes quickly. A small blur follows each
PixelShuffle but the last: it lets nothing through that alternates from pixel to pixel, which is what lattices are made of. The norms' gains and biases, and
the last two convolutions, exist once for each style (Dumoulin et al. 2017), so that a base can be trained on many styles at once;
a network that ships holds one.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

#: Sides of the picture must be multiples of this.
MULTIPLE_OF = 8
#: Pixels of reflected border that the caller adds and crops: as far as the zero padding of the convolutions at 1/8 size reaches.
PAD = 56


@dataclass(frozen=True)
class Tier:
    """Channels at 1/4 size, at 1/8 size, and the residual blocks there."""

    name: str
    width: int
    body: int
    blocks: int


TIERS = {tier.name: tier for tier in (Tier("live", 32, 64, 3), Tier("fine", 64, 152, 5))}


class StyleNorm(nn.Module):
    """Instance norm with a gain and a bias for each style."""

    def __init__(self, channels: int, styles: int):
        super().__init__()
        self.gain = nn.ParameterList([nn.Parameter(torch.ones(channels)) for _ in range(styles)])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(channels)) for _ in range(styles)])

    def forward(self, x: torch.Tensor, style: int) -> torch.Tensor:
        return F.instance_norm(x, weight=self.gain[style], bias=self.bias[style], eps=1e-5)


class Residual(nn.Module):
    """x + conv(relu(norm(conv(x))))."""

    def __init__(self, channels: int, styles: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = StyleNorm(channels, styles)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight *= 0.3  # close to the identity at first, without a norm behind it

    def forward(self, x: torch.Tensor, style: int) -> torch.Tensor:
        return x + self.second(F.relu(self.norm(self.first(x), style)))


class StyleNet(nn.Module):
    """RGB in 0..1, N x 3 x H x W with H and W multiples of 8, to about the same range."""

    def __init__(self, tier: Tier, styles: int = 1):
        super().__init__()
        self.tier = tier
        width, body = tier.width, tier.body
        self.enter = nn.Conv2d(48, width, 3, padding=1)
        self.down = nn.Conv2d(width, body, 3, stride=2, padding=1, bias=False)
        self.down_norm = StyleNorm(body, styles)
        self.body = nn.ModuleList([Residual(body, styles) for _ in range(tier.blocks)])
        self.up = nn.Conv2d(body, 4 * width, 1, bias=False)
        # Two steps up, with a convolution at half size: a PixelShuffle(4) alone leaves its lattice in the picture.
        self.refine = nn.ModuleList([nn.Conv2d(width, 2 * width, 3, padding=1) for _ in range(styles)])
        self.leave = nn.ModuleList([nn.Conv2d(width // 2, 12, 3, padding=1) for _ in range(styles)])
        for conv in (self.up, *self.refine, *self.leave):
            _init_without_grid(conv, 2)
        for conv in self.leave:
            nn.init.constant_(conv.bias, 0.5)

    def forward(self, x: torch.Tensor, style: int = 0) -> torch.Tensor:
        quarter = F.relu(self.enter(F.pixel_unshuffle(x, 4)))
        eighth = F.relu(self.down_norm(self.down(quarter), style))
        for block in self.body:
            eighth = block(eighth, style)
        quarter = F.relu(blur(F.pixel_shuffle(self.up(F.relu(eighth)), 2)) + quarter)
        half = blur(F.pixel_shuffle(F.relu(self.refine[style](quarter)), 2))
        return F.pixel_shuffle(self.leave[style](half), 2)


#: 3x3, from one and its neighbours' halves: with nearest neighbours before it a linear enlargement.
BLUR = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16


def blur(x: torch.Tensor) -> torch.Tensor:
    """Each channel with `BLUR`."""
    channels = x.shape[1]
    return F.conv2d(x, BLUR.to(x).expand(channels, 1, 3, 3), padding=1, groups=channels)


def stylize(net: StyleNet, x: torch.Tensor, style: int = 0) -> torch.Tensor:
    """Pictures in 0..1 to pictures in about 0..1 (not clamped), with the border that the runtime adds."""
    padded = F.pad(x, (PAD,) * 4, mode="reflect")
    return net(padded, style)[..., PAD:-PAD, PAD:-PAD]


def kmac_per_pixel(tier: Tier) -> float:
    """Thousands of multiply-accumulates for each pixel of the picture, as the exported graph does them."""
    quarter = tier.width * (48 + 1 + 2 * tier.width + 2 * 48) * 9 / 16
    eighth = (tier.width * tier.body * 9 + 2 * tier.blocks * tier.body**2 * 9 + tier.body * 4 * tier.width) / 64
    return (quarter + eighth) / 1000


#: Modules that hold one entry for each style.
_PER_STYLE = ("gain", "bias", "refine", "leave")


def one_style(state: dict[str, torch.Tensor], style: int) -> dict[str, torch.Tensor]:
    """The weights of one style out of a base of many, as a network of one."""
    return {for_style(key, 0): value for key, value in state.items() if for_style(key, style) == key}


def for_style(key: str, style: int) -> str:
    """What the weight `key` of a style is called for another: a number follows the name of what exists for each style
    (`body.0.norm.gain.3`, `refine.3.weight`). What all styles share keeps its name."""
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
