"""Per person, the recent frames' features, from which clips are chosen by time stamp.

Choosing by time makes a clip mean the same at any camera rate, and a gap (lost frames, a paused bag) is seen as one.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from deephar_ros.geometry import Array

NANOSECONDS = 1_000_000_000


class Clip(NamedTuple):
    """T frames of one person, oldest first."""

    start: int  # stamp of the first frame, nanoseconds
    features: Array  # (T, K)


class ClipBuffer:
    """Keeps just as much of the past as a clip of `frames` frames, `spacing` seconds apart, needs."""

    def __init__(self, frames: int, spacing: float) -> None:
        self.frames = frames
        self.spacing = round(spacing * NANOSECONDS)
        self._past: deque[tuple[int, Array]] = deque()

    def __len__(self) -> int:
        return len(self._past)

    def push(self, stamp: int, features: Array) -> None:
        """Adds the (K,) features of the frame taken at `stamp` (ns). Time that does not go forward starts afresh."""
        if self._past and stamp <= self._past[-1][0]:
            self._past.clear()
        self._past.append((stamp, features))
        # Half a spacing of grace: the frame nearest to the oldest instant may lie before it.
        oldest = stamp - (self.frames - 1) * self.spacing - self.spacing // 2
        while self._past[0][0] < oldest:
            self._past.popleft()

    def clip(self) -> Clip | None:
        """The clip that ends with the newest frame; None while an instant of it has no frame within half a spacing."""
        if not self._past:
            return None
        stamps = np.array([stamp for stamp, _ in self._past])
        wanted = stamps[-1] - self.spacing * np.arange(self.frames - 1, -1, -1)
        chosen = np.abs(stamps[:, None] - wanted).argmin(0)
        if np.abs(stamps[chosen] - wanted).max() > self.spacing // 2:
            return None
        return Clip(int(stamps[chosen[0]]), np.stack([self._past[i][1] for i in chosen]))
