"""Where pictures come from: video files, image folders, cameras and ROS 2 bags, all as timed RGB frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.pixels import ENCODINGS, ImageError, view_pixels

Pixels = NDArray[np.uint8]
FOLDER_RATE = 30.0
"""Pictures per second of an image folder, which carries no time of its own."""
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


class SourceError(ValueError):
    """A source that cannot be played; the message names it and says why."""


class TimedFrame(NamedTuple):
    """A picture (H, W, 3) RGB and its time in seconds since the first one."""

    seconds: float
    pixels: Pixels


class Source(NamedTuple):
    """`live`: frames come when they are taken, nobody has to wait for their time."""

    live: bool
    frames: Iterator[TimedFrame]


def open_source(name: str) -> Source:
    """Opens a camera ("0", "/dev/video0"), a bag, an image folder or a video file.

    Raises:
        SourceError: there is nothing of that name, or it cannot be read. Also raised while reading.
    """
    path = Path(name)
    if name.isdigit() or name.startswith("/dev/"):
        return Source(True, _camera(name))
    if not path.exists():
        raise SourceError(f"{name} does not exist; give a video file, an image folder, a ROS 2 bag or a camera")
    return Source(False, _reader(path)(path))


def _reader(path: Path) -> Callable[[Path], Iterator[TimedFrame]]:
    if path.suffix in (".mcap", ".db3") or (path / "metadata.yaml").is_file():
        return _bag
    return _folder if path.is_dir() else _video


def _video(path: Path) -> Iterator[TimedFrame]:
    import av  # PyAV is needed for video files only

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SourceError(f"{path} has no video in it")
            start: float | None = None
            for frame in container.decode(video=0):
                start = frame.time if start is None else start
                # Phones store upright videos lying down, with the angle beside them.
                turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                yield TimedFrame(frame.time - start, np.ascontiguousarray(turned))
    except av.FFmpegError as error:
        raise SourceError(f"{path} does not decode as a video: {error}") from error


def _folder(path: Path) -> Iterator[TimedFrame]:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    if not files:
        raise SourceError(f"{path} holds no picture ({', '.join(sorted(PICTURES))})")
    for number, file in enumerate(files):
        yield TimedFrame(number / FOLDER_RATE, read_picture(file))


def _camera(name: str) -> Iterator[TimedFrame]:
    camera = cv2.VideoCapture(int(name) if name.isdigit() else name)
    try:
        if not camera.isOpened():
            raise SourceError(f"camera {name} does not open; is it plugged in, free, and are you in the group video?")
        start = cv2.getTickCount()
        while True:
            ok, pixels = camera.read()
            if not ok:
                raise SourceError(f"camera {name} stopped giving pictures")
            yield TimedFrame((cv2.getTickCount() - start) / cv2.getTickFrequency(), _to_rgb(pixels))
    finally:
        camera.release()


def _bag(path: Path) -> Iterator[TimedFrame]:
    """The first image topic of a bag; sqlite3 and MCAP, no ROS needed."""
    from rosbags.highlevel import AnyReader, AnyReaderError
    from rosbags.typesys import Stores, get_typestore

    folder = path if path.is_dir() else path.parent
    try:
        with AnyReader([folder], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as bag:
            topics = [c for c in bag.connections if c.msgtype.split("/")[-1] in ("Image", "CompressedImage")]
            if not topics:
                raise SourceError(f"{path} has no image topic; it has {sorted({c.msgtype for c in bag.connections})}")
            topic = topics[0].topic
            start: int | None = None
            for connection, stamp, raw in bag.messages([c for c in topics if c.topic == topic]):
                start = stamp if start is None else start
                pixels = _message_pixels(bag.deserialize(raw, connection.msgtype), f"{path} {topic}")
                yield TimedFrame((stamp - start) / 1e9, pixels)
    except AnyReaderError as error:
        raise SourceError(f"{path} is not a readable bag: {error}") from error


def _message_pixels(msg: object, where: str) -> Pixels:
    fields = vars(msg)
    if "format" in fields:  # CompressedImage
        return _decode(fields["data"], where)
    encoding = fields["encoding"]
    if encoding not in ENCODINGS:
        raise SourceError(f"{where}: encoding {encoding} is not one of {', '.join(ENCODINGS)}")
    channels, rgb = ENCODINGS[encoding]
    try:
        pixels = view_pixels(fields["data"], fields["width"], fields["height"], fields["step"], channels)
    except ImageError as error:
        raise SourceError(f"{where}: {error}") from error
    return np.ascontiguousarray(pixels[..., rgb])


def read_picture(path: Path) -> Pixels:
    """A picture file as (H, W, 3) RGB; SourceError if it does not decode, OSError if it cannot be read."""
    return _decode(np.fromfile(path, np.uint8), str(path))


def _decode(data: Pixels, where: str) -> Pixels:
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        raise SourceError(f"{where} does not decode as a picture")
    return _to_rgb(pixels)


def _to_rgb(pixels: NDArray[np.generic]) -> Pixels:
    return np.ascontiguousarray(pixels[..., ::-1], dtype=np.uint8)
