"""Pixels: image buffers as views (the fields of sensor_msgs/Image, without ROS, without copying), and their range."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


class Encoding(NamedTuple):
    """Bytes per pixel, and which of them are red, green and blue."""

    channels: int
    rgb: tuple[int, int, int]


ENCODINGS = {
    "rgb8": Encoding(3, (0, 1, 2)),
    "bgr8": Encoding(3, (2, 1, 0)),
    "rgba8": Encoding(4, (0, 1, 2)),
    "bgra8": Encoding(4, (2, 1, 0)),
    "mono8": Encoding(1, (0, 0, 0)),
    "mono16": Encoding(2, (1, 1, 1)),  # of 16 bits the upper 8
}
MONO16_BIG_ENDIAN = Encoding(2, (0, 0, 0))
MAX_PIXELS = 1 << 26
"""Pixels above which a compressed picture is refused before it is decoded: a few bytes may stand for gigabytes."""
MAX_SCANS = 100
"""Passes over a progressive JPEG above which it is refused; encoders make about ten. Each takes time in proportion to
the pixels, but as little as 100 bytes: 1 MB could keep the decoder busy for minutes."""
_START_OF_SCAN = b"\xff\xda"
BGR = (2, 1, 0)
"""Which channels of OpenCV's pictures are red, green and blue."""


class ImageError(ValueError):
    """An image that cannot be used; the message says which value of it is wrong."""


def encoding(name: str, big_endian: bool) -> Encoding | None:
    """How pixels of this sensor_msgs encoding lie in memory; None if it is not one that is read without conversion."""
    return MONO16_BIG_ENDIAN if name == "mono16" and big_endian else ENCODINGS.get(name)


def view_pixels(data: object, width: int, height: int, step: int, bytes_per_pixel: int) -> NDArray[np.uint8]:
    """(height, width, bytes_per_pixel) view of a row-padded buffer of bytes.

    Args:
        data: any buffer of bytes, `step` bytes a row.

    Raises:
        ImageError: the numbers contradict each other or describe no pixel.
    """
    row = width * bytes_per_pixel
    if width == 0 or height == 0:
        raise ImageError(f"size {width}x{height} holds no pixel")
    if step < row:
        raise ImageError(
            f"step {step} is shorter than a row of {width} pixels of {bytes_per_pixel} bytes ({row} bytes)"
        )
    flat = np.frombuffer(data, np.uint8)  # type: ignore[call-overload]
    if len(flat) != step * height:
        raise ImageError(f"data has {len(flat)} bytes, step {step} x height {height} asks for {step * height}")
    return flat.reshape(height, step)[:, :row].reshape(height, width, bytes_per_pixel)


def decode_picture(data: bytes, formats: tuple[str, ...] = ("JPEG", "PNG"), upright: bool = False) -> NDArray[np.uint8]:
    """(H, W, 3) pixels of a picture file, channels in OpenCV's order (`BGR`).

    Args:
        formats: that are read, in Pillow's words.
        upright: turn the picture as its EXIF data say.

    Raises:
        ImageError: it has another format, is broken, or has more than MAX_PIXELS or MAX_SCANS.
    """
    from PIL import Image  # a machine that runs the network only may lack it

    try:
        header = Image.open(io.BytesIO(data), formats=formats)  # reads the header alone
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        known = " nor ".join(formats)
        raise ImageError(f"compressed data of {len(data)} bytes is neither {known} ({error})") from error
    width, height = header.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"compressed picture of {width}x{height} has more than {MAX_PIXELS} pixels")
    if header.format != "PNG" and data.count(_START_OF_SCAN) > MAX_SCANS:
        raise ImageError(f"compressed picture of {width}x{height} has more than {MAX_SCANS} scans")
    try:
        header.verify()  # checksums: libpng would complain on stderr, about every picture of a stream
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"compressed picture of {width}x{height} is broken: {error}") from error
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise ImageError(f"compressed picture of {width}x{height} is broken: {len(data)} bytes cannot be decoded")
    return pixels


def normalise(crops: Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1], which is what the network takes (SPNET.md section 3.1)."""
    return crops.float() / 127.5 - 1
