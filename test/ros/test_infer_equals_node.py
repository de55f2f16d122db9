"""`infer` on a bag finds what the node finds in the same images on its topics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from node_testing import NODE, connect, info
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, Image

from deephar_ros.cli.infer import main
from deephar_ros.node.images import to_image
from deephar_ros.node.stamps import to_nanoseconds, to_stamp
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.sources import Reading, open_source

if TYPE_CHECKING:
    from conftest import Peer, Process

KINDS = {"/skeleton": Skeleton3D, "/skeletons": Skeleton3DArray, "/action_probs": ActionProbs}
ROUNDING = 1.01e-4
"""Numbers of messages have four decimals."""


def demo_images() -> list[Image]:
    """A second and a half of the demo clip, from where the person stands in it."""
    frames = list(open_source(str(demo_clip()), Reading(skip=120, every=3)).frames)[:18]
    found = []
    for frame in frames:
        image = to_image(frame.pixels)
        image.header.stamp, image.header.frame_id = to_stamp(10**18 + frame.stamp), "front_optical_frame"
        found.append(image)
    return found


def noise() -> list[Image]:
    found = []
    for number in range(10):
        image = to_image(np.random.default_rng(number).integers(0, 255, (120, 160, 3), np.uint8))
        image.header.stamp, image.header.frame_id = to_stamp(10**18 + number * 100_000_003), "front_optical_frame"
        found.append(image)
    return found


def from_node(start: Callable[..., Process], peer: Peer, images: list[Image], *parameters: str) -> dict[str, list[Any]]:
    process = start(NODE, "image_qos:=reliable", "device:=cpu", *parameters)
    process.wait_for("waiting for images on /image")
    found = {topic: peer.listen(kind, topic) for topic, kind in KINDS.items()}
    infos, publisher = connect(peer, "camera_info", CameraInfo), connect(peer, qos=10)
    assert peer.spin_until(lambda: all(peer.node.count_publishers(topic) for topic in KINDS))
    for _ in range(3):  # best effort
        infos.publish(info(images[0], f=500.0))
    peer.spin_until(lambda: False, 0.5)
    for number, image in enumerate(images, start=1):
        publisher.publish(image)
        assert peer.spin_until(lambda: len(found["/skeletons"]) == number)  # noqa: B023
    peer.spin_until(lambda: False, 0.5)  # actions come after the skeletons
    return found


def from_infer(folder: Path, images: list[Image], *options: str) -> dict[str, list[Any]]:
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(folder / "in", version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        topics = {
            kind: bag.add_connection(topic, f"sensor_msgs/msg/{kind.__name__}", typestore=store)
            for topic, kind in (("/front/image", Image), ("/front/camera_info", CameraInfo))
        }
        for image in images:
            for message in (info(image, f=500.0), image):
                bag.write(topics[type(message)], to_nanoseconds(image.header.stamp), serialize_message(message))
    command = [str(folder / "in"), "--out", str(folder / "out"), "--device", "cpu", "--no-video", "--no-summary"]
    assert main([*command, *options]) == 0
    found: dict[str, list[Any]] = {topic: [] for topic in KINDS}
    with AnyReader([folder / "out" / "bag"]) as bag:
        for connection, _, raw in bag.messages():
            if connection.topic in KINDS:
                found[connection.topic].append(deserialize_message(raw, KINDS[connection.topic]))
    return found


def compare(a: Any, b: Any, where: str) -> None:
    """Every field equal; numbers up to their rounding."""
    if hasattr(a, "get_fields_and_field_types"):
        for name in a.get_fields_and_field_types():
            compare(getattr(a, name), getattr(b, name), f"{where}.{name}")
    elif isinstance(a, str | int):
        assert a == b, where
    elif isinstance(a, float):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=ROUNDING, err_msg=where)
    else:
        assert len(a) == len(b), where
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            compare(one, other, f"{where}[{number}]")


@pytest.mark.parametrize("model", ["shipped", "random"])
def test_same_images_same_people_joints_and_actions(
    model: str, start: Callable[..., Process], peer: Peer, spread_checkpoint: Path, tmp_path: Path
) -> None:
    if model == "shipped":
        images, checkpoint, confidence, most = demo_images(), default_checkpoint(), "0.6", "4"
    else:
        images, checkpoint, confidence, most = noise(), spread_checkpoint, "0.0", "2"
    parameters = [f"checkpoint:={checkpoint}", f"min_confidence:={confidence}", f"max_persons:={most}"]
    there = from_node(start, peer, images, *parameters)
    options = ["--checkpoint", str(checkpoint), "--min-confidence", confidence, "--max-persons", most]
    here = from_infer(tmp_path, images, *options)
    assert len(here["/skeletons"]) == len(images)
    assert here["/action_probs"]
    assert {skeleton.depth_source for skeleton in here["/skeleton"]} == {Skeleton3D.DEPTH_PRIOR}
    for topic in KINDS:
        compare(here[topic], there[topic], topic)
