"""Cuts recordings into a folder of labelled clips, as `data.folder` reads it: `OUT/<label>/<clip>.mp4`.

`OUT/clips.csv` (clip, recording, start, end) keeps where each clip comes from, so that clips of one recording do not
end up on both sides of a split.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from deephar_ros.data.segments import Segment, SegmentsError
from deephar_ros.draw import VideoWriter
from deephar_ros.sources import SourceError, TimedFrame, open_source

ORIGINS = "clips.csv"
PARTIAL = ".partial"
LATE = 0.1
"""Seconds by which a segment may end after the last picture, which itself is seen for a while."""


@dataclass(frozen=True)
class Origin:
    """Where a clip (its path below the folder) was cut from; seconds from the first picture of the recording."""

    clip: str
    recording: str
    start: float
    end: float


def read_origins(folder: Path) -> dict[str, Origin]:
    """By clip; empty if the clips of the folder were not cut by us.

    Raises:
        SegmentsError: the file is not as we write it.
    """
    path = folder / ORIGINS
    if not path.is_file():
        return {}
    try:
        with path.open(newline="") as file:
            rows = [Origin(r["clip"], r["recording"], float(r["start"]), float(r["end"])) for r in csv.DictReader(file)]
    except (KeyError, ValueError, TypeError) as error:
        raise SegmentsError(f"{path} has not the columns clip, recording, start, end ({error!r})") from error
    return {origin.clip: origin for origin in rows}


def recording_names(paths: Sequence[Path]) -> dict[str, Path]:
    """Recordings by name: that of the file without its ending.

    Raises:
        SegmentsError: two have the same name.
    """
    names: dict[str, Path] = {}
    for path in paths:
        name = path.name if path.is_dir() else path.stem
        if name in names:
            raise SegmentsError(f"{names[name]} and {path} are both called {name!r}; rename one")
        names[name] = path
    return names


def cut_clips(recordings: Mapping[str, Path], segments: Sequence[Segment], out: Path, replace: bool) -> list[Origin]:
    """Writes a clip for each segment. An error or Ctrl-C leaves `out` as it was.

    Args:
        recordings: by name.
        replace: instead of clips of these recordings that are there already.

    Raises:
        SegmentsError: a segment lies outside of its recording, or there are clips of it already.
        SourceError: a recording cannot be read.
    """
    known = read_origins(out)
    old = [origin for origin in known.values() if origin.recording in recordings]
    if old and not replace:
        raise SegmentsError(f"{out} holds {len(old)} clips of {old[0].recording}; --replace cuts them anew")
    with _partial(out) as partial:
        new: list[Origin] = []
        for name, path in recordings.items():
            of_it = sorted((s for s in segments if s.recording == name), key=lambda s: s.start)
            new += _cut(path, of_it, partial)
        for origin in old:
            (out / origin.clip).unlink(missing_ok=True)
            known.pop(origin.clip)
        for origin in new:
            (out / origin.clip).parent.mkdir(exist_ok=True)
            os.replace(partial / origin.clip, out / origin.clip)
        _write_origins(out, [*known.values(), *new])
    return new


@contextmanager
def _partial(out: Path) -> Iterator[Path]:
    folder = out / PARTIAL
    made = not out.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        if made and not any(out.iterdir()):
            out.rmdir()


def _cut(path: Path, segments: Sequence[Segment], out: Path) -> list[Origin]:
    """Clips of one recording, segments in order of time."""
    if not segments:
        return []
    frames, origins = _Frames(path, segments[-1].end), []
    for segment in segments:
        clip = f"{segment.label}/{segment.recording}_{segment.start:.2f}-{segment.end:.2f}.mp4"
        (out / clip).parent.mkdir(exist_ok=True)
        with VideoWriter(out / clip) as video:
            count = 0
            for frame in frames.between(segment.start, segment.end):
                video.add(frame.pixels, frame.seconds - segment.start)
                count += 1
        if segment.end > frames.last + LATE:
            raise SegmentsError(f"{segment.where}: {segment.end:g} s is after the end of {path} ({frames.last:.2f} s)")
        if not count:
            raise SegmentsError(f"{segment.where}: {path} has no picture in it")
        origins.append(Origin(clip, segment.recording, segment.start, segment.end))
    return origins


class _Frames:
    """The pictures of a recording, taken part by part in order; `last` is the time of the last one that was read."""

    def __init__(self, path: Path, end: float) -> None:
        source = open_source(str(path))
        if source.live:
            raise SourceError(f"{path} is a camera; record it first, as a video or a bag")
        self.last = 0.0
        self._frames = source.frames
        self._next = next(self._frames, None)
        self._bar = tqdm(total=round(end), unit="s", desc=path.name, unit_scale=True, mininterval=1)

    def between(self, start: float, end: float) -> Iterator[TimedFrame]:
        """The pictures of start <= time < end; earlier ones are passed over."""
        while self._next is not None and self._next.seconds < end:
            frame, self._next = self._next, next(self._frames, None)
            self._bar.update(frame.seconds - self.last)
            self.last = frame.seconds
            if frame.seconds >= start:
                yield frame
        if self._next is not None:
            self.last = self._next.seconds


def _write_origins(out: Path, origins: Sequence[Origin]) -> None:
    partial = out / PARTIAL / ORIGINS
    with partial.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["clip", "recording", "start", "end"])
        rows.writerows([o.clip, o.recording, f"{o.start:.3f}", f"{o.end:.3f}"] for o in origins)
    os.replace(partial, out / ORIGINS)
