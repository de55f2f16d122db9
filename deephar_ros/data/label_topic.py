"""Labels that were said while a bag was recorded: std_msgs/String on a topic, each holding until the next one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deephar_ros.data.segments import Segment, SegmentsError, check_label, check_labels
from deephar_ros.sources import open_source

STRING = "std_msgs/msg/String"


def read_label_topic(bag: Path, name: str, topic: str) -> list[Segment]:
    """What was done when, by the times at which the bag received labels and pictures.

    An empty string ends an action; the same string again changes nothing, so that it may be repeated.

    Args:
        name: of the recording.

    Raises:
        SourceError: it is no bag, or has no pictures.
        SegmentsError: it has no such topic, or no label holds while there are pictures.
    """
    images = open_source(str(bag)).topic
    if not images:
        raise SegmentsError(f"{bag} is no bag: only bags have a topic {topic}; use --segments")
    from deephar_ros.bags import open_bag  # rosbags is needed for bags only

    said, times = [], []
    with open_bag(bag) as reader:
        topics = {c.topic for c in reader.connections if c.msgtype == STRING}
        chosen = [c for c in reader.connections if c.topic == images or (c.topic == topic and topic in topics)]
        for connection, stamp, raw in reader.messages(chosen):
            if connection.topic == images:
                times.append(stamp)
            else:
                text: Any = reader.deserialize(raw, STRING)
                said.append((stamp, text.data.strip()))
    if topic not in topics:
        known = ", ".join(sorted(topics)) or "none"
        raise SegmentsError(f"{bag} has no labels on {topic}; topics of {STRING} in it: {known}")
    segments = _segments(said, times[0], times[-1], name, f"{bag} {topic}")
    if not segments:
        raise SegmentsError(f"{bag}: on {topic} no label was said while there were pictures")
    check_labels(segment.label for segment in segments)
    return segments


def _segments(said: Iterable[tuple[int, str]], first: int, last: int, name: str, where: str) -> list[Segment]:
    """From (time in ns, label) in order; pictures are from `first` to `last`."""
    segments, label, since = [], "", first
    for stamp, text in (*said, (last, "")):
        if text == label:
            continue
        if label:
            start, end = ((min(max(time, first), last) - first) / 1e9 for time in (since, stamp))
            if end > start:
                segments.append(Segment(name, start, end, check_label(label), f"{where} at {start:.1f} s"))
        label, since = text, stamp
    return segments
