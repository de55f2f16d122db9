"""Images of ROS 2 bags with their stamps and calibration, through rosbags; sqlite3 and MCAP, no ROS needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_typestore

from deephar_ros.camera import PinholeCamera
from deephar_ros.camera_info import CameraInfoError, to_camera
from deephar_ros.pixels import BGR, ENCODINGS, ImageError, decode_picture, encoding, view_pixels
from deephar_ros.sources import Pixels, Reading, Source, SourceError, TimedFrame

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STORE = Stores.ROS2_JAZZY
"""Types of old bags that do not bring theirs."""
_BROKEN = (AnyReaderError, SerdeError, TypesysError, ImageError, KeyError, AttributeError)


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """A bag to read: its folder, or one file of it; SourceError if it is none, also while reading."""
    try:
        with AnyReader([path], default_typestore=get_typestore(STORE)) as bag:
            yield bag
    except SourceError:
        raise
    except Exception as error:  # whatever the parsers beneath raise: struct.error, apsw.CorruptError, UnicodeError
        raise SourceError(f"{path} is not a readable bag: {error}") from error


def open_images(path: Path, reading: Reading) -> Source:
    """The images of one topic; SourceError if there is none."""
    with open_bag(path) as bag:
        topic = _choose(bag, path, reading.topic)
        count = sum(connection.msgcount for connection in _connections(bag, topic))
    return Source(False, _frames(path, topic, reading), count, topic, path)


def _choose(bag: AnyReader, path: Path, wanted: str) -> str:
    """The topic asked for, else the first whose first image can be read: depth images, for one, cannot."""
    topics = list(dict.fromkeys(c.topic for c in bag.connections if c.msgtype in IMAGES))
    if wanted:
        topics = [topic for topic in topics if topic == wanted]
        if not topics:
            has = sorted({f"{c.topic} ({c.msgtype})" for c in bag.connections})
            raise SourceError(f"{path} has no images on {wanted}; it has {', '.join(has)}")
        return wanted
    for topic in topics:
        for connection, _, raw in bag.messages(_connections(bag, topic)):
            try:
                _pixels(bag.deserialize(raw, connection.msgtype))
            except _BROKEN:
                break
            return topic
    has = sorted({f"{c.topic} ({c.msgtype})" for c in bag.connections})
    raise SourceError(f"{path} has no image topic that can be read; it has {', '.join(has) or 'no topics'}")


def _connections(bag: AnyReader, topic: str, types: tuple[str, ...] = IMAGES) -> list[Connection]:
    return [c for c in bag.connections if c.topic == topic and c.msgtype in types]


def _frames(path: Path, topic: str, reading: Reading) -> Iterator[TimedFrame]:
    with open_bag(path) as bag:
        infos = _connections(bag, info_topic(topic), (CAMERA_INFO,))
        calibration = _Calibration(_first_info(bag, infos), reading)
        start, number = None, -1
        for connection, logged, raw in bag.messages(_connections(bag, topic) + infos):
            if connection.msgtype == CAMERA_INFO:
                calibration.info = _info(bag, raw) or calibration.info
                continue
            start, number = logged if start is None else start, number + 1
            if not reading.wants(number):
                continue
            try:
                image: Any = bag.deserialize(raw, connection.msgtype)
                pixels = _pixels(image)
            except _BROKEN as error:
                reading.broken(error, f"image {number} of {topic}")
                continue
            stamp = image.header.stamp.sec * 1_000_000_000 + image.header.stamp.nanosec
            camera, frame_id = calibration.camera(pixels), image.header.frame_id
            yield TimedFrame((logged - start) / 1e9, pixels, number, stamp, logged, frame_id, camera)


def info_topic(image: str) -> str:
    """The topic of camera_info that belongs to an image topic: in the same namespace."""
    return image.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"


def _first_info(bag: AnyReader, infos: list[Connection]) -> Any:
    """Calibration that was recorded once may have come after the first image."""
    return next((info for _, _, raw in bag.messages(infos) if (info := _info(bag, raw))), None) if infos else None


def _info(bag: AnyReader, raw: bytes) -> Any:
    try:
        return bag.deserialize(raw, CAMERA_INFO)
    except _BROKEN:
        return None


class _Calibration:
    """The newest camera_info. What is wrong with it is said once."""

    def __init__(self, info: Any, reading: Reading) -> None:
        self.info = info
        self._reading = reading
        self._told = ""

    def camera(self, pixels: Pixels) -> PinholeCamera | None:
        """The camera that took a picture of this size."""
        if self.info is None:
            return None
        try:
            return to_camera(self.info, self._reading.rectified, pixels.shape[1], pixels.shape[0])
        except CameraInfoError as error:
            if str(error) != self._told and self._reading.complain is not None:
                self._reading.complain(f"{error}; positions stay relative to the pelvis")
            self._told = str(error)
            return None


def _pixels(image: Any) -> Pixels:
    """(H, W, 3) RGB of sensor_msgs/Image or CompressedImage; ImageError if it cannot be used."""
    if hasattr(image, "format"):
        return np.ascontiguousarray(decode_picture(image.data.tobytes())[..., BGR])
    layout = encoding(image.encoding, bool(image.is_bigendian))
    if layout is None:
        raise ImageError(f"encoding {image.encoding!r} is not one of {', '.join(ENCODINGS)}")
    pixels = view_pixels(image.data, image.width, image.height, image.step, layout.channels)
    return np.ascontiguousarray(pixels[..., layout.rgb])
