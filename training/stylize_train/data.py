"""Photographs and videos to train on, and pictures in and out of files."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from tqdm import tqdm

from .errors import UserError

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}
#: Fewer pictures than this teach a network the pictures, not how to paint.
ENOUGH = 20
#: More than this teach little more, and all lie in memory, 1.5 GB of them.
MOST = 1000
#: Photographs are kept at most this long a side in memory.
LONGEST = 900
#: What has a shorter side is a thumbnail or an icon.
SMALLEST = 128
#: Frames taken from each video.
FRAMES_OF_A_VIDEO = 8
#: Frames that are decoded on the way from a key frame to the one that is wanted; encoders set key frames at least every 250.
LONGEST_WAY = 300


def open_picture(path: Path, longest: int | None = None) -> Image.Image:
    """RGB, upright; resized so that no side is longer than `longest`."""
    try:
        with Image.open(path) as file:
            if longest is not None:
                # JPEG decodes a half, a quarter or an eighth of its size in less time and memory.
                file.draft(None, (2 * longest, 2 * longest))
            picture = _rgb(ImageOps.exif_transpose(file))
    except Exception as error:  # Pillow's readers throw whatever a broken file leads them to
        raise UserError(f"{path}: cannot be read as a picture ({error})") from error
    if longest is not None:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # grey of 16 bits, which Pillow clamps to 8
        values = np.asarray(picture).clip(0, 65535) / 257
        picture = Image.fromarray(values.round().astype(np.uint8))
    return picture.convert("RGB")


def load_picture(path: Path, short_side: int | None = None) -> torch.Tensor:
    """1 x 3 x H x W in 0..1; resized so that the short side is `short_side`."""
    picture = open_picture(path)
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


def require_folder(folder: Path) -> None:
    """Says what to do where there is none to learn from."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name one with photographs or videos: --content DIR")


def _is_small(picture: Image.Image) -> bool:
    """Whether it was small before it was shrunk: a panorama is not."""
    return min(picture.size) < SMALLEST and max(picture.size) < LONGEST


class Content:
    """Pictures in memory, and random crops of them."""

    def __init__(self, folder: Path):
        require_folder(folder)
        self.pictures, small = [], 0
        for path in tqdm(_listed(folder), f"reading {folder.name}", unit="file", leave=False):
            pictures = list(_frames(path) if path.suffix.lower() in VIDEOS else _photograph(path))
            large = [picture for picture in pictures if not _is_small(picture)]
            small += len(pictures) - len(large)
            self.pictures += [_bytes(picture) for picture in large]
        if len(self.pictures) < ENOUGH:
            left_out = f", and {small} more of less than {SMALLEST} pixels," if small else ""
            raise UserError(
                f"{folder}: {len(self.pictures)} pictures{left_out} are too few to learn from; "
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


def _listed(folder: Path) -> list[Path]:
    """Photographs and then videos below a folder, without what is hidden; of too many, some from everywhere."""
    visible = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    photos, videos = ([path for path in visible if path.suffix.lower() in kind] for kind in (PHOTOS, VIDEOS))
    files, pictures = photos + videos, len(photos) + FRAMES_OF_A_VIDEO * len(videos)
    count = len(files) if pictures <= MOST else len(files) * MOST // pictures
    return [files[index * len(files) // count] for index in range(count)]


def _photograph(path: Path) -> list[Image.Image]:
    try:
        return [open_picture(path, LONGEST)]
    except UserError as error:
        _say(f"left out: {error}")
        return []


def _say(line: str) -> None:
    """One bad file among hundreds is no reason to stop."""
    tqdm.write(line, file=sys.stderr)


def _frames(path: Path) -> list[Image.Image]:
    """Of a video, spread over its time; of a broken one, those before the damage."""
    try:
        import av
    except ImportError as error:
        raise UserError(f"{path}: videos as content need PyAV: pip install av") from error
    frames: dict[int | None, Image.Image] = {}
    try:
        with av.open(str(path)) as container:
            _spread_frames(container, av.time_base, frames, by_seeking=True)
            if not frames:  # it has no index to seek by
                container.seek(0)
                _spread_frames(container, av.time_base, frames, by_seeking=False)
    except (av.FFmpegError, IndexError, ValueError) as error:  # IndexError: it has no picture
        _say(f"{path}: the video gives {len(frames)} of {FRAMES_OF_A_VIDEO} frames ({error})")
    return list(frames.values())


def _spread_frames(container, time_base: int, frames: dict[int | None, Image.Image], by_seeking: bool) -> None:
    """Puts frames of a PyAV container into `frames`, by their time; `time_base`: parts of a second in which containers count."""
    stream, begin = container.streams.video[0], container.start_time or 0
    # Some recordings do not say how long they are: a frame a second, then.
    apart = (container.duration or FRAMES_OF_A_VIDEO * time_base) / FRAMES_OF_A_VIDEO
    for index in range(FRAMES_OF_A_VIDEO):
        time, frame = int(begin + (index + 0.5) * apart), None
        if by_seeking:
            container.seek(time)
        # To the first frame from there on; where the way from the key frame before is too long, or the end comes first, to one on it.
        for count, frame in enumerate(container.decode(stream)):
            if frame.time is None or frame.time * time_base >= time or count == LONGEST_WAY:
                break
        if frame is not None and frame.pts not in frames:
            picture = frame.to_image().rotate(frame.rotation, expand=True)
            picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            frames[frame.pts] = picture


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
