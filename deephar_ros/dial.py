"""The paper's scalability as a dial: how many pyramids of the network run, chosen so that a rate is kept."""

from __future__ import annotations

import statistics
from collections import deque

FRAMES = 10
"""Frames whose median decides."""
RESERVE = 0.8
"""Part of the time per frame that a larger cut may need before it is tried."""
HOLD, LONGEST_HOLD = 3.0, 60.0
"""Seconds after a change before a larger cut is tried; doubled each time that it turns out to be too slow."""


class CutDial:
    """Turns down as soon as the rate is missed, and up, one pyramid at a time, when there is time to spare."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=FRAMES)
        self._hold = HOLD
        self._changed = float("-inf")
        self._went_up = False

    def choose(self, cut: int, pyramids: int, seconds: float, rate: float, now: float) -> int:
        """The cut for the next frame.

        Args:
            cut: pyramids that run now, of `pyramids`.
            seconds: that the last frame took with them.
            rate: frames per second to keep.
            now: seconds of a monotonic clock.
        """
        self._times.append(seconds)
        if len(self._times) < FRAMES:
            return cut
        needed = statistics.median(self._times)
        if needed > 1 / rate and cut > 1:
            if self._went_up:
                self._hold = min(2 * self._hold, LONGEST_HOLD)
            return self._change(cut - 1, now)
        # The entry flow costs the same for every cut, so this overestimates what one more pyramid costs.
        if cut < pyramids and needed * (cut + 1) / cut < RESERVE / rate and now - self._changed >= self._hold:
            return self._change(cut + 1, now, up=True)
        return cut

    def _change(self, cut: int, now: float, up: bool = False) -> int:
        self._times.clear()
        self._changed, self._went_up = now, up
        return cut
