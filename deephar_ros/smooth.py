"""What is shown to people holds still: filters for poses and for labels. What others compute with is never smoothed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi

import numpy as np

from deephar_ros.clip import NANOSECONDS
from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Array, Box
from deephar_ros.people import Person, State

GAP = 1.0
"""Seconds after which an old value says nothing about a new one."""
BODY_LENGTH = 1.7
"""Metres that the longer side of a person's box stands for, so that speeds in pixels and in metres compare."""


class OneEuro:
    """The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) on arrays, each entry for itself: what moves slowly is
    smoothed strongly, what moves fast is followed closely.

    Args:
        min_cutoff: Hz; the cut-off of what does not move. Lower: steadier.
        beta: Hz per unit of speed, added to the cut-off. Higher: less lag.
        d_cutoff: Hz; the cut-off of the speed itself. It is measured between the values as they came, not as they went
            out, so that beta means the same at every rate.
    """

    def __init__(self, min_cutoff: float, beta: float, d_cutoff: float = 1.0) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.d_cutoff = d_cutoff
        self._newest = 0
        self._restart(np.zeros(0))

    def __call__(self, values: Array, stamp: int, unit: float = 1.0) -> Array:
        """Smooths `values`, taken at `stamp` (ns); `unit` is what a speed of 1 covers in a second.

        NaN comes out where NaN goes in, and the entry goes on from its last known value. An entry unknown for more than
        GAP starts afresh, and so does everything when time does not go forward.
        """
        if values.shape != self._out.shape or stamp <= self._newest:
            self._restart(values)
        known = np.isfinite(values)
        seconds = (stamp - self._seen) / NANOSECONDS
        fresh = known & (np.isnan(self._out) | (seconds > GAP))
        self._out[fresh], self._speeds[fresh] = values[fresh], 0.0

        going = known & ~fresh
        new, old, seconds, speeds = values[going], self._out[going], seconds[going], self._speeds[going]
        speeds += _weight(self.d_cutoff, seconds) * ((new - self._in[going]) / seconds - speeds)
        cutoff = self.min_cutoff + self.beta * np.abs(speeds) / unit
        self._out[going], self._speeds[going] = old + _weight(cutoff, seconds) * (new - old), speeds

        self._in[known], self._seen[known], self._newest = values[known], stamp, stamp
        return np.where(known, self._out, np.nan).astype(values.dtype)

    def _restart(self, values: Array) -> None:
        """Per entry: the last value in, the last value out, its speed, and when it was last known."""
        self._in, self._out, self._speeds = (np.full(values.shape, fill) for fill in (np.nan, np.nan, 0.0))
        self._seen = np.zeros(values.shape, np.int64)


def _weight(cutoff: Array | float, seconds: Array) -> Array:
    """Weight of a new value, `seconds` after the last, in a first-order low-pass filter."""
    ratio = 2 * pi * cutoff * seconds
    return ratio / (1 + ratio)


@dataclass(frozen=True)
class _Filters:
    joints: OneEuro
    position: OneEuro
    source: DepthSource


class PoseSmoother:
    """One-Euro filters for joints and positions of each person.

    Args:
        min_cutoff: Hz; the cut-off of what does not move.
        beta: Hz per body length a second, added to the cut-off; the same at every resolution and distance.
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self._filters: dict[str, _Filters] = {}

    def __call__(self, person: Person, stamp: int) -> Person:
        """The person of the frame taken at `stamp` (ns), smoothed; someone who is LOST comes back as is, forgotten."""
        if person.state is State.LOST:
            self.forget(person.id)
            return person
        filters = self._filters.get(person.id)
        if filters is None or filters.source is not person.depth_source:  # its origin has moved
            joints, position = (OneEuro(self.min_cutoff, self.beta) for _ in range(2))
            filters = self._filters[person.id] = _Filters(joints, position, person.depth_source)
        return replace(
            person,
            joints=filters.joints(person.joints, stamp, _longer_side(person.box)),
            position=filters.position(person.position, stamp, BODY_LENGTH),
        )

    def forget(self, id: str) -> None:
        """Gives up what is known of the person."""
        self._filters.pop(id, None)

    def reset(self) -> None:
        """Forgets everybody."""
        self._filters.clear()


def _longer_side(box: Box) -> float:
    return max(box.right - box.left, box.bottom - box.top, 1.0)


class SteadyLabel:
    """The label to show: it stays until another one's probability exceeds its own by more than `margin` (0..1)."""

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self._shown: dict[str, dict[tuple[str, ...], int]] = {}

    def __call__(self, id: str, labels: tuple[str, ...], probabilities: Array) -> str:
        """The label of the person `id` out of the label set `labels`, whose `probabilities` (len(labels),) are new."""
        best = int(np.argmax(probabilities))
        shown = self._shown.setdefault(id, {})
        if probabilities[best] - probabilities[shown.setdefault(labels, best)] > self.margin:
            shown[labels] = best
        return labels[shown[labels]]

    def forget(self, id: str) -> None:
        """Gives up what was shown of the person."""
        self._shown.pop(id, None)
