"""What the tests of `infer` share: sources that are made in no time, and runs on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from deephar_ros.cli.infer import main
from deephar_ros.draw import VideoWriter
from deephar_ros.infer.records import Record, read_records

WIDTH, HEIGHT, RATE = 64, 48, 20
STORE = get_typestore(Stores.ROS2_JAZZY)


def picture(number: int) -> np.ndarray:
    """(48, 64, 3) noise, another one for each number."""
    return np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)


def video(path: Path, frames: int) -> Path:
    """A video of 20 pictures a second."""
    with VideoWriter(path) as writer:
        for number in range(frames):
            writer.add(picture(number), number / RATE)
    return path


def message(kind: str, **fields: Any) -> Any:
    """A message of rosbags' classes, as message("std_msgs/msg/Header", ...)."""
    return STORE.types[kind](**fields)


def header(nanoseconds: int, frame_id: str = "front_optical_frame") -> Any:
    sec, nanosec = divmod(nanoseconds, 10**9)
    stamp = message("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
    return message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def image(pixels: np.ndarray, stamp: int, encoding: str = "rgb8") -> Any:
    height, width, channels = pixels.shape
    return message(
        "sensor_msgs/msg/Image",
        header=header(stamp),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels,
        data=np.ascontiguousarray(pixels).ravel(),
    )


def info(stamp: int, f: float = 60.0) -> Any:
    k = np.array([f, 0, (WIDTH - 1) / 2, 0, f, (HEIGHT - 1) / 2, 0, 0, 1.0])
    fields = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
    return message(
        "sensor_msgs/msg/CameraInfo",
        header=header(stamp),
        height=HEIGHT,
        width=WIDTH,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=k,
        r=np.eye(3).ravel(),
        p=np.zeros(12),
        binning_x=0,
        binning_y=0,
        roi=message("sensor_msgs/msg/RegionOfInterest", **fields),
    )


def bag(path: Path, messages: Sequence[tuple[str, int, Any]], storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of (topic, time of reception in nanoseconds, message)."""
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections: dict[str, Any] = {}
        for topic, logged, content in messages:
            kind = content.__msgtype__
            connections[topic] = connections.get(topic) or writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], logged, STORE.serialize_cdr(content, kind))
    return path


def read_bag(path: Path) -> dict[str, list[tuple[int, Any, bytes]]]:
    """Per topic (time of reception, message, its bytes)."""
    found: dict[str, list[tuple[int, Any, bytes]]] = {}
    with AnyReader([path]) as reader:
        for connection, logged, raw in reader.messages():
            content = reader.deserialize(raw, connection.msgtype)
            found.setdefault(connection.topic, []).append((logged, content, bytes(raw)))
    return found


def infer(source: Path, out: Path, checkpoint: Path, *options: str, summary: bool = False) -> int:
    """Runs the command, one person filling every picture; its exit status."""
    options = options if summary else (*options, "--no-summary")
    people = ["--box-source", "full_image", "--min-confidence", "0", "--device", "cpu", "--backend", "torch"]
    return main([str(source), "--out", str(out), "--checkpoint", str(checkpoint), *people, *options])


def records(out: Path) -> list[Record]:
    return list(read_records(out / "records.jsonl").frames)


def frame_times(path: Path) -> list[float]:
    """Seconds of all pictures of a video."""
    import av

    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]
