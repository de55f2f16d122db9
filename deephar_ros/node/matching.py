"""Messages of different topics that belong together because of their stamps. Works on stamps in nanoseconds alone."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")


class ExactMatcher(Generic[A, B]):
    """Joins two topics by equal stamps, whichever of the two messages comes first."""

    def __init__(self, kept: int = 10) -> None:
        self._kept = kept
        self._first: OrderedDict[int, A] = OrderedDict()
        self._second: OrderedDict[int, B] = OrderedDict()

    def first(self, stamp: int, item: A) -> B | None:
        """Takes an item of the first topic; returns its partner, or None and keeps it until the partner comes."""
        return _join(stamp, item, self._first, self._second, self._kept)

    def second(self, stamp: int, item: B) -> A | None:
        """The same for the second topic."""
        return _join(stamp, item, self._second, self._first, self._kept)


def _join(stamp: int, item: T, own: OrderedDict[int, T], others: OrderedDict[int, A], kept: int) -> A | None:
    if stamp in others:
        partner = others.pop(stamp)
        for waiting in (own, others):  # what is older will not be asked for any more
            for old in [other for other in waiting if other < stamp]:
                del waiting[old]
        return partner
    own[stamp] = item
    while len(own) > kept:
        own.popitem(last=False)
    return None


class Recent(Generic[T]):
    """The last few messages of a topic, to be asked by another thread for the one nearest to a stamp."""

    def __init__(self, kept: int = 8) -> None:
        self._lock = threading.Lock()
        self._items: deque[tuple[int, T]] = deque(maxlen=kept)

    def put(self, stamp: int, item: T) -> None:
        with self._lock:
            self._items.append((stamp, item))

    def nearest(self, stamp: int, tolerance: float) -> T | None:
        """The item nearest to `stamp`; None if none lies within `tolerance` seconds."""
        with self._lock:
            distance, item = min(((abs(s - stamp), i) for s, i in self._items), key=lambda p: p[0], default=(0, None))
        return item if distance <= tolerance * 1e9 else None
