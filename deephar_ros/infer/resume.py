"""Going on where an earlier run stopped.

Who is followed, and what was seen in the last clip, is not on the disk: the last frames before the cut are looked at
again, through the windows through which the earlier run saw them. So the same is found, up to the rounding of the
records. What is not the same: when the next looks for more people come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.geometry import Box, iou
from deephar_ros.infer.records import Header, Record, read_records
from deephar_ros.people import Frame, Person, Result, State
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings
from deephar_ros.track import BOX_MARGIN

SAME = 0.5
"""Overlap (IoU) of the boxes of one person in one frame, found by two runs."""


@dataclass(frozen=True)
class Past:
    """What earlier runs have left.

    Attributes:
        header: of their records; None: there are none.
        frames: how many they have.
        last: number of the last one.
        window: the last ones, to be looked at again.
        used: the greatest number that was given as id.
    """

    header: Header | None = None
    frames: int = 0
    last: int = -1
    window: tuple[Record, ...] = ()
    used: int = 0

    @property
    def start(self) -> int:
        """Number of the first frame that is needed."""
        return self.window[0].number if self.window else self.last + 1


def warm_up_seconds(settings: PipelineSettings, spec: ModelSpec) -> float:
    """How far before the cut to begin: the time for which a hidden person is not lost, then the length of a clip."""
    spacing = settings.clip_spacing or spec.clip_spacing
    return settings.track.patience + (spec.clip_frames - 0.5) * spacing


def read_past(records: Sequence[Path], seconds: float) -> Past:
    """Reads the records of all parts; `window` gets the frames of the last so many seconds.

    Raises:
        RecordsError: a file is broken.
    """
    past, window = Past(), deque[Record]()
    for path in records:
        header, frames = read_records(path)
        past = replace(past, header=past.header or header)
        for record in frames:
            if record.restarted:
                window.clear()
            window.append(record)
            while window and record.stamp - window[0].stamp >= seconds * 1e9:
                window.popleft()
            used = max((int(person.id) for person in record.people), default=0)
            past = replace(past, frames=past.frames + 1, last=record.number, used=max(past.used, used))
    return replace(past, window=tuple(window))


class Continuation:
    """Makes a pipeline go on, and gives people the ids that they had. Those who are new get ids that nobody had."""

    def __init__(self, pipeline: Pipeline, past: Past) -> None:
        self._pipeline, self._settings = pipeline, pipeline.settings
        self._records = {record.number: record for record in past.window}
        self._before = dict(zip(self._records, [*past.window[:1], *past.window], strict=False))
        self._used = past.used
        self._ids: dict[str, str] = {}

    def look_again(self, number: int, frame: Frame) -> None:
        """Shows the pipeline a frame of the window."""
        if number not in self._records:  # it could not be read the first time
            return
        if self._settings.box_source != "full_image":
            self._pipeline.settings = replace(self._settings, box_source="detections")
            frame = replace(frame, boxes=self._boxes(self._before[number]))
        self._recognise(self._pipeline(frame), self._records[number])
        self._pipeline.settings = self._settings

    def rename(self, result: Result) -> Result:
        """The result with the ids that are to be written."""
        return replace(
            result,
            people=tuple(replace(person, id=self._id(person.id)) for person in result.people),
            display=tuple(replace(person, id=self._id(person.id)) for person in result.display),
            actions=tuple(replace(action, id=self._id(action.id)) for action in result.actions),
        )

    def _boxes(self, before: Record) -> tuple[Box, ...]:
        """Boxes whose windows are those that follow people from one frame to the next."""
        grown = self._settings.track.margin / BOX_MARGIN
        return tuple(
            Box(x - grown * width / 2, y - grown * height / 2, x + grown * width / 2, y + grown * height / 2)
            for (x, y), width, height in ((p.box.centre, p.box.width, p.box.height) for p in _seen(before))
        )

    def _recognise(self, result: Result, record: Record) -> None:
        """Pairs people who are in the same place in the same frame, best fit first."""
        pairs = [(iou(now.box, then.box), now.id, then.id) for now in _seen(result) for then in _seen(record)]
        taken: set[str] = set()
        known: set[str] = set()
        for fit, now, then in sorted(pairs, reverse=True):
            if fit >= SAME and now not in taken and then not in known:
                taken.add(now)
                known.add(then)
                self._ids = {key: value for key, value in self._ids.items() if value != then} | {now: then}

    def _id(self, id: str) -> str:
        if id not in self._ids:
            self._used += 1
            self._ids[id] = str(self._used)
        return self._ids[id]


def _seen(found: Result | Record) -> list[Person]:
    return [person for person in found.people if person.state is not State.LOST]
