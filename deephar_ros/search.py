"""Looking for people without a detector: one window a frame, over the whole picture and its parts in turn."""

from __future__ import annotations

import math

import numpy as np

from deephar_ros.geometry import Window

LONGEST = 16
"""Sides of a picture, long over short, up to which its squares are as large as the short one."""


class Searcher:
    """Goes through `search_windows` again and again."""

    def __init__(self) -> None:
        self._count = 0
        self._last: int | None = None

    def is_due(self, stamp: int, period: float) -> bool:
        """Whether the last window was given `period` seconds before `stamp` (ns), or never."""
        return self._last is None or stamp - self._last >= period * 1e9

    def window(self, width: int, height: int, stamp: int) -> Window:
        """The next window in an image of this size."""
        windows = search_windows(width, height)
        self._last, number = stamp, self._count
        self._count += 1
        return windows[number % len(windows)]


def search_windows(width: int, height: int) -> list[Window]:
    """The whole image, then squares as large as its short side, each half over the one before.

    In a picture longer than LONGEST sides, the squares are larger, so that their number stays bounded.
    """
    long = max(width, height)
    side = max(min(width, height), long / LONGEST)
    count = max(2, math.ceil(2 * long / side) - 1)
    middles = np.linspace(side / 2, long - side / 2, count)
    squares = [
        Window.around(m, height / 2, side) if width >= height else Window.around(width / 2, m, side) for m in middles
    ]
    return [Window.whole(width, height), *squares]
