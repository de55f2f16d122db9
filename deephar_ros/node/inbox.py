"""An inbox between threads: one place for each sender, the newest item wins, and what it replaces is counted."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """`put` never waits; `take` waits, and takes what all senders have there: none of them can crowd out another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: dict[str, T] = {}
        self._closed = False
        self._replaced: Counter[str] = Counter()

    def replaced(self, sender: str) -> int:
        """How many of the sender's items were replaced before anybody took them."""
        return self._replaced[sender]

    def put(self, sender: str, item: T) -> None:
        """Offers `item`, replacing one of the same sender that still waits."""
        with self._changed:
            self._replaced[sender] += sender in self._items
            self._items[sender] = item
            self._changed.notify()

    def take(self) -> dict[str, T]:
        """Waits until there is something and takes it; empty once the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            items, self._items = self._items, {}
            return {} if self._closed else items

    def close(self) -> None:
        """Ends all waiting; items that are still there are given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
