"""Photographs and videos to train on, and pictures in and out of files."""

import os
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, UnidentifiedImageError

from .errors import UserError

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}
#: Fewer pictures than this teach a network the pictures, not how to paint.
ENOUGH = 20
#: Photographs are kept at most this long a side in memory.
LONGEST = 900
#: Frames taken from each video.
FRAMES_OF_A_VIDEO = 8


def load_picture(path: Path, short_side: int | None = None) -> torch.Tensor:
    """1 x 3 x H x W in 0..1; resized so that the short side is `short_side`."""
    try:
        picture = Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"{path}: cannot be read as a picture ({error})") from error
    if short_side is not None:
        factor = short_side / min(picture.size)
        size = (round(picture.width * factor), round(picture.height * factor))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return to_tensor(picture)[None]


def to_tensor(picture: Image.Image) -> torch.Tensor:
    """3 x H x W in 0..1."""
    return _bytes(picture).float() / 255


def to_picture(tensor: torch.Tensor) -> Image.Image:
    """Of 3 x H x W in 0..1, clamped."""
    values = (tensor.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray(values.cpu().numpy())


def in_a_row(pictures: list[Image.Image], height: int) -> Image.Image:
    """Side by side, at one height."""
    tiles = [picture.resize((round(picture.width * height / picture.height), height)) for picture in pictures]
    row = Image.new("RGB", (sum(tile.width for tile in tiles), height))
    left = 0
    for tile in tiles:
        row.paste(tile, (left, 0))
        left += tile.width
    return row


def default_content() -> Path:
    """The user's own pictures."""
    return Path(os.environ.get("XDG_PICTURES_DIR") or Path.home() / "Pictures")


class Content:
    """Pictures in memory, and random crops of them."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name one with photographs or videos: --content DIR")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        pictures = [_shrunk(path) for path in files if path.suffix.lower() in PHOTOS]
        for path in files:
            if path.suffix.lower() in VIDEOS:
                pictures += _frames(path)
        self.pictures = [_bytes(picture) for picture in pictures if picture is not None]
        if len(self.pictures) < ENOUGH:
            raise UserError(
                f"{folder}: {len(self.pictures)} pictures are too few to learn from; "
                f"name a folder with at least {ENOUGH}, better hundreds: --content DIR"
            )

    def to(self, device: torch.device) -> "Content":
        """Crops are made there."""
        self.pictures = [picture.to(device) for picture in self.pictures]
        return self

    def sample(self, count: int, short_side: int) -> list[torch.Tensor]:
        """Some pictures, spread over all and always the same ones: 1 x 3 x H x W, sides multiples of 8."""
        chosen = self.pictures[:: max(1, len(self.pictures) // count)][:count]
        return [_whole(picture, short_side) for picture in chosen]

    def batch(self, count: int, side: int, dice: random.Random) -> torch.Tensor:
        """`count` x 3 x `side` x `side` in 0..1, each a random part of a random picture, at a random scale."""
        crops = [_crop(dice.choice(self.pictures), side, dice) for _ in range(count)]
        return torch.cat(crops).contiguous(memory_format=torch.channels_last)


def _shrunk(path: Path) -> Image.Image | None:
    try:
        picture = Image.open(path).convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None  # one bad file among hundreds of photographs is no reason to stop
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return picture


def _frames(path: Path) -> list[Image.Image]:
    try:
        import av
    except ImportError as error:
        raise UserError(f"{path}: videos as content need PyAV: pip install av") from error
    with av.open(str(path)) as container:
        count = container.streams.video[0].frames or 240
        every = max(1, count // FRAMES_OF_A_VIDEO)
        frames = [frame.to_image() for i, frame in enumerate(container.decode(video=0)) if i % every == 0]
    for frame in frames:
        frame.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return frames[:FRAMES_OF_A_VIDEO]


def _bytes(picture: Image.Image) -> torch.Tensor:
    """3 x H x W bytes."""
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)


def _whole(pixels: torch.Tensor, short_side: int) -> torch.Tensor:
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())
    factor = short_side / min(picture.size)
    size = (round(picture.width * factor / 8) * 8, round(picture.height * factor / 8) * 8)
    return to_tensor(picture.resize(size, Image.Resampling.LANCZOS))[None]


def _crop(picture: torch.Tensor, side: int, dice: random.Random) -> torch.Tensor:
    """1 x 3 x `side` x `side` in 0..1, of bytes 3 x H x W."""
    height, width = picture.shape[1:]
    part = dice.randint(min(side, width, height), min(width, height))
    x, y = dice.randint(0, width - part), dice.randint(0, height - part)
    crop = picture[None, :, y : y + part, x : x + part].float() / 255
    crop = F.interpolate(crop, (side, side), mode="bilinear", antialias=True)
    return crop.flip(3) if dice.random() < 0.5 else crop
