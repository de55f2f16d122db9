"""Windows cut on the device: on the CPU, where the same code runs, against `Window.cut`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deephar_ros.backend.device_crop import DeviceCropper
from deephar_ros.backend.lane import Lane
from deephar_ros.cutout import BLANK, Cutout, cut_all
from deephar_ros.geometry import LARGEST_PADDED, Box, Window
from deephar_ros.share import demo_clip

CPU = Lane(torch.device("cpu"))
SIZE = 64
DTYPES = (torch.float32, torch.float16)
GREY_LEVELS = 1
"""Largest difference from `Window.cut`, of 255 grey levels: OpenCV rounds a product to 1/2048, we once at the end."""


def allowed(cutout: Cutout) -> int:
    """One more where OpenCV rounds after each halving, too."""
    return GREY_LEVELS + bool(cutout.window.halvings(SIZE))


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_window_is_cut_as_on_the_host(picture: np.ndarray, window: Window, dtype: torch.dtype) -> None:
    cutout = Cutout(picture, (0, 1, 2), window)
    ours, host = DeviceCropper(CPU, SIZE, dtype)([cutout])[0].numpy(), cutout.cut(SIZE)
    difference = np.abs(ours.astype(int) - host)
    assert difference.max() <= allowed(cutout)
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


def test_real_pictures_are_cut_as_on_the_host() -> None:
    av = pytest.importorskip("av", reason="the demo video cannot be read")
    with av.open(str(demo_clip())) as video:
        pixels = next(video.decode(video=0)).to_ndarray(format="rgb24")
    sides = (70, 144, 384, 400, 804, 824, 884, 924)
    cutouts = [Cutout(pixels, (0, 1, 2), Window.around(320 + i, 240, side)) for i, side in enumerate(sides)]
    assert {bool(cutout.window.halvings(SIZE)) for cutout in cutouts} == {True, False}
    for dtype in DTYPES:
        for cutout, crop in zip(cutouts, DeviceCropper(CPU, SIZE, dtype)(cutouts).numpy(), strict=True):
            difference = np.abs(crop.astype(int) - cutout.cut(SIZE))
            assert difference.max() <= allowed(cutout)
            assert (difference > 1).mean() < 0.01
