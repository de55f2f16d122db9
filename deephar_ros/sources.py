"""Where pictures come from: video files, pictures, image folders, cameras and ROS 2 bags, all as timed RGB frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.camera import PinholeCamera
from deephar_ros.pixels import MAX_PIXELS, ImageError, decode_picture

if TYPE_CHECKING:
    import av  # imported where used: it is needed for video files only

Pixels = NDArray[np.uint8]
FOLDER_RATE = 30.0
"""Pictures per second of an image folder, which carries no time of its own."""
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
"""The same in Pillow's words."""
BAGS = {".mcap", ".db3"}
FRAME_ID = "camera_optical_frame"
"""Of pictures that come without one."""


class SourceError(ValueError):
    """A source that cannot be played; the message names it and says why."""


@dataclass(frozen=True)
class TimedFrame:
    """A picture and what is known of it.

    Attributes:
        seconds: since the first one.
        pixels: (H, W, 3) RGB.
        number: place in the source, from 0; those that were broken are counted, too.
        stamp: ns: that of the image's header in a bag, the clock's with a camera, else the same as `seconds`.
        logged: ns at which a bag received it; else the same as `stamp`.
        frame_id: of the camera.
        camera: calibration, from a bag that has one.
    """

    seconds: float
    pixels: Pixels
    number: int = 0
    stamp: int = 0
    logged: int = 0
    frame_id: str = FRAME_ID
    camera: PinholeCamera | None = None


@dataclass(frozen=True)
class Source:
    """Pictures, in order of time.

    Attributes:
        live: frames come when they are taken, nobody has to wait for their time.
        count: how many there are, those that turn out to be broken included; None: not known. Of some videos, a guess.
        topic: of the images in a bag; bag: its folder or file.
    """

    live: bool
    frames: Iterator[TimedFrame]
    count: int | None = None
    topic: str = ""
    bag: Path | None = None


@dataclass(frozen=True)
class Reading:
    """How to read a source.

    Attributes:
        topic: of the images in a bag; empty: the first that can be read.
        rectified: the images of a bag are rectified: camera_info counts with P and without distortion.
        rate: pictures per second of a folder.
        skip: how many to leave out at the beginning.
        every: of the pictures, only those are taken whose number it divides.
        complain: called with a sentence about each picture that cannot be read and is left out; None: SourceError.
    """

    topic: str = ""
    rectified: bool = False
    rate: float = FOLDER_RATE
    skip: int = 0
    every: int = 1
    complain: Callable[[str], None] | None = None

    def wants(self, number: int) -> bool:
        """Whether the picture of this number is taken."""
        return number >= self.skip and number % self.every == 0

    def broken(self, error: Exception, what: str = "") -> None:
        """Tells about a picture that is left out; SourceError if nobody listens."""
        sentence = f"{what}: {error}" if what else str(error)
        if self.complain is None:
            raise SourceError(sentence) from error
        self.complain(sentence)


def open_source(name: str, reading: Reading | None = None) -> Source:
    """Opens a camera ("0", "/dev/video0"), a bag, an image folder, a picture or a video file.

    Raises:
        SourceError: there is nothing of that name, or it cannot be read. Also raised while reading.
    """
    path, reading = Path(name), reading or Reading()
    if is_camera(name):
        return Source(True, _camera_frames(name, reading))
    if not path.exists():
        raise SourceError(f"{name} does not exist; give a video, an image, a folder of images, a ROS 2 bag or a camera")
    bag = _bag(path)
    if bag is not None:
        from deephar_ros.bags import open_images  # rosbags is needed for bags only

        return open_images(bag, reading)
    if path.is_dir() or path.suffix.lower() in PICTURES:
        files = _pictures(path) if path.is_dir() else [path]
        return Source(False, _picture_frames(files, reading), len(files))
    return Source(False, _video_frames(path, reading), _count_video(path))


def is_camera(name: str) -> bool:
    """Whether `open_source` takes this for the name of a camera."""
    return name.isdigit() or name.startswith("/dev/")


def read_picture(path: Path) -> Pixels:
    """A picture file as (H, W, 3) RGB; SourceError if it does not decode, OSError if it cannot be read."""
    try:
        return _to_rgb(decode_picture(path.read_bytes(), FORMATS, upright=True))
    except ImageError as error:
        raise SourceError(f"{path} does not decode as a picture: {error}") from error


def _bag(path: Path) -> Path | None:
    """The path that rosbags reads if this is a bag. One whose recording was cut off lacks its metadata."""
    if path.suffix in BAGS or (path / "metadata.yaml").is_file():
        return path
    files = [file for file in path.iterdir() if file.suffix in BAGS] if path.is_dir() else []
    if len(files) > 1:
        raise SourceError(f"{path} has {len(files)} files of a bag, but no metadata.yaml: run `ros2 bag reindex` on it")
    return files[0] if files else None


def _pictures(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
    if not files:
        raise SourceError(f"{folder} holds no picture ({', '.join(sorted(PICTURES))}), and is no ROS 2 bag")
    return files


def _picture_frames(files: list[Path], reading: Reading) -> Iterator[TimedFrame]:
    for number, file in enumerate(files):
        if not reading.wants(number):
            continue
        try:
            pixels = read_picture(file)
        except SourceError as error:
            reading.broken(error)
            continue
        yield _at(number / reading.rate, pixels, number)


def _at(seconds: float, pixels: Pixels, number: int) -> TimedFrame:
    stamp = round(seconds * 1e9)
    return TimedFrame(seconds, pixels, number, stamp, stamp)


def _camera_frames(name: str, reading: Reading) -> Iterator[TimedFrame]:
    camera = cv2.VideoCapture(int(name) if name.isdigit() else name)
    try:
        if not camera.isOpened():
            raise SourceError(f"camera {name} does not open; is it plugged in, free, and are you in the group video?")
        start, number = time.monotonic(), 0
        while True:
            ok, pixels = camera.read()
            if not ok:
                raise SourceError(f"camera {name} stopped giving pictures")
            if reading.wants(number):
                now = time.time_ns()
                yield TimedFrame(time.monotonic() - start, _to_rgb(pixels), number, now, now)
            number += 1
    finally:
        camera.release()


def _open_video(path: Path) -> Any:
    import av

    container = av.open(str(path), metadata_errors="replace")
    if not container.streams.video:
        container.close()
        raise SourceError(f"{path} has no video in it")
    codec: Any = container.streams.video[0].codec_context
    if codec is None:
        container.close()
        raise SourceError(f"{path} has a video of an unknown codec")
    if codec.width * codec.height > MAX_PIXELS:
        container.close()
        raise SourceError(f"{path} has pictures of {codec.width}x{codec.height}, more than {MAX_PIXELS} pixels")
    return container


def _count_video(path: Path) -> int | None:
    import av

    try:
        with _open_video(path) as container:
            stream = container.streams.video[0]
            if stream.frames:
                return int(stream.frames)
            if container.duration and stream.average_rate:
                return round(container.duration / av.time_base * stream.average_rate)
            return None
    except av.FFmpegError as error:
        raise SourceError(f"{path} does not decode as a video: {error}") from error


def _video_frames(path: Path, reading: Reading) -> Iterator[TimedFrame]:
    import av

    try:
        with _open_video(path) as container:
            start: float | None = None
            for number, frame in enumerate(_decoded(container, path, reading)):
                start = frame.time if start is None else start
                if reading.wants(number):
                    # Phones store upright videos lying down, with the angle beside them.
                    turned = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                    yield _at(frame.time - start, np.ascontiguousarray(turned), number)
    except av.FFmpegError as error:
        raise SourceError(f"{path} does not decode as a video: {error}") from error


def _decoded(container: Any, path: Path, reading: Reading) -> Iterator[av.VideoFrame]:
    """All frames of a video that decode; those that nothing tells the time of are left out."""
    import av

    container.streams.video[0].thread_type = "AUTO"
    for packet in container.demux(video=0):
        try:
            yield from (frame for frame in packet.decode() if frame.time is not None)
        except av.InvalidDataError as error:
            reading.broken(error, f"{path} near {float((packet.pts or 0) * (packet.time_base or 0)):.2f} s")


def _to_rgb(pixels: NDArray[np.generic]) -> Pixels:
    return np.ascontiguousarray(pixels[..., ::-1], dtype=np.uint8)
