import random
import struct
import zlib

import av
import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin

from stylize_train import data
from stylize_train.data import Content, load_picture, open_picture
from stylize_train.errors import UserError
from stylize_train.features import load_features

ORIENTATION = 0x0112


def test_grey_of_16_bits_keeps_its_greys(tmp_path):
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(np.asarray(open_picture(tmp_path / "grey.png"))[..., 0], ramp // 257)


def test_a_picture_stands_upright(tmp_path):
    lying, exif = Image.new("RGB", (160, 128)), Image.Exif()
    exif[ORIENTATION] = 6
    lying.paste("white", (0, 0, 160, 64))  # the upper half becomes the right one
    lying.save(tmp_path / "a.png", exif=exif)
    picture = load_picture(tmp_path / "a.png")
    assert picture.shape == (1, 3, 160, 128)
    assert picture[..., 64:].min() == 1 and picture[..., :64].max() == 0
    assert open_picture(tmp_path / "a.png", 80).size == (64, 80)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = (
        struct.pack(">I", len(text)) + kind + text + struct.pack(">I", zlib.crc32(kind + text)) for kind, text in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


HEADER = (b"IHDR", struct.pack(">IIBBBBB", 300, 300, 8, 2, 0, 0, 0))
PIXELS = zlib.compress(random.Random(0).randbytes(300 * 901))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        png((b"IHDR", b"cut")),
        png(HEADER, (b"IDAT", PIXELS[:50_000]))[:40_000],
        png(HEADER, (b"IDAT", PIXELS[:50_000]), (b"\0\0\0\0", PIXELS[50_000:])),  # a SyntaxError
    ],
)
def test_a_broken_picture_is_one_line(file, tmp_path):
    (tmp_path / "a.png").write_bytes(file)
    with pytest.raises(UserError, match="cannot be read as a picture"):
        load_picture(tmp_path / "a.png")


def test_a_picture_that_is_too_large_is_one_line(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="cannot be read as a picture"):
        load_picture(folder / "painting.png")


def test_content_leaves_out_what_is_broken_hidden_or_small(folder, capsys):
    photos = folder / "photos"
    (photos / "broken.jpg").write_bytes(b"no")
    (photos / ".hidden").mkdir()
    Image.new("RGB", (200, 200)).save(photos / ".hidden/a.png")
    Image.new("RGB", (200, 100)).save(photos / "icon.png")
    assert len(Content(photos).pictures) == 25
    assert f"left out: {photos / 'broken.jpg'}" in capsys.readouterr().err


def test_of_many_files_some_from_everywhere_are_read(folder, monkeypatch):
    monkeypatch.setattr(data, "MOST", 5)
    listed = data._listed(folder / "photos")
    assert [path.stem for path in listed] == ["00", "05", "10", "15", "20"]
    for index in range(15):
        (folder / f"photos/{index}.mp4").touch()
    monkeypatch.setattr(data, "MOST", 29)  # of 25 photographs and 15 times eight frames, a fifth
    kinds = [path.suffix for path in data._listed(folder / "photos")]
    assert (kinds.count(".png"), kinds.count(".mp4")) == (5, 3)


def test_large_photographs_are_decoded_small(tmp_path, monkeypatch):
    Image.new("RGB", (1600, 1200)).save(tmp_path / "a.jpg")
    decoded = []
    load = JpegImagePlugin.JpegImageFile.load
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", lambda self: decoded.append(self.size) or load(self))
    assert open_picture(tmp_path / "a.jpg", 100).size == (100, 75)
    assert decoded[-1] == (400, 300)


def write_video(path, seconds: int, key_frames: int = 12, **muxing: str):
    """12 frames a second of 192x128, brighter on the right, which grow brighter from the first to the last."""
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 192, 128, "yuv420p", key_frames
        for index in range(12 * seconds):
            picture = np.full((128, 192, 3), 200 * index // (12 * seconds), np.uint8)
            picture[:, 144:] += 50
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


def brightness(frames: list[Image.Image]) -> list[float]:
    """Of their left halves."""
    return [np.asarray(frame)[:, : frame.width // 2].mean() for frame in frames]


SPREAD = [200 * (index + 0.5) / 8 for index in range(8)]


@pytest.mark.parametrize(("name", "muxing"), [("a.mp4", {}), ("a.avi", {}), ("a.mkv", {}), ("a.mkv", {"live": "1"})])
def test_a_video_gives_eight_frames_from_all_its_time(name, muxing, tmp_path, monkeypatch):
    write_video(tmp_path / name, 8, **muxing)  # live: it does not say how long it is
    monkeypatch.setattr(data, "LONGEST", 96)
    frames = data._frames(tmp_path / name)
    assert [frame.size for frame in frames] == [(96, 64)] * 8
    np.testing.assert_allclose(brightness(frames), SPREAD, atol=6)


def test_a_video_in_which_nothing_can_be_sought_is_read_in_order(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mkv", 8)
    spread = data._spread_frames

    def none_by_seeking(*what, by_seeking):
        if not by_seeking:
            spread(*what, by_seeking=False)

    monkeypatch.setattr(data, "_spread_frames", none_by_seeking)
    np.testing.assert_allclose(brightness(data._frames(tmp_path / "a.mkv")), SPREAD, atol=6)


def test_where_key_frames_are_far_apart_frames_are_spread_still(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", 8, key_frames=96)
    np.testing.assert_allclose(brightness(data._frames(tmp_path / "a.mp4")), SPREAD, atol=6)
    monkeypatch.setattr(data, "LONGEST_WAY", 10)
    assert len(data._frames(tmp_path / "a.mp4")) == 2  # not the whole video for each of them


def test_a_video_that_was_turned_stands_upright(tmp_path):
    write_video(tmp_path / "a.mp4", 1)
    file = bytearray((tmp_path / "a.mp4").read_bytes())
    at = file.index(b"tkhd") + 44
    file[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)  # a quarter to the right
    (tmp_path / "a.mp4").write_bytes(file)
    frame = np.asarray(data._frames(tmp_path / "a.mp4")[0]).astype(int)
    assert frame.shape == (192, 128, 3) and frame[160:].mean() > frame[:128].mean() + 30


def test_a_broken_video_is_left_out(folder, capsys):
    write_video(folder / "whole.mp4", 2)
    whole = (folder / "whole.mp4").read_bytes()
    (folder / "photos/cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "photos/empty.webm").touch()
    assert len(Content(folder / "photos").pictures) == 25
    said = capsys.readouterr().err
    assert "cut.mp4: the video gives 0 of 8 frames" in said and "empty.webm: the video gives 0 of 8 frames" in said


def test_weights_that_were_cut_off_are_one_line(tmp_path):
    np.savez(tmp_path / "vgg.npz", **{"block1_conv1.kernel": torch.rand(3, 3, 3, 64).numpy()})
    whole = (tmp_path / "vgg.npz").read_bytes()
    with pytest.raises(UserError, match="not VGG19"):
        load_features(tmp_path / "vgg.npz")
    (tmp_path / "vgg.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a readable .npz"):
        load_features(tmp_path / "vgg.npz")
