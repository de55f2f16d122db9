"""What was found as a ROS 2 bag (MCAP) with our messages, written without ROS; rviz, Foxglove and ros2 bag play it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from deephar_ros.bags import STORE, open_bag
from deephar_ros.infer.records import Record
from deephar_ros.messages import Messages, MessageTypes
from deephar_ros.share import share_folder
from deephar_ros.sources import TimedFrame

VERSION: Literal[8] = 8
"""Of the metadata: the latest that Humble reads, too."""
JPEG_QUALITY = 90
TOPICS = {
    "/skeleton": "deephar_ros/msg/Skeleton3D",
    "/skeletons": "deephar_ros/msg/Skeleton3DArray",
    "/action_probs": "deephar_ros/msg/ActionProbs",
}
"""As the node publishes them."""
PICTURES = {"/image/compressed": "sensor_msgs/msg/CompressedImage"}
UNKNOWN = "RIHS01_" + 64 * "0"
"""Hash of a type whose definition is not known."""


class Stamped(NamedTuple):
    """A serialized message; `logged` in nanoseconds."""

    logged: int
    connection: Connection
    raw: bytes | memoryview


class BagWriter:
    """Writes the messages of frame after frame. Closing completes the bag.

    Args:
        path: of the bag's folder, which must not be there.
        namespace: put before our topics.
        pictures: write the pictures, too.
    """

    def __init__(self, path: Path, namespace: str, pictures: bool) -> None:
        self._store = our_types()
        self._messages = make_messages(self._store)
        self._writer = Writer(path, version=VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        topics = TOPICS | PICTURES if pictures else TOPICS
        self._connections = {
            topic: self._writer.add_connection(namespace + topic, kind, typestore=self._store)
            for topic, kind in topics.items()
        }

    def add(self, frame: TimedFrame, record: Record) -> None:
        """Writes what was found in a frame, with the frame's stamps."""
        types = self._store.types
        stamp = self._messages.time(record.stamp)
        header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=record.frame_id)
        if "/image/compressed" in self._connections:
            quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            jpeg = cv2.imencode(".jpg", frame.pixels[..., ::-1], quality)[1].ravel()
            picture = types["sensor_msgs/msg/CompressedImage"](header=header, format="jpeg", data=jpeg)
            self._write("/image/compressed", frame.logged, picture)
        skeletons = [self._messages.skeleton(person, header, record.width, record.height) for person in record.people]
        for skeleton in skeletons:
            self._write("/skeleton", frame.logged, skeleton)
        self._write("/skeletons", frame.logged, self._messages.skeletons(skeletons, header))
        for action in record.actions:
            self._write("/action_probs", frame.logged, self._messages.action_probs(action, header))

    def close(self) -> None:
        """Completes the bag."""
        self._writer.close()

    def _write(self, topic: str, logged: int, message: object) -> None:
        connection = self._connections[topic]
        self._writer.write(connection, logged, self._store.serialize_cdr(message, connection.msgtype))


def free_namespace(original: Path) -> str:
    """What to put before our topics, so that they are not those of the bag: nothing if possible."""
    with open_bag(original) as bag:
        taken = {connection.topic for connection in bag.connections}
    names = ("" if number == 0 else f"/infer{number if number > 1 else ''}" for number in count())
    return next(name for name in names if not taken & {name + topic for topic in TOPICS})


def join_bags(
    parts: Sequence[Path],
    namespace: str,
    original: Path | None,
    whole: bool,
    path: Path,
    progress: Callable[[int], object] = lambda messages: None,
) -> None:
    """Writes one bag of the parts that `BagWriter` wrote, and of the messages of the original one, unchanged.

    Args:
        whole: copy all of the original, not only what was logged before the parts end.
        progress: called with the number of messages written since the last call.
    """
    ours = {namespace + topic for topic in TOPICS | PICTURES}
    stop = None if whole else max(map(_end, parts))
    writer = Writer(path, version=VERSION, storage_plugin=StoragePlugin.MCAP)
    writer.open()
    with closing(writer):
        copied = _Copied(writer)
        found = (message for part in parts for message in _stored(part, copied, lambda topic: topic in ours))
        others = _stored(original, copied, lambda topic: topic not in ours, stop) if original else iter(())
        for message in heapq.merge(others, found, key=lambda message: message.logged):
            writer.write(message.connection, message.logged, message.raw)
            progress(1)


def _end(bag: Path) -> int:
    with open_bag(bag) as opened:
        return int(opened.end_time)


class _Copied:
    """The connections of the joined bag: one for each that is alike in the bags copied."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: dict[Any, Connection] = {}
        self._store = get_typestore(STORE)

    def connection(self, bag: AnyReader, source: Connection) -> Connection:
        profiles = getattr(source.ext, "offered_qos_profiles", ())
        key = (source.topic, source.msgtype, str(profiles))
        if key not in self._known:
            definition, digest = self._definition(bag, source)
            self._known[key] = self._writer.add_connection(
                source.topic, source.msgtype, msgdef=definition, rihs01=digest, offered_qos_profiles=profiles
            )
        return self._known[key]

    def _definition(self, bag: AnyReader, source: Connection) -> tuple[str, str]:
        """Text and hash of a type: as in the bag, else as ROS has it, else empty."""
        if source.msgdef.data:
            return source.msgdef.data, source.digest or bag.typestore.hash_rihs01(source.msgtype)
        if source.msgtype in self._store.fielddefs:
            text, _ = self._store.generate_msgdef(source.msgtype, ros_version=2)
            return text, self._store.hash_rihs01(source.msgtype)
        return "", UNKNOWN


def _stored(path: Path, copied: _Copied, wanted: Callable[[str], bool], stop: int | None = None) -> Iterator[Stamped]:
    with open_bag(path) as bag:
        connections = [connection for connection in bag.connections if wanted(connection.topic)]
        if not connections:
            return
        targets = {(c.id, id(c.owner)): copied.connection(bag, c) for c in connections}
        for connection, logged, raw in bag.messages(connections, stop=stop):
            yield Stamped(logged, targets[connection.id, id(connection.owner)], raw)


def our_types() -> Typestore:
    """ROS's types and those of our messages."""
    store = get_typestore(STORE)
    for file in sorted((share_folder() / "msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"deephar_ros/msg/{file.stem}"))
    return store


def make_messages(store: Typestore) -> Messages:
    """Makes messages of the classes of `our_types`."""
    packages = {"Point": "geometry_msgs", "RegionOfInterest": "sensor_msgs"}
    names = [f"{packages.get(name, 'deephar_ros')}/msg/{name}" for name in MessageTypes._fields]
    types = MessageTypes._make(store.types[name] for name in names)
    time = store.types["builtin_interfaces/msg/Time"]

    def to_time(nanoseconds: int) -> Any:
        sec, nanosec = divmod(nanoseconds, 1_000_000_000)
        return time(sec=sec, nanosec=nanosec)

    return Messages(types, to_time, np.asarray)
