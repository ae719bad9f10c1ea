"""What styles are measured by: content and style distance, warping error, flicker, lattice, on any ONNX model.

- c: mean squared difference of relu3_3 over the variance of the photograph's; s: `losses.style_distance` to the painting at a
  short side of 384; both with VGG19, means over photographs whose short side is 384.
- E_warp (Lai et al. 2018, Learning Blind Video Temporal Consistency): mean over the pixels that stay visible of
  (warp(O_{t+1}) − O_t)², frames in 0..1, with true optical flow (`.flo`) and its masks.
- flicker: standard deviation over time of the output for a still photograph with camera noise (σ 2/255), over that of the input.
- lattice: of the steps from pixel to pixel, along rows or columns, the mean of those at one place of eight, where it is largest,
  over the mean of all (1: none; 2: squares of two pixels).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .data import PHOTOS, load_picture
from .errors import UserError
from .features import LAST_CONTENT, Features
from .losses import StyleTarget, steps_by_place, style_distance, style_target

Paint = Callable[[torch.Tensor], torch.Tensor]
#: Short side of photographs and paintings.
SIDE = 384
CAMERA_NOISE = 2 / 255
NOISY_FRAMES = 8
FLO_MAGIC = 202021.25


@dataclass(frozen=True)
class Figures:
    """Lower is better in all."""

    content: float
    style: float
    warping: float | None
    flicker: float
    lattice: float


@dataclass(frozen=True)
class FlowPair:
    """Two frames, 1 x 3 x H x W, the flow from the first to the second, and where it is valid."""

    first: torch.Tensor
    second: torch.Tensor
    flow: torch.Tensor
    visible: torch.Tensor


@dataclass(frozen=True)
class Material:
    """What is measured on."""

    photographs: list[torch.Tensor]
    pairs: list[FlowPair]


def load_material(photographs: Path, flow: Path | None, count: int | None = None) -> Material:
    """Photographs of a folder (the first `count`), and all flow sequences (`SEQUENCE/gt/frame_*.flo`) below another."""
    return Material(load_photographs(photographs, count), _load_pairs(flow) if flow else [])


def load_photographs(folder: Path, count: int | None = None) -> list[torch.Tensor]:
    """The first `count` of a folder, 1 x 3 x H x W with a short side of 384."""
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in PHOTOS)[:count]
    if not files:
        raise UserError(f"{folder}: no photographs there")
    return [load_picture(path, SIDE) for path in files]


def _load_pairs(flow: Path) -> list[FlowPair]:
    files = sorted(flow.rglob("gt/*.flo"))
    if not files:
        raise UserError(f"--flow {flow}: no sequences there (SEQUENCE/gt/frame_*.flo)")
    return [_pair(path) for path in files]


def measure(paint: Paint, painting: torch.Tensor, features: Features, material: Material) -> Figures:
    """All figures of one model; `painting`: 1 x 3 x H x W with a short side of 384."""
    target = style_target(features, painting)
    styled = [paint(photo) for photo in material.photographs]
    content, style = content_and_style(material.photographs, styled, target, features)
    warping = float(np.mean([warping_error(paint, pair) for pair in material.pairs])) if material.pairs else None
    return Figures(content, style, warping, flicker(paint, material.photographs[0]), lattice(styled))


def content_and_style(
    photographs: list[torch.Tensor], styled: list[torch.Tensor], target: StyleTarget, features: Features
) -> tuple[float, float]:
    """c and s: means over photographs, each with what became of it."""
    distances = [_distances(*pair, target, features) for pair in zip(photographs, styled, strict=True)]
    content, style = (float(np.mean(values)) for values in zip(*distances, strict=True))
    return content, style


@torch.no_grad()
def _distances(
    photo: torch.Tensor, styled: torch.Tensor, target: StyleTarget, features: Features
) -> tuple[float, float]:
    found = features(styled)
    wanted = features(photo, LAST_CONTENT)[LAST_CONTENT]
    content = F.mse_loss(found[LAST_CONTENT], wanted) / wanted.var()
    return content.item(), style_distance(features, styled, found, target).item()


def lattice(pictures: list[torch.Tensor]) -> float:
    """How much a lattice stands out, over all pictures."""
    means = (torch.stack([steps_by_place(picture, axis) for picture in pictures]).mean(0) for axis in (2, 3))
    return max(at.max().item() for at in means)


def warping_error(paint: Paint, pair: FlowPair) -> float:
    """Mean over visible pixels of the squared difference, channels averaged."""
    first, second = paint(pair.first), paint(pair.second)
    difference = (warp(second, pair.flow) - first).square().mean(1, keepdim=True)
    return (difference[pair.visible].mean()).item()


def warp(picture: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Brings `picture` back to where `flow`, 1 x 2 x H x W in pixels, came from, bilinearly."""
    height, width = picture.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x = (columns + flow[:, 0]) * 2 / (width - 1) - 1
    y = (rows + flow[:, 1]) * 2 / (height - 1) - 1
    return F.grid_sample(picture, torch.stack((x, y), -1), mode="bilinear", padding_mode="border", align_corners=True)


def flicker(paint: Paint, photo: torch.Tensor) -> float:
    """How much of camera noise comes through: 1 passes it on."""
    noise = torch.Generator().manual_seed(0)
    frames = [photo + CAMERA_NOISE * torch.randn(photo.shape, generator=noise) for _ in range(NOISY_FRAMES)]
    frames = [(frame.clamp(0, 1) * 255).round() / 255 for frame in frames]
    before, after = (torch.cat(stack).std(0).mean() for stack in (frames, [paint(frame) for frame in frames]))
    return (after / before).item()


def _pair(flo: Path) -> FlowPair:
    sequence, name = flo.parent.parent, flo.stem
    following = f"frame_{int(name.split('_')[1]) + 1:04}.png"
    first = load_picture(sequence / f"{name}.png")
    hidden = sum(
        load_picture(flo.parent / kind / f"{name}.png").amax(1, keepdim=True) for kind in ("occlusions", "invalid")
    )
    flow = read_flo(flo)
    height, width = first.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    to_x, to_y = columns + flow[:, 0], rows + flow[:, 1]
    inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    return FlowPair(first, load_picture(sequence / following), flow, (hidden < 0.5) & inside[None])


def read_flo(path: Path) -> torch.Tensor:
    """1 x 2 x H x W of a Middlebury .flo file."""
    data = path.read_bytes()
    magic = np.frombuffer(data, "<f4", 1)[0] if len(data) >= 12 else 0
    if magic != FLO_MAGIC:
        raise UserError(f"{path}: no .flo file")
    width, height = (int(side) for side in np.frombuffer(data, "<i4", 2, 4))
    if min(width, height) < 1 or len(data) != 12 + 8 * width * height:
        raise UserError(f"{path}: a broken .flo file, {len(data)} bytes for {width}x{height} pixels")
    flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2)
    return torch.from_numpy(flow.copy()).permute(2, 0, 1)[None]
