"""Reads the picture that a `Picture` names: an image file, or one frame of a video or of a file of depth frames.

Frames of one video that are asked for in rising order cost one pass over it; every other order is right too. Each
thread of each process keeps a few videos open, so that workers that were forked do not share a file position.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.data.utd_mhad import DEPTH_FILES, read_depth
from deephar_ros.pixels import ImageError, decode_picture

if TYPE_CHECKING:
    import av  # imported where used: pictures are read without

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
JPEG, END_OF_JPEG = b"\xff\xd8", b"\xff\xd9"

OPEN_VIDEOS = 4
"""How many videos stay open."""

FAR = 48
"""Frames ahead from which on looking for a key frame beats decoding what lies between."""


def read(picture: Picture) -> Pixels:
    """(H, W, 3) RGB. The orientation that an image file's EXIF tells is not applied: annotations do not know of it.

    Raises:
        DatasetError: the file is missing or does not decode, or the video has no such frame.
    """
    if picture.number is None:
        return _read_file(picture.path)
    if picture.path.suffix in DEPTH_FILES:
        return read_depth(picture.path, picture.number)
    return _video(picture.path).read(picture.number)


def video_length(path: Path) -> int:
    """Frames of a video; DatasetError if it cannot be opened."""
    return _video(path).length()


def _read_file(path: Path) -> Pixels:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    if data.startswith(JPEG) and END_OF_JPEG not in data[-1024:]:  # decoders fill up what is missing with gray
        raise DatasetError(f"{path} does not decode as a picture: it ends early, after {len(data)} bytes")
    try:
        return np.ascontiguousarray(decode_picture(data, FORMATS)[..., ::-1])
    except ImageError as error:
        raise DatasetError(f"{path} does not decode as a picture: {error}") from error


def _video(path: Path) -> _Video:
    return _opener(os.getpid(), threading.get_ident())(path)


@cache
def _opener(process: int, thread: int) -> Callable[[Path], _Video]:
    """What opens videos for a process and thread and keeps a few of them.

    What a fork inherits is kept and never closed: closing waits for the decoder's threads, which a fork does not have.
    """
    return lru_cache(maxsize=OPEN_VIDEOS)(_Video)


class _Video:
    """A decoder that knows which frame comes next."""

    def __init__(self, path: Path) -> None:
        import av

        self.path = path
        try:
            self.container = av.open(str(path))
        except (OSError, av.FFmpegError) as error:
            raise DatasetError(f"{path} cannot be opened as a video: {error}") from error
        if not self.container.streams.video:
            raise DatasetError(f"{path} has no video in it")
        self.stream = self.container.streams.video[0]
        self.stream.thread_count = 1  # workers are the parallel part
        self.frames: Iterator[av.VideoFrame] = iter(())
        self.times: list[int] = []
        self.next = 0
        self._go_to_start()

    def length(self) -> int:
        """As the file's head tells, counted where it does not."""
        return self.stream.frames or len(self._times())

    def read(self, number: int) -> Pixels:
        import av

        try:
            if not self.next <= number < self.next + FAR:
                self._seek(number)
            frame = next(islice(self.frames, number - self.next, None), None)
        except av.FFmpegError as error:
            self._go_to_start()
            raise DatasetError(f"{self.path}: frame {number} (from 0) does not decode: {error}") from error
        if frame is None:
            self._go_to_start()
            raise DatasetError(f"{self.path} has no frame {number} (from 0), but {self.length()} frames")
        self.next = number + 1
        # Phones store upright videos lying down, with the angle beside them.
        return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90))

    def _seek(self, number: int) -> None:
        """Leaves the decoder at or before frame `number`: at the key frame before it, else at the start."""
        times = self._times()
        self._go_to_start()
        if number < FAR or number >= len(times):
            return
        self.container.seek(times[number], stream=self.stream)
        first = next(self.frames, None)
        if first is None or first.pts is None or first.pts > times[number] or first.pts not in times:
            self._go_to_start()  # the file's index is not to be trusted
            return
        self.next = bisect_left(times, first.pts)
        self.frames = chain([first], self.frames)

    def _times(self) -> list[int]:
        """When each frame is shown, in units of the stream, in order; empty if the file does not tell."""
        import av

        if not self.times:
            with av.open(str(self.path)) as container:  # packets only, nothing is decoded
                times = [packet.pts for packet in container.demux(video=0) if packet.size]
            self.times = sorted(time for time in times if time is not None)
            self.times = self.times if len(self.times) == len(times) else []
        return self.times

    def _go_to_start(self) -> None:
        self.container.seek(0)
        self.frames = self.container.decode(self.stream)
        self.next = 0
