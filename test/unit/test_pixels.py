"""Image buffers as views."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.pixels import ENCODINGS, ImageError, view_pixels


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
@pytest.mark.parametrize("padding", [0, 7])
def test_every_encoding_gives_red_green_blue(encoding: str, padding: int) -> None:
    channels, rgb = ENCODINGS[encoding]
    pixels = np.zeros((2, 3, channels), np.uint8)
    colour = (50, 50, 50) if channels == 1 else (10, 20, 30)
    for channel, value in zip(rgb, colour, strict=True):
        pixels[..., channel] = value
    rows = np.hstack([pixels.reshape(2, -1), np.full((2, padding), 99, np.uint8)])
    view = view_pixels(rows.tobytes(), encoding, 3, 2, rows.shape[1])
    assert view.shape == (2, 3, channels)
    np.testing.assert_array_equal(view[..., rgb], np.broadcast_to(np.array(colour, np.uint8), (2, 3, 3)))


def test_nothing_is_copied() -> None:
    data = bytearray(2 * 10)
    view = view_pixels(data, "rgb8", 3, 2, 10)
    data[0] = 77
    assert view[0, 0, 0] == 77


@pytest.mark.parametrize(
    ("width", "height", "step", "length", "message"),
    [
        (3, 2, 8, 16, "step 8 is shorter than a row of 3 rgb8 pixels"),
        (3, 2, 9, 17, "data has 17 bytes, step 9 x height 2 asks for 18"),
        (3, 2, 9, 0, "data has 0 bytes"),
        (0, 2, 9, 18, "size 0x2 holds no pixel"),
        (3, 0, 9, 0, "size 3x0 holds no pixel"),
        (2**32 - 1, 2**32 - 1, 2**32 - 1, 16, "step"),
    ],
)
def test_contradictions_are_named(width: int, height: int, step: int, length: int, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        view_pixels(bytes(length), "rgb8", width, height, step)
