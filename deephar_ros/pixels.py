"""Pixels: image buffers as views (the fields of sensor_msgs/Image, without ROS, without copying), and their range."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
}


class ImageError(ValueError):
    """An image that cannot be used; the message says which value of it is wrong."""


def view_pixels(data: object, encoding: str, width: int, height: int, step: int) -> NDArray[np.uint8]:
    """(height, width, channels) view of a row-padded buffer of bytes.

    Args:
        data: any buffer of bytes, `step` bytes a row.
        encoding: a key of ENCODINGS.

    Raises:
        ImageError: the numbers contradict each other or describe no pixel.
    """
    channels = ENCODINGS[encoding].channels
    row = width * channels
    if width == 0 or height == 0:
        raise ImageError(f"size {width}x{height} holds no pixel")
    if step < row:
        raise ImageError(f"step {step} is shorter than a row of {width} {encoding} pixels ({row} bytes)")
    flat = np.frombuffer(data, np.uint8)  # type: ignore[call-overload]
    if len(flat) != step * height:
        raise ImageError(f"data has {len(flat)} bytes, step {step} x height {height} asks for {step * height}")
    return flat.reshape(height, step)[:, :row].reshape(height, width, channels)


def normalise(crops: Tensor) -> Tensor:
    """uint8 -> float32 in [-1, 1], which is what the network takes (SPNET.md section 3.1)."""
    return crops.float() / 127.5 - 1
