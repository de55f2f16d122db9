"""Figures about a running pipeline: rates, durations, drops. One thread may write while another one reads.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, deque
from pathlib import Path
from typing import NamedTuple

MOST_CAUSES = 32
"""Different causes of drops that are counted apart."""


class Rate:
    """Events per second, over the last `window` seconds or since the first event, whichever is shorter."""

    def __init__(self, window: float = 5.0) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._first = math.inf
        self._events: deque[float] = deque()

    def add(self, now: float) -> None:
        with self._lock:
            if self._first == math.inf:
                self._first = now  # starts the measurement, and so is not counted: 11 events in 1 s are 10 per second
                return
            self._forget(now)
            self._events.append(now)

    def per_second(self, now: float) -> float:
        with self._lock:
            self._forget(now)
            span = min(self._window, now - self._first)
            return len(self._events) / span if span > 0 else 0.0

    def _forget(self, now: float) -> None:
        while self._events and self._events[0] <= now - self._window:
            self._events.popleft()


class Percentiles(NamedTuple):
    """Seconds that half, and 99 %, of the durations stay within."""

    p50: float
    p99: float


class Latencies:
    """The last `kept` durations of each stage."""

    def __init__(self, kept: int = 300) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._seconds: dict[str, deque[float]] = {}

    def add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self._seconds.setdefault(stage, deque(maxlen=self._kept)).append(seconds)

    def percentiles(self) -> dict[str, Percentiles]:
        """By stage, in the order in which the stages came first."""
        with self._lock:
            copies = {stage: sorted(seconds) for stage, seconds in self._seconds.items()}
        return {stage: Percentiles(_quantile(s, 0.50), _quantile(s, 0.99)) for stage, s in copies.items()}


def _quantile(ordered: list[float], part: float) -> float:
    """Nearest rank: the smallest of the values that `part` of all do not exceed."""
    return ordered[math.ceil(part * len(ordered)) - 1]


class Drops:
    """How many frames were dropped, by cause. Causes are few and fixed, such as "replaced by a newer one"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, cause: str, count: int = 1) -> None:
        with self._lock:
            known = cause in self._counts or len(self._counts) < MOST_CAUSES
            self._counts[cause if known else "other"] += count

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


class Complaints:
    """Keeps a log readable: each text once per `period` seconds, and no more than `most` different ones."""

    def __init__(self, period: float, most: int = 20) -> None:
        self._period, self._most = period, most
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def is_new(self, text: str, now: float) -> bool:
        """Whether to say it now; counts as said if so."""
        with self._lock:
            self._said = {other: said for other, said in self._said.items() if now - said < self._period}
            if text in self._said or len(self._said) >= self._most:
                return False
            self._said[text] = now
            return True


class Standstill:
    """For how long a number that should change has not."""

    def __init__(self) -> None:
        self._value: int | None = None
        self._since = 0.0

    def update(self, value: int, now: float) -> float:
        """Takes the number's present value; returns the seconds since it last changed."""
        if value != self._value:
            self._value, self._since = value, now
        return now - self._since


def resident_megabytes() -> float:
    """Memory of this process that is in RAM, 10^6 bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
