"""Streaming: a clip costs one new frame.

The single-frame path does not depend on the action path, so what the action path reads of each frame is
kept per person (177 kB at full width with six action blocks), and for a new frame only that frame and the action path
are computed. The result is that of the whole clip. Clips are chosen by time stamp: they mean the same at any camera
rate, and a gap (lost frames, a paused bag) is seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

import numpy as np

from deephar_ros.backend.base import Backend
from deephar_ros.geometry import Array

NANOSECONDS = 1_000_000_000
FINEST = 16
"""Frames per spacing that are enough: of those that come closer, some are left out, so that the memory stays bounded
whatever the stamps are."""


class Clip(NamedTuple):
    """T frames of one person, oldest first."""

    start: int  # stamp of the first frame, nanoseconds
    features: Array  # (T, K)


class ClipBuffer:
    """Keeps just as much of the past as a clip of `frames` frames, `spacing` seconds apart, needs."""

    def __init__(self, frames: int, spacing: float) -> None:
        self.frames = frames
        self.set_spacing(spacing)
        self._past: deque[tuple[int, Array]] = deque()

    def set_spacing(self, seconds: float) -> None:
        """Changes the time between the frames of the next clips; a longer one needs some time to fill."""
        self.spacing = round(seconds * NANOSECONDS)

    def __len__(self) -> int:
        return len(self._past)

    @property
    def nbytes(self) -> int:
        """Memory of the features kept."""
        return sum(features.nbytes for _, features in self._past)

    def push(self, stamp: int, features: Array) -> None:
        """Adds the (K,) features of the frame taken at `stamp` (ns). Time that does not go forward starts afresh.

        When the network was cut to fewer blocks, its rows are the beginning of the rows kept; otherwise rows of another
        length start afresh, too.
        """
        if self._past and len(features) < len(self._past[-1][1]):
            self._past = deque((then, row[: len(features)]) for then, row in self._past)
        if self._past and (stamp <= self._past[-1][0] or len(features) != len(self._past[-1][1])):
            self._past.clear()
        if len(self._past) > 1 and (stamp - self._past[-2][0]) * FINEST < self.spacing:
            self._past.pop()
        self._past.append((stamp, features))
        # Half a spacing of grace: the frame nearest to the oldest instant may lie before it.
        oldest = stamp - (self.frames - 1) * self.spacing - self.spacing // 2
        while self._past[0][0] < oldest:
            self._past.popleft()

    def clip(self) -> Clip | None:
        """The clip that ends with the newest frame; None while an instant of it has no frame within half a spacing."""
        if not self._past:
            return None
        stamps = [stamp for stamp, _ in self._past]
        wanted = [stamps[-1] - self.spacing * back for back in range(self.frames - 1, -1, -1)]
        chosen = [_nearest(stamps, instant) for instant in wanted]
        if max(abs(stamps[i] - instant) for i, instant in zip(chosen, wanted, strict=True)) > self.spacing // 2:
            return None
        return Clip(stamps[chosen[0]], np.stack([self._past[i][1] for i in chosen]))


def _nearest(stamps: list[int], instant: int) -> int:
    """Index of the stamp nearest to an instant; of two, the earlier."""
    after = min(bisect_left(stamps, instant), len(stamps) - 1)
    before = max(after - 1, 0)
    return before if instant - stamps[before] <= stamps[after] - instant else after


class ClipActions(NamedTuple):
    """What one person did in the clip that starts at `start` (ns): per action set (num_actions,), summing to 1."""

    start: int
    probabilities: list[Array]


class Streams:
    """The clip buffers of all persons; their clips go through the action path in one batch.

    Attributes:
        spacing: seconds between the frames of a clip; at first as the model was trained.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.spacing = backend.spec.clip_spacing
        self._buffers: dict[str, ClipBuffer] = {}

    def push(self, person: str, stamp: int, features: Array) -> None:
        """Adds a frame's features, a row of `Prediction.features`, to the person's buffer."""
        if person not in self._buffers:
            self._buffers[person] = ClipBuffer(self._backend.spec.clip_frames, self.spacing)
        self._buffers[person].set_spacing(self.spacing)
        self._buffers[person].push(stamp, features)

    def forget(self, person: str) -> None:
        """Gives up the person's buffer."""
        self._buffers.pop(person, None)

    def classify(self, persons: list[str]) -> dict[str, ClipActions]:
        """Actions of those of `persons` whose newest frame completes a clip."""
        clips = {person: clip for person in persons if (clip := self._buffers[person].clip()) is not None}
        if not clips or not self._backend.spec.labels:
            return {}
        sets = self._backend.classify(np.stack([clip.features for clip in clips.values()]))
        return {
            person: ClipActions(clip.start, [probabilities[row] for probabilities in sets])
            for row, (person, clip) in enumerate(clips.items())
        }
