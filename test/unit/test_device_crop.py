"""Windows cut on the device: on the CPU, where the same code runs, against `Window.cut`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deephar_ros.backend.device_crop import DeviceCropper
from deephar_ros.backend.lane import Lane
from deephar_ros.cutout import BLANK, Cutout, cut_all
from deephar_ros.geometry import LARGEST_PADDED, Box, Window

CPU = Lane(torch.device("cpu"))
SIZE = 64
GREY_LEVELS = {torch.float32: 1, torch.float16: 1}
"""Largest difference from `Window.cut`, of 255: OpenCV rounds a product to 1/2048, and after each halving; we once at
the end."""


@pytest.fixture
def picture(rng: np.random.Generator) -> np.ndarray:
    """(120, 160, 3): coarse and fine structure, rows of a larger picture."""
    coarse = rng.integers(0, 256, (15, 20, 3)).repeat(8, 0).repeat(8, 1)
    noise = rng.integers(-60, 60, (120, 160, 3))
    whole = np.zeros((120, 200, 3), np.uint8)
    whole[:, :160] = (coarse + noise).clip(0, 255)
    return whole[:, :160]


WINDOWS = {
    "shrunk by a fraction": Window(10, 5, 100),
    "shrunk by a whole number": Window(3, 1, 2 * SIZE - 16),
    "shrunk by four": Window(0, 0, 4 * SIZE),
    "halved": Window(-33, -61, 220),
    "halved twice": Window(-300, -201, 420),
    "as it is": Window(20, 30, SIZE),
    "enlarged": Window(50, 40, 23),
    "enlarged much": Window(50, 40, 8),
    "over the top left": Window(-30, -40, 90),
    "over the bottom right": Window(100, 60, 90),
    "over every border": Window.whole(160, 120),
    "enlarged over a border": Window(-9, 100, 30),
    "outside": Window(500, 0, 50),
}


@pytest.mark.parametrize("dtype", GREY_LEVELS)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_window_is_cut_as_on_the_host(picture: np.ndarray, window: Window, dtype: torch.dtype) -> None:
    cutout = Cutout(picture, (0, 1, 2), window)
    ours, host = DeviceCropper(CPU, SIZE, dtype)([cutout])[0].numpy(), cutout.cut(SIZE)
    difference = np.abs(ours.astype(int) - host)
    assert difference.max() <= GREY_LEVELS[dtype]
    assert (difference > 0).mean() < 0.2
    assert host.any() or window.left == 500


def test_many_windows_of_several_pictures_go_together(picture: np.ndarray, rng: np.random.Generator) -> None:
    grey, four = picture[..., :1], rng.integers(0, 256, (50, 70, 4), np.uint8)
    cutouts = [
        Cutout(picture, (2, 1, 0), Window(10, 10, 80)),
        Cutout(grey, (0, 0, 0), Window(-5, 0, 40)),
        Cutout(four, (2, 1, 0), Window(0, 0, 70), (Box(10, 10, 40.5, 30), Box(-5, 40, 20, 90))),
        Cutout(four, (0, 1, 2), Window(900, 900, 70)),
    ]
    ours = DeviceCropper(CPU, SIZE, torch.float32)(cutouts).numpy()
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - cut_all(cutouts, SIZE)).max() <= 1
    assert (ours[2] == BLANK).all(-1).sum() > 500
    assert not ours[3].any()


def test_a_window_larger_than_is_filled_up_on_the_host_differs_by_less_than_a_pixel() -> None:
    picture = np.zeros((600, 800, 3), np.uint8)
    picture[:, 400:] = 200
    side = 2 * LARGEST_PADDED
    cutout = Cutout(picture, (0, 1, 2), Window(400 - side // 2, 300 - side // 2, side))
    ours, host = DeviceCropper(CPU, SIZE, torch.float32)([cutout])[0].numpy(), cutout.cut(SIZE)
    assert abs(float(ours.sum()) / float(host.sum()) - 1) < 0.35  # the host rounds the 4 x 6 pixels to whole ones
    assert ours[:, : SIZE // 2].max() == 0


def test_the_mean_of_a_picture_survives(picture: np.ndarray) -> None:
    crop = DeviceCropper(CPU, 60, torch.float32)([Cutout(picture, (0, 1, 2), Window(0, 0, 120))])[0].numpy()
    assert abs(crop.mean() - picture[:120, :120].mean()) < 0.5
