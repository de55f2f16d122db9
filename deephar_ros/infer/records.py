"""What was found, as JSON lines: a header, then one line for each frame.

The first line is `{"header": {...}}` with the fields of `Header`, every other one holds the fields of `Record`. JSON
has no NaN: unknown numbers are null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Array, Box
from deephar_ros.people import Action, Person, State
from deephar_ros.skeleton import MESSAGE_LAYOUTS, Layout

NAME = "records.jsonl"
DIGITS = 4
"""Decimals of all numbers, as in the messages: tenths of millimetres and pixels."""
_LAYOUTS = {layout.name: layout for layout in MESSAGE_LAYOUTS.values()}


class RecordsError(ValueError):
    """A file of records that cannot be used; the message names it and the line."""


@dataclass(frozen=True)
class Header:
    """What the records were made of.

    Attributes:
        version: of deephar_ros.
        source: name of the video, picture, folder, camera or bag.
        topic: of the images in a bag, else "".
        width, height: of the first frame, pixels.
        frames: that the source should have; None: not known before its end.
        layout: name of the order of `joints`, as in Skeleton3D.
        labels: per action set, the action names in the order of `Action.probabilities`.
        checkpoint: name of the model; weights_sha256: of its weights file.
        depth_trained, action_trained: False while these outputs are those of random weights.
        settings: all that changes what is found: of the pipeline, and which frames were taken.
    """

    version: str
    source: str
    topic: str
    width: int
    height: int
    frames: int | None
    layout: str
    joints: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    checkpoint: str
    weights_sha256: str
    depth_trained: bool
    action_trained: bool
    settings: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """One frame.

    Attributes:
        number: place in the source, from 0; those left out are counted, too.
        stamp: ns: of the image's header in a bag, from the start of a video or folder, of the clock with a camera.
        frame_id: of the camera.
        width, height: of this frame, pixels.
        people: as the network saw them, nothing smoothed; those LOST with this frame for the last time.
        actions: of the clips that end with this frame.
        restarted: time went backwards before this frame, and everybody was forgotten.
    """

    number: int
    stamp: int
    frame_id: str
    width: int
    height: int
    people: tuple[Person, ...]
    actions: tuple[Action, ...]
    restarted: bool = False


@dataclass
class Timeline:
    """Seconds from the first frame on; they never go back: a bag that starts again goes on where it stopped."""

    seconds: float = 0.0
    _last: int | None = None

    def __call__(self, stamp: int) -> float:
        """The time of the next frame, whose stamp (ns) this is."""
        self.seconds += max(stamp - (stamp if self._last is None else self._last), 0) / 1e9
        self._last = stamp
        return self.seconds


class Records(NamedTuple):
    """A file of records, open; the frames are read one by one."""

    header: Header
    frames: Iterator[Record]


def header_line(header: Header) -> str:
    """The first line of a file, with its line break."""
    return json.dumps({"header": asdict(header)}) + "\n"


def record_line(record: Record, header: Header) -> str:
    """The line of one frame, with its line break; `header` is that of the file."""
    values = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    values["people"] = [_from_person(person) for person in record.people]
    values["actions"] = [_from_action(action, header.labels) for action in record.actions]
    return json.dumps(values) + "\n"


def read_records(path: Path) -> Records:
    """Opens a file of records.

    Raises:
        RecordsError: a line is not what it should be; also raised while reading.
    """
    lines = _lines(path)
    try:
        header = _to_header(next(lines)["header"])
    except (StopIteration, KeyError, TypeError, AttributeError) as error:
        raise RecordsError(f"{path}, line 1 is no header: {type(error).__name__} {error}") from error
    return Records(header, _frames(path, header, lines))


def join_records(parts: Sequence[Path], file: BinaryIO) -> list[float]:
    """Writes the records of several files that have the same header as one; the second at which each of them starts."""
    time, starts = Timeline(), []
    for number, part in enumerate(parts):
        for line, values in enumerate(_lines(part)):
            if "header" not in values:
                seconds = time(values["stamp"])
                starts += [seconds] if line == 1 else []
            elif number:
                continue
            file.write(json.dumps(values).encode() + b"\n")
    return starts


def _lines(path: Path) -> Iterator[Any]:
    with path.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RecordsError(f"{path}, line {number} is not JSON: {error}") from error


def _frames(path: Path, header: Header, lines: Iterator[Any]) -> Iterator[Record]:
    layout = _LAYOUTS[header.layout]
    for number, values in enumerate(lines, start=2):
        try:
            people = tuple(_to_person(person, layout) for person in values.pop("people"))
            actions = tuple(_to_action(action, header.labels) for action in values.pop("actions"))
            yield Record(people=people, actions=actions, **values)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise RecordsError(f"{path}, line {number} is no frame: {type(error).__name__} {error}") from error


def _to_header(values: dict[str, Any]) -> Header:
    values["joints"] = tuple(values["joints"])
    values["labels"] = tuple(map(tuple, values["labels"]))
    if values["layout"] not in _LAYOUTS:
        raise TypeError(f"layout {values['layout']!r} is not one of {', '.join(_LAYOUTS)}")
    return Header(**values)


def _from_person(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "state": person.state.name,
        "joints": _numbers(person.joints),
        "position": _numbers(person.position),
        "confidence": _numbers(person.confidence),
        "box": _numbers(np.array(person.box)),
        "depth_source": person.depth_source.name,
    }


def _to_person(values: dict[str, Any], layout: Layout) -> Person:
    count = len(layout)
    return Person(
        id=values["id"],
        state=State[values["state"]],
        layout=layout,
        joints=_array(values["joints"]).reshape(count, 2),
        position=_array(values["position"]).reshape(count, 3),
        confidence=_array(values["confidence"]).reshape(count),
        box=Box(*_array(values["box"]).tolist()),
        depth_source=DepthSource[values["depth_source"]],
    )


def _from_action(action: Action, labels: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    return {
        "id": action.id,
        "action_set": labels.index(action.labels),
        "start": action.start,
        "frames": action.frames,
        "label": action.labels[int(action.probabilities.argmax())],
        "steady_label": action.steady_label,
        "probabilities": _numbers(action.probabilities),
    }


def _to_action(values: dict[str, Any], labels: tuple[tuple[str, ...], ...]) -> Action:
    return Action(
        id=values["id"],
        start=values["start"],
        frames=values["frames"],
        labels=labels[values["action_set"]],
        probabilities=_array(values["probabilities"]),
        steady_label=values["steady_label"],
    )


def _numbers(values: Array) -> Any:
    """Nested lists, rounded; None for what is not finite."""
    rounded = np.asarray(values, np.float64).round(DIGITS)
    plain = rounded.astype(object)
    plain[~np.isfinite(rounded)] = None
    return plain.tolist()


def _array(values: Any) -> Array:
    return np.array(values, np.float64)  # None becomes NaN
