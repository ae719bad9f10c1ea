"""What the tests share: a small VGG of random weights, and photographs made of noise."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from stylize_train.data import Content
from stylize_train.features import Features, vgg19
from stylize_train.network import Tier

CPU = torch.device("cpu")
CHANNELS = (3, 8, 8, 12, 12, 16, 16, 16, 16)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def features() -> Features:
    """VGG19's shape with few channels; only trained weights would tell a painting, any tell pictures apart."""
    dice = np.random.default_rng(0)
    pairs = list(pairwise(CHANNELS))
    kernels = [dice.normal(0, (2 / (9 * ins)) ** 0.5, (outs, ins, 3, 3)) for ins, outs in pairs]
    return vgg19(kernels, [np.zeros(outs) for _, outs in pairs])


@pytest.fixture
def tier() -> Tier:
    return Tier("live", 8, 4, 16, 1, 1)


@pytest.fixture
def folder(tmp_path):
    """25 smooth photographs of 144x128, and a painting beside their folder."""
    photos = tmp_path / "photos"
    photos.mkdir()
    dice = np.random.default_rng(1)
    for index in range(25):
        picture(dice, 9).save(photos / f"{index:02}.png")
    picture(dice, 36).save(tmp_path / "painting.png")
    return tmp_path


def picture(dice: np.random.Generator, detail: int) -> Image.Image:
    values = dice.integers(0, 256, (detail, detail, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((144, 128), Image.Resampling.BICUBIC)


@pytest.fixture
def content(folder) -> Content:
    return Content(folder / "photos")
