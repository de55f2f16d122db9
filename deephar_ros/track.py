"""Where to look for the person in the next frame. One person for now: follow the last confident pose."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from deephar_ros.geometry import Array, Window, bounds


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
    """Follows one person: the window for the next frame surrounds the last confident pose, else it is the whole frame.

    A person keeps the id while poses stay confident, with gaps of up to `patience` seconds.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self.settings = settings
        self._count = 0
        self._window: Window | None = None
        self._seen = 0  # stamp of the last confident pose, ns

    @property
    def id(self) -> str:
        """Identifier of the person followed last."""
        return str(self._count)

    def window(self, width: int, height: int) -> Window:
        """Where to look in an image of this size."""
        return self._window or Window.whole(width, height)

    def update(self, joints: Array, confidence: Array, stamp: int) -> State | None:
        """Takes the pose found in `window`.

        Args:
            joints: (J, 2) pixels.
            confidence: (J,) in [0, 1].
            stamp: time of the frame, ns.

        Returns:
            The person's state, or None when there is nobody to report in this frame.
        """
        if float(confidence.mean()) >= self.settings.min_confidence:
            appeared = self._window is None
            self._count += appeared
            self._window = self._around(joints, confidence)
            self._seen = stamp
            return State.NEW if appeared else State.TRACKED
        gone = self._window is not None and not 0 <= stamp - self._seen <= self.settings.patience * 1e9
        if gone:
            self._window = None
            return State.LOST
        return None

    def _around(self, joints: Array, confidence: Array) -> Window:
        sure = confidence >= np.median(confidence) / 2  # a stray joint must not blow the window up
        x0, y0, x1, y1 = bounds(joints[sure])
        return Window.around((x0 + x1) / 2, (y0 + y1) / 2, self.settings.margin * max(x1 - x0, y1 - y0))
