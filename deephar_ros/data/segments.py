"""Labelled parts of recordings, for cutting them into clips: from a CSV file, or from what was said while recording.

The file has a line of names, in any order: `start,end,label`, in seconds from the first picture, and `recording` (name
of the file without its ending) where there are several:

    recording,start,end,label
    anna_morning,12.5,15.0,wave
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from deephar_ros.data.folder import SPLITS

COLUMNS = ("start", "end", "label")


class SegmentsError(ValueError):
    """Segments that cannot be used; the message names the line and says why."""


@dataclass(frozen=True)
class Segment:
    """Seconds from the first picture of a recording, and what is done in them; `where` is for messages."""

    recording: str
    start: float
    end: float
    label: str
    where: str


def read_segments(path: Path, recordings: Sequence[str]) -> list[Segment]:
    """The segments of a CSV file.

    Args:
        recordings: names that the file may use.

    Raises:
        SegmentsError: with all that is wrong in the file, line by line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SegmentsError(f"{path} cannot be read as text: {error}") from error
    rows = csv.DictReader(lines, skipinitialspace=True)
    names = set(rows.fieldnames or ())
    if not names.issuperset(COLUMNS) or (len(recordings) > 1 and "recording" not in names):
        needed = ", ".join(("recording", *COLUMNS) if len(recordings) > 1 else COLUMNS)
        raise SegmentsError(f"{path}: the first line should name the columns {needed}; it is {lines[:1]}")
    segments, wrong = [], []
    for row in rows:
        where = f"{path} line {rows.line_num}"
        try:
            segments.append(_segment(row, recordings, where))
        except ValueError as error:
            wrong.append(f"{where}: {error}")
    wrong += [f"{a.where} and {b.where.split()[-1]}: the segments overlap" for a, b in overlaps(segments)]
    if wrong:
        raise SegmentsError("\n".join(wrong))
    if not segments:
        raise SegmentsError(f"{path} has no segments below its first line")
    check_labels(segment.label for segment in segments)
    return segments


def overlaps(segments: Iterable[Segment]) -> list[tuple[Segment, Segment]]:
    """Pairs of neighbours of one recording of which one begins before the other ends."""
    in_order = sorted(segments, key=lambda segment: (segment.recording, segment.start))
    return [(a, b) for a, b in pairwise(in_order) if a.recording == b.recording and b.start < a.end]


def in_pieces(segments: Iterable[Segment], seconds: float) -> list[Segment]:
    """The segments, each cut into equal pieces as close to `seconds` as possible."""
    pieces = []
    for whole in segments:
        count = max(1, round((whole.end - whole.start) / seconds))
        length = (whole.end - whole.start) / count
        starts = [whole.start + k * length for k in range(count)]
        pieces += [replace(whole, start=start, end=start + length) for start in starts]
    return pieces


def check_labels(labels: Iterable[str]) -> None:
    """Refuses names that differ so little that one action would become two.

    Raises:
        SegmentsError: naming both.
    """
    seen: dict[str, str] = {}
    for label in sorted(set(labels)):
        other = seen.setdefault(label.casefold().replace("_", " ").replace("-", " "), label)
        if other != label:
            raise SegmentsError(f"the labels {other!r} and {label!r} are one action or two? Give them one name or two")


def check_label(label: str) -> str:
    """The label, without blanks around it.

    Raises:
        SegmentsError: it cannot be the name of a folder of clips.
    """
    name = label.strip()
    if not name or name.startswith(".") or not name.isprintable() or any(mark in name for mark in "/\\|"):
        raise SegmentsError(f"the label {label!r} cannot be the name of a folder; use letters, digits, _ and blanks")
    if name in SPLITS:
        raise SegmentsError(f"the label {name!r} is what a folder of a split is called; choose another name")
    return name


def _segment(row: Mapping[str, str | None], recordings: Sequence[str], where: str) -> Segment:
    recording = (row.get("recording") or "").strip() or recordings[0]
    if recording not in recordings:
        raise SegmentsError(f"the recording {recording!r} was not given; there are {', '.join(recordings)}")
    start, end = (_seconds(row[name], name) for name in ("start", "end"))
    if end <= start:
        raise SegmentsError(f"it ends at {end:g} s, before it starts at {start:g} s")
    return Segment(recording, start, end, check_label(row["label"] or ""), where)


def _seconds(text: str | None, name: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SegmentsError(f"{name} is {text!r}, not a number of seconds from the first picture on")
    return value
