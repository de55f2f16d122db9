"""Says that something long still goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

PERIOD = 5.0
"""Seconds between two lines."""


class Ticker:
    """Says every `period` seconds, from a thread of its own, for how long something has been going on.

    Attributes:
        detail: how far it has come; written behind the seconds.
    """

    def __init__(self, what: str, say: Callable[[str], None], period: float = PERIOD) -> None:
        self.detail = ""
        self._what, self._say, self._period = what, say, period
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)

    def __enter__(self) -> Ticker:
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def _work(self) -> None:
        while not self._done.wait(self._period):
            self._say(f"{self._what}: {self.seconds:.0f} s{', ' if self.detail else ''}{self.detail}")
