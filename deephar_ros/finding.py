"""What a check found: how bad it is, what it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """Ordered, so that `max` is the worst; values of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


WORDS = {Level.OK: "ok", Level.WARN: "warn", Level.ERROR: "FAIL"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    level: Level
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{WORDS[self.level]:4} {self.text}" + (f" -> {self.remedy}" if self.remedy else "")
