"""Whole frames of any size, shrunk onto one grey canvas, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array

PAD = 127
"""Value of the canvas outside of the frame: the middle of the range, as the zeros that convolutions pad with."""


class Fit(NamedTuple):
    """Where a frame lies on the canvas: at the top left, `width` x `height` pixels of it; `scale_*`: canvas / frame."""

    width: int
    height: int
    scale_x: float
    scale_y: float

    def to_frame(self, boxes: Array) -> Array:
        """(N, 4) left, top, right, bottom in pixels of the canvas -> pixels of the frame, clipped to it."""
        limit = np.array([self.width, self.height] * 2)
        return np.clip(boxes, 0, limit) / np.array([self.scale_x, self.scale_y] * 2)


def fit(width: int, height: int, side: int) -> Fit:
    """The largest size of the same shape, to the pixel, whose longer side is `side`."""
    longer = max(width, height)
    new_width, new_height = max(1, round(width * side / longer)), max(1, round(height * side / longer))
    return Fit(new_width, new_height, new_width / width, new_height / height)


def canvas_size(fits: Sequence[Fit], multiple: int) -> tuple[int, int]:
    """Height and width of the smallest canvas for all of them whose sides are multiples of `multiple`."""
    height, width = max(f.height for f in fits), max(f.width for f in fits)
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def put(canvas: NDArray[np.uint8], pixels: NDArray[np.uint8], rgb: tuple[int, int, int], where: Fit) -> None:
    """Resizes a frame (H, W, C), any row stride, onto the top left of a canvas (H', W', 3) RGB."""
    how = cv2.INTER_AREA if where.scale_x < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, (where.width, where.height), interpolation=how)
    small = small.reshape(where.height, where.width, -1)  # OpenCV drops a single channel
    canvas[: where.height, : where.width] = small[..., rgb]
