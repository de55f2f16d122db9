"""What records tell, person by person: who was seen when, how surely, and doing what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array
from deephar_ros.infer.records import Header, Record, Timeline, read_records
from deephar_ros.people import Action, Person, State


class Sight(NamedTuple):
    """One person in one frame; `frame` counts the frames of the story, `seconds` the time from the first one on."""

    frame: int
    seconds: float
    person: Person


class Deed(NamedTuple):
    """What somebody did in a clip that ended at `seconds`: the label that is displayed, from the set of that number."""

    seconds: float
    action_set: int
    label: str


@dataclass(frozen=True)
class Life:
    """All that is known of one person."""

    id: str
    sights: list[Sight] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """
    Attributes:
        lives: the people, those seen most often first.
        seconds: (N,) time of every frame from the first one on; it never goes back.
        one_size: all frames have the size that the header states.
    """

    header: Header
    lives: tuple[Life, ...]
    seconds: NDArray[np.float64]
    one_size: bool

    @property
    def step(self) -> float:
        """Seconds from one frame to the next, usually; 1 where there is but one frame."""
        return float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else 1.0

    @property
    def end(self) -> float:
        """When the last frame is over, seconds."""
        return float(self.seconds[-1]) + self.step if len(self.seconds) else 1.0


def read_story(records: Path) -> Story:
    """Reads records; RecordsError if they cannot be used, OSError if there are none."""
    header, frames = read_records(records)
    lives: dict[str, Life] = {}
    seconds: list[float] = []
    time, one_size = Timeline(), True
    for frame in frames:
        one_size &= (frame.width, frame.height) == (header.width, header.height)
        seconds.append(time(frame.stamp))
        _add(lives, frame, len(seconds) - 1, seconds[-1], header)
    ordered = sorted(lives.values(), key=lambda life: -len(life.sights))
    return Story(header, tuple(ordered), np.array(seconds, np.float64), one_size)


def _add(lives: dict[str, Life], record: Record, frame: int, seconds: float, header: Header) -> None:
    for person in record.people:
        if person.state is not State.LOST:
            lives.setdefault(person.id, Life(person.id)).sights.append(Sight(frame, seconds, person))
    for action in record.actions:
        deed = Deed(seconds, header.labels.index(action.labels), _label(action))
        lives.setdefault(action.id, Life(action.id)).deeds.append(deed)


def _label(action: Action) -> str:
    return action.steady_label or action.labels[int(action.probabilities.argmax())]


def key_sights(life: Life, count: int) -> list[Sight]:
    """Up to `count` moments: the first, the last, and between them those that part the movement into equal amounts."""
    if len(life.sights) <= count:
        return list(life.sights)
    poses = np.array([_shape(sight.person) for sight in life.sights])
    change = np.nan_to_num(np.abs(np.diff(poses, axis=0))).mean((1, 2))
    # Standing still counts a little, or the moments of somebody who never moves would be all the same.
    passed = np.concatenate([[0.0], np.cumsum(change + change.mean() / 10 + 1e-6)])
    chosen = np.searchsorted(passed, np.linspace(0, passed[-1], count)).clip(0, len(passed) - 1)
    return [life.sights[k] for k in sorted({*chosen.tolist()})]


def _shape(person: Person) -> Array:
    """(J, 2) the pose without where and how large it is."""
    seen = person.joints[np.isfinite(person.joints).all(-1)]
    if not len(seen):
        return np.zeros_like(person.joints)
    return (person.joints - seen.mean(0)) / max(float(np.ptp(seen, axis=0).max()), 1.0)


def spans(times: Sequence[float], names: Sequence[str], step: float) -> list[tuple[float, float, str]]:
    """Runs of equal names as (begin, end, name); a gap of more than three steps ends a run."""
    runs: list[tuple[float, float, str]] = []
    for time, name in zip(times, names, strict=True):
        if runs and runs[-1][2] == name and time - runs[-1][1] <= 2 * step:
            runs[-1] = (runs[-1][0], time + step, name)
        else:
            runs.append((time, time + step, name))
    return runs
