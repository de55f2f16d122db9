"""A mailbox for one item between two threads: the newest wins, and what it replaces is counted."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One slot. `put` never waits; `take` waits for an item."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        return self._dropped

    def put(self, item: T) -> None:
        """Offers `item`, replacing one that still waits."""
        with self._changed:
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self) -> T | None:
        """Waits for an item and removes it; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Ends all waiting; items that are still there are given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
