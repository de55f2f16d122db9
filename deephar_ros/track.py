"""Where to look for the person in the next frame. One person for now: follow the last confident pose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from deephar_ros.geometry import Array, Window, bounds

MIN_FILL = 0.2
"""Least extent of a pose over the side of its window. Training shows people from a quarter of the crop on; what looks
smaller is a pose that collapsed, and following it would shrink the window to nothing."""


class State(IntEnum):
    """As in Skeleton3D.msg."""

    NEW = 0
    TRACKED = 1
    LOST = 2


@dataclass(frozen=True)
class TrackSettings:
    """
    Attributes:
        min_confidence: mean joint confidence from which a pose counts as a person, 0..1.
        margin: side of the next window over the largest extent of the pose.
        patience: seconds without a confident pose after which the person is lost.
    """

    min_confidence: float
    margin: float
    patience: float


class PoseFollower:
    """Follows one person: the window for the next frame surrounds the last confident pose.

    Without one, frames are searched, one window a frame: first the whole frame, then its squares, where people who are
    small in a wide frame are large enough. A person keeps the id while poses stay confident, with gaps of up to
    `patience` seconds; a first sight that the second look does not confirm is given up at once.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self.settings = settings
        self._count = 0
        self._window: Window | None = None
        self._looks = 0  # confident poses of the person followed
        self._seen = 0  # stamp of the last confident pose, ns
        self._searched = 0  # windows tried without success

    @property
    def id(self) -> str:
        """Identifier of the person followed last."""
        return str(self._count)

    def window(self, width: int, height: int) -> Window:
        """Where to look in an image of this size."""
        if self._window is not None:
            return self._window
        windows = search_windows(width, height)
        return windows[self._searched % len(windows)]

    def update(self, window: Window, joints: Array, confidence: Array, stamp: int) -> State | None:
        """Takes the pose found in `window`.

        Args:
            joints: (J, 2) pixels of the image.
            confidence: (J,) in [0, 1].
            stamp: time of the frame, ns.

        Returns:
            The person's state, or None when there is nobody to report in this frame.
        """
        x0, y0, x1, y1 = _sure_bounds(joints, confidence)
        extent = max(x1 - x0, y1 - y0)
        if float(confidence.mean()) >= self.settings.min_confidence and extent >= MIN_FILL * window.size:
            return self._follow(Window.around((x0 + x1) / 2, (y0 + y1) / 2, self.settings.margin * extent), stamp)
        if self._window is None:
            self._searched += 1
            return None
        if self._looks > 1 and 0 <= stamp - self._seen <= self.settings.patience * 1e9:
            return None
        self._searched = 0 if self._looks > 1 else self._searched + 1
        self._window, self._looks = None, 0
        return State.LOST

    def _follow(self, window: Window, stamp: int) -> State:
        self._count += self._looks == 0
        self._looks += 1
        self._window, self._seen = window, stamp
        return State.NEW if self._looks == 1 else State.TRACKED


def _sure_bounds(joints: Array, confidence: Array) -> tuple[float, float, float, float]:
    return bounds(joints[confidence >= np.median(confidence) / 2])  # a stray joint must not blow the window up


def search_windows(width: int, height: int) -> list[Window]:
    """The whole image, then squares as large as its short side, each half over the one before."""
    side, long = min(width, height), max(width, height)
    count = max(2, math.ceil(2 * long / side) - 1)
    middles = np.linspace(side / 2, long - side / 2, count)
    squares = [
        Window.around(m, height / 2, side) if width >= height else Window.around(width / 2, m, side) for m in middles
    ]
    return [Window.whole(width, height), *squares]
