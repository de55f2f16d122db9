"""Results are written in parts, and joined at the end: what is done stays, whatever happens to the program.

Videos and bags that were not closed cannot be read, so every PART_FRAMES frames all files of a part are closed, and its
folder gets the name that counts. A run that is killed loses the last part at most.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deephar_ros.draw import Pixels, VideoWriter
from deephar_ros.infer.records import NAME as RECORDS
from deephar_ros.infer.records import Header, Record, Timeline, header_line, record_line
from deephar_ros.sources import TimedFrame

if TYPE_CHECKING:
    from deephar_ros.infer.bag import BagWriter

PART_FRAMES = 1000
VIDEO, BAG, PARTS = "overlay.mp4", "bag", "parts"


@dataclass(frozen=True)
class Contents:
    """What a part has besides the records.

    Attributes:
        video: the overlay video. bag: the bag; pictures: also in it.
        namespace: put before the topics of our messages.
    """

    video: bool
    bag: bool
    pictures: bool
    namespace: str


class PartWriter:
    """Writes parts, one after the other, into a folder. Closing completes the last one."""

    def __init__(self, folder: Path, header: Header, contents: Contents) -> None:
        self._folder, self._header, self._contents = folder, header, contents
        self._part: _Part | None = None

    def add(self, frame: TimedFrame, record: Record, overlay: Pixels | None) -> None:
        """Writes a frame; `overlay` is needed if there is a video."""
        if self._part is not None and self._part.frames >= PART_FRAMES:
            self.close()
        if self._part is None:
            number = len(complete_parts(self._folder)) + 1
            self._part = _Part(self._folder / f"{number:04}", self._header, self._contents)
        self._part.add(frame, record, overlay)

    def close(self) -> None:
        """Completes the part that is open."""
        part, self._part = self._part, None
        if part is not None:
            part.close()


class _Part:
    def __init__(self, folder: Path, header: Header, contents: Contents) -> None:
        self.frames = 0
        self._folder, self._header = folder, header
        self._open = folder.with_suffix(".open")
        self._open.mkdir(parents=True)
        self._records = (self._open / RECORDS).open("w")
        self._records.write(header_line(header))
        self._video = VideoWriter(self._open / VIDEO) if contents.video else None
        self._bag = _bag(self._open / BAG, contents) if contents.bag else None
        self._time = Timeline()

    def add(self, frame: TimedFrame, record: Record, overlay: Pixels | None) -> None:
        seconds = self._time(record.stamp)
        if self._video is not None and overlay is not None:
            self._video.add(overlay, seconds)
        if self._bag is not None:
            self._bag.add(frame, record)
        self._records.write(record_line(record, self._header))
        self.frames += 1

    def close(self) -> None:
        for file in (self._video, self._bag, self._records):
            if file is not None:
                file.close()
        self._open.rename(self._folder)


def _bag(path: Path, contents: Contents) -> BagWriter:
    from deephar_ros.infer.bag import BagWriter  # needs rosbags

    return BagWriter(path, contents.namespace, contents.pictures)


def complete_parts(folder: Path) -> list[Path]:
    """The parts that are whole, in order."""
    return sorted(part for part in folder.glob("[0-9]*") if part.suffix != ".open" and (part / RECORDS).is_file())


def remove_open_parts(folder: Path) -> None:
    """Removes what a killed run has left behind."""
    for part in folder.glob("*.open"):
        shutil.rmtree(part)
