"""Times of calls, taken in turns, and what is said of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LEAST = 5
"""Calls of each, however long they take."""


def in_turns(calls: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each call, taken alternately after one warm-up, so that a busy machine slows all of them."""
    from tqdm import tqdm  # percentiles are for those, too, who lack it

    times: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in tqdm(range(repeats + 1), file=sys.stderr, leave=False):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if repeat:
                times[name].append(1e3 * (time.perf_counter() - started))
    return times


def for_seconds(calls: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    """As `in_turns`, for so many seconds altogether, and LEAST calls of each at least."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or any(len(each) < LEAST for each in times.values()):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - started))
    return times


def percentiles(milliseconds: Sequence[float] | NDArray[np.floating]) -> dict[str, float]:
    """p25, p50, p75, p95, p99 and how many there are."""
    found = {f"p{q}": round(float(np.percentile(milliseconds, q)), 3) for q in (25, 50, 75, 95, 99)}
    return {**found, "calls": len(milliseconds)}
