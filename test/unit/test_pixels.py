"""Image buffers as views."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from deephar_ros.pixels import ENCODINGS, ImageError, decode_picture, encoding, view_pixels

COLOUR_ENCODINGS = sorted(name for name in ENCODINGS if not name.startswith("mono"))


@pytest.mark.parametrize("name", COLOUR_ENCODINGS)
@pytest.mark.parametrize("padding", [0, 7])
def test_every_colour_encoding_gives_red_green_blue(name: str, padding: int) -> None:
    channels, rgb = ENCODINGS[name]
    pixels = np.zeros((2, 3, channels), np.uint8)
    for channel, value in zip(rgb, (10, 20, 30), strict=True):
        pixels[..., channel] = value
    rows = np.hstack([pixels.reshape(2, -1), np.full((2, padding), 99, np.uint8)])
    view = view_pixels(rows.tobytes(), 3, 2, rows.shape[1], channels)
    assert view.shape == (2, 3, channels)
    np.testing.assert_array_equal(view[..., rgb], np.broadcast_to(np.array([10, 20, 30], np.uint8), (2, 3, 3)))


@pytest.mark.parametrize(("name", "dtype"), [("mono8", "u1"), ("mono16", "<u2"), ("mono16", ">u2")])
def test_grey_of_either_byte_order_is_three_times_its_upper_eight_bits(name: str, dtype: str) -> None:
    values = np.array([[0, 100, 255], [3, 2, 1]], dtype) * (257 if name == "mono16" else 1)
    layout = encoding(name, big_endian=dtype[0] == ">")
    assert layout is not None
    view = view_pixels(values.astype(dtype).tobytes(), 3, 2, 3 * layout.channels, layout.channels)[..., layout.rgb]
    np.testing.assert_array_equal(view, np.repeat([[[0], [100], [255]], [[3], [2], [1]]], 3, -1))


def test_an_encoding_that_needs_conversion_is_none() -> None:
    assert encoding("bayer_rggb8", big_endian=False) is None


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_compressed_pictures_are_decoded(ending: str) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30] = 200, 100, 50
    data = cv2.imencode(ending, picture)[1].tobytes()
    np.testing.assert_allclose(decode_picture(data)[20, [10, 50]], [[200, 100, 50], [0, 0, 0]], atol=4)


def test_broken_and_enormous_compressed_pictures_are_refused() -> None:
    data = cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    with pytest.raises(ImageError, match="neither JPEG nor PNG"):
        decode_picture(b"no picture at all")
    with pytest.raises(ImageError, match="60x40 is broken"):
        decode_picture(data[:60])
    bomb = bytearray(data)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageError, match=r"60000x60000 has more than|neither"):
        decode_picture(bytes(bomb))


def test_nothing_is_copied() -> None:
    data = bytearray(2 * 10)
    view = view_pixels(data, 3, 2, 10, 3)
    data[0] = 77
    assert view[0, 0, 0] == 77


@pytest.mark.parametrize(
    ("width", "height", "step", "length", "message"),
    [
        (3, 2, 8, 16, "step 8 is shorter than a row of 3 pixels"),
        (3, 2, 9, 17, "data has 17 bytes, step 9 x height 2 asks for 18"),
        (3, 2, 9, 0, "data has 0 bytes"),
        (0, 2, 9, 18, "size 0x2 holds no pixel"),
        (3, 0, 9, 0, "size 3x0 holds no pixel"),
        (2**32 - 1, 2**32 - 1, 2**32 - 1, 16, "step"),
    ],
)
def test_contradictions_are_named(width: int, height: int, step: int, length: int, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        view_pixels(bytes(length), width, height, step, 3)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_of_sixteen_bits_the_upper_eight_are_taken(dtype: str) -> None:
    layout = encoding("mono16", big_endian=dtype[0] == ">")
    assert layout is not None
    view = view_pixels(np.array([[0x12FF, 0xFF00]], dtype).tobytes(), 2, 1, 4, layout.channels)[..., layout.rgb]
    assert view[0, :, 0].tolist() == [0x12, 0xFF]


def test_byte_order_matters_for_sixteen_bits_alone() -> None:
    assert encoding("rgb8", big_endian=True) == ENCODINGS["rgb8"]


def test_a_picture_just_above_the_limit_and_other_formats_are_refused() -> None:
    data = bytearray(cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes())
    data[16:24] = (9_000).to_bytes(4, "big") * 2  # more than ours, less than Pillow's own limit
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageError, match="9000x9000 has more than"):
        decode_picture(bytes(data))
    with pytest.raises(ImageError, match="neither JPEG nor PNG"):
        decode_picture(cv2.imencode(".bmp", np.zeros((4, 6, 3), np.uint8))[1].tobytes())
