"""Windows of an image and the maps between image and window: pure functions on numpy arrays.

Pixel coordinates are continuous: (0, 0) is the top left corner of the top left pixel, whose centre is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LARGEST_WINDOW = 1 << 20
"""Pixels; a window that is larger than any picture shows nothing, and must not grow without end."""
LARGEST_PADDED = 1 << 12
"""Side, in pixels, up to which a window that reaches over the border is filled up before it is shrunk: its memory grows
with the square of the side, and a picture may be as long as it likes."""

HALVED = 3
"""A window is halved as long as it is so many crops wide, and then brought to two crops, of which 2x2 pixels make one.
OpenCV takes three to ten times as long for the exact mean over the interval that a pixel covers; on photographs the
crops differ by 0.2 to 1 of 255 grey levels in the mean (docs/speed.md)."""
ROUNDED = 96
"""Over the side of a window, the pixels to which `Window.to_look_at` may round it."""


class Box(NamedTuple):
    """Part of an image, in its pixels; `score` is a detector's confidence, 0..1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float = 1.0

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def moved(self, dx: float, dy: float) -> Box:
        return self._replace(left=self.left + dx, top=self.top + dy, right=self.right + dx, bottom=self.bottom + dy)

    def within(self, width: int, height: int) -> Box:
        """The part that lies inside an image of this size."""
        return self._replace(
            left=min(max(self.left, 0.0), width),
            top=min(max(self.top, 0.0), height),
            right=min(max(self.right, 0.0), width),
            bottom=min(max(self.bottom, 0.0), height),
        )


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a.width * a.height + b.width * b.height - width * height)


@dataclass(frozen=True)
class Window:
    """A square part of an image, in whole pixels; it may reach over the image's borders."""

    left: int
    top: int
    size: int

    @staticmethod
    def around(x: float, y: float, size: float) -> Window:
        """Square of side `size` pixels centred at (x, y), its corners rounded; from 8 to LARGEST_WINDOW pixels wide."""
        side = max(8, round(min(size, LARGEST_WINDOW)))
        return Window(round(x - side / 2), round(y - side / 2), side)

    @staticmethod
    def to_look_at(x: float, y: float, size: float) -> Window:
        """As `around`, but of a side that can be halved again and again, within half a percent of the one asked for."""
        step = 1 << max(0, int(min(size, LARGEST_WINDOW) / ROUNDED).bit_length() - 1)
        return Window.around(x, y, step * round(min(size, LARGEST_WINDOW) / step))

    @staticmethod
    def whole(width: int, height: int) -> Window:
        """The smallest square that holds the whole image, centred."""
        return Window.around(width / 2, height / 2, max(width, height))

    def to_image(self, points: Array) -> Array:
        """(..., 2) window coordinates in [0, 1] -> pixels of the image."""
        return points * self.size + np.array([self.left, self.top], points.dtype)

    def to_window(self, points: Array) -> Array:
        """(..., 2) pixels of the image -> window coordinates in [0, 1]."""
        return (points - np.array([self.left, self.top], points.dtype)) / self.size

    def cut(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Resamples the window to (size, size, channels); what lies outside of the image is black.

        Only pixels inside the window are read, whatever the size of the image.
        """
        height, width = image.shape[:2]
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.left + self.size, width), min(self.top + self.size, height)
        if right <= left or bottom <= top:
            return np.zeros((size, size, image.shape[2]), np.uint8)
        inside = image[top:bottom, left:right]
        pads = (top - self.top, self.top + self.size - bottom, left - self.left, self.left + self.size - right)
        if any(pads) and self.size > LARGEST_PADDED:
            return self._shrink(inside, left - self.left, top - self.top, size)
        if any(pads):
            inside = cv2.copyMakeBorder(inside, *pads, cv2.BORDER_CONSTANT, value=0)
        for _ in range(self.halvings(size)):
            inside = cv2.resize(inside, (len(inside) // 2, len(inside) // 2), interpolation=cv2.INTER_AREA)
        if len(inside) > size:  # averaged, as the antialiased resize of the training pictures does
            inside = cv2.resize(inside, (2 * size, 2 * size), interpolation=cv2.INTER_LINEAR)
        how = cv2.INTER_AREA if len(inside) > size else cv2.INTER_LINEAR
        crop = cv2.resize(inside, (size, size), interpolation=how)
        return crop.reshape(size, size, -1)  # OpenCV drops a single channel

    def halvings(self, size: int) -> int:
        """How often `cut` halves the window before it shrinks the rest of the way to `size`."""
        count = 0
        while self.size % (2 << count) == 0 and self.size >> count >= HALVED * size:
            count += 1
        return count

    def _shrink(self, inside: NDArray[np.uint8], x: int, y: int, size: int) -> NDArray[np.uint8]:
        """What `cut` gives, but for less than a pixel: `inside`, which lies at (x, y) of the window, on black."""
        scale = size / self.size
        height, width = (max(1, round(side * scale)) for side in inside.shape[:2])
        left, top = min(int(x * scale), size - width), min(int(y * scale), size - height)
        crop = np.zeros((size, size, inside.shape[2]), np.uint8)
        small = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
        crop[top : top + height, left : left + width] = small.reshape(height, width, -1)
        return crop


def bounds(points: Array) -> tuple[float, float, float, float]:
    """x_min, y_min, x_max, y_max of the points (N, 2) whose coordinates are finite; ValueError if there is none."""
    finite = points[np.isfinite(points).all(-1)]
    if not len(finite):
        raise ValueError("no finite point")
    (x0, y0), (x1, y1) = finite.min(0), finite.max(0)
    return float(x0), float(y0), float(x1), float(y1)
