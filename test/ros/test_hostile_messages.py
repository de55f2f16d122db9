"""A running node and a stream of hostile messages of every kind, with good ones in between."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from deephar_ros.msg import Skeleton3DArray
from diagnostic_msgs.msg import DiagnosticArray
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from node_testing import NODE, call, deliver, info, picture, status, values
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from deephar_ros.node.images import to_frame
from deephar_ros.pixels import ENCODINGS, ImageError

sys.path.append(str(Path(__file__).resolve().parents[1] / "fuzz"))
import hostile

if TYPE_CHECKING:
    from conftest import Peer, Process

RELIABLE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
ROUNDS = 200 if os.environ.get("DEEPHAR_FUZZ") == "deep" else 20
SET_PARAMETERS = "/perception_node/set_parameters"
PAUSE = 0.02
"""Seconds after each message, so that the node's queue of one loses few of them."""


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """The same `count` values each time."""
    found: list[Any] = []

    @settings(max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def is_bad(msg: Image | CompressedImage) -> bool:
    try:
        to_frame(msg)
    except ImageError:
        return True
    return False


class Attack:
    """Sends hostile messages on any topics, and good images that must be answered."""

    def __init__(self, peer: Peer, process: Process, topics: dict[str, type]) -> None:
        self.peer, self.process = peer, process
        self.arrays = peer.listen(Skeleton3DArray, "skeletons")
        self.diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
        self.publishers = {topic: peer.publisher(kind, topic, RELIABLE) for topic, kind in topics.items()}
        for publisher in self.publishers.values():
            assert peer.spin_until(publisher.get_subscription_count)
        self.started, self.seconds = time.monotonic(), 0

    def send(self, topic: str, msg: Any) -> None:
        self.publishers[topic].publish(msg)
        time.sleep(PAUSE)

    def answered(self, topic: str, image: Any, beside: Callable[[Time], None]) -> None:
        """Sends an image with the next stamp, and first what `beside` sends with the same one, until it is answered."""
        self.seconds += 1
        stamp = image.header.stamp = Time(sec=self.seconds)
        beside(stamp)
        deliver(self.peer, self.publishers[topic], image, lambda: self.arrays and self.arrays[-1].header.stamp == stamp)
        assert self.arrays[-1].skeletons

    def drops(self) -> dict[str, int]:
        """By cause, once a report has come that is newer than everything sent."""
        self.diagnostics.clear()
        assert self.peer.spin_until(lambda: len(self.diagnostics) > 1)
        found = values(status(self.diagnostics, "input"))
        return {key.removeprefix("dropped: "): int(count) for key, count in found.items() if key.startswith("dropped")}

    def check_log(self, *expected: str) -> None:
        """Every kind of complaint is there; they are fewer than the messages, and none fills the log."""
        lines = [line for line in self.process.output.splitlines() if "[WARN]" in line]
        periods = (time.monotonic() - self.started) // 10 + 1
        assert len(lines) <= 20 * periods + 5
        assert max(map(len, lines)) < 700
        for pattern in expected:
            assert re.search(pattern, "\n".join(lines)), f"{pattern!r} is not in the log:\n" + "\n".join(lines)
        assert "Traceback" not in self.process.output


def test_raw_images_depth_calibration_and_parameters(
    start: Callable[..., Process], peer: Peer, spread_checkpoint: Path
) -> None:
    common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "box_source:=full_image", "depth:=image")
    process = start(NODE, *common, "image_qos:=reliable")
    process.wait_for("waiting for images")
    attack = Attack(peer, process, {"image": Image, "camera_info": CameraInfo, "depth/image": Image})
    images = drawn(hostile.images(tuple(ENCODINGS)), ROUNDS * 4)
    depths = drawn(hostile.images(("16UC1", "32FC1")), ROUNDS)
    infos = drawn(hostile.camera_infos(160, 120), ROUNDS)
    for number in range(ROUNDS):
        for msg in images[4 * number : 4 * number + 4]:
            attack.send("image", msg)
        attack.send("camera_info", infos[number])

        def beside(stamp: Time, depth: Image = depths[number]) -> None:
            depth.header.stamp = stamp
            attack.send("depth/image", depth)

        attack.answered("image", picture(Time()), beside)
    drops, bad = attack.drops(), sum(map(is_bad, images))
    assert bad > ROUNDS / 2
    assert 0.9 * bad <= drops["bad image"] + drops["replaced by a newer one"]
    assert drops["bad image"] <= bad
    assert drops["bad depth"] > ROUNDS / 10
    assert drops["bad camera_info"] > ROUNDS / 10
    assert "failed in the pipeline" not in drops
    attack.check_log("encoding '.*' is not one of", r"step \d+", r"data has \d+ bytes", "camera_info: ")
    set_hostile_parameters(peer)
    attack.send("camera_info", info(picture(Time())))
    attack.answered("image", picture(Time()), lambda stamp: None)
    process.wait_for("its callback failed: ValueError: 77")
    assert process.stop() == 0


def set_hostile_parameters(peer: Peer) -> None:
    """Every parameter with every type, those that no ROS knows included; nothing hostile is taken."""
    kinds = [*range(10)]
    names = ["max_rate", "cut", "cameras", "depth", "target_frame", "rectified", "use_sim_time", "no such", ""]
    value = {"integer_value": -5, "double_value": float("nan"), "string_value": "\n", "string_array_value": [""]}
    parameters = [Parameter(name=name, value=ParameterValue(type=kind, **value)) for name in names for kind in kinds]
    results = call(peer, SetParameters, SET_PARAMETERS, SetParameters.Request(parameters=parameters)).results
    assert len(results) == len(parameters)
    assert all(result.successful or result.reason for result in results)
    client = peer.node.create_client(SetParameters, SET_PARAMETERS)
    for kind in (77, 255):  # rclpy itself fails on these, and so nobody answers
        strange = Parameter(name="cut", value=ParameterValue(type=kind))
        client.call_async(SetParameters.Request(parameters=[strange]))
        peer.spin_until(lambda: False, 0.3)


def test_compressed_images_clouds_and_detections(
    start: Callable[..., Process], peer: Peer, spread_checkpoint: Path, interfaces: dict[str, str]
) -> None:
    from vision_msgs.msg import Detection2D, Detection2DArray

    common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "box_source:=detections", "depth:=cloud")
    process = start(NODE, *common, "image_qos:=reliable", "image_transport:=compressed", environment=interfaces)
    process.wait_for("waiting for images")
    topics = {"image/compressed": CompressedImage, "depth/points": PointCloud2, "detections": Detection2DArray}
    attack = Attack(peer, process, topics | {"camera_info": CameraInfo})

    def boxes(stamp: Time, numbers: list[float], count: int = 1) -> Any:
        detection = Detection2D()
        detection.bbox.center.position.x, detection.bbox.center.position.y = numbers[:2]
        detection.bbox.size_x, detection.bbox.size_y = numbers[2:]
        msg = Detection2DArray(detections=[detection] * count)
        msg.header.stamp = stamp
        return msg

    pixels = np.random.default_rng(3).integers(0, 255, (120, 160, 3), np.uint8)
    good = CompressedImage(format="jpeg", data=cv2.imencode(".jpg", pixels)[1].tobytes())
    seeds = [*hostile.pictures(), good.data.tobytes()]
    pictures = [CompressedImage(data=data) for data in drawn(hostile.mutated(seeds), ROUNDS * 2)]
    clouds = drawn(hostile.clouds(), ROUNDS)
    numbers = drawn(st.lists(hostile.NUMBERS, min_size=4, max_size=4), ROUNDS)
    stamps = drawn(hostile.STAMPS, ROUNDS)
    for number in range(ROUNDS):
        attack.send("detections", boxes(stamps[number], numbers[number]))
        for msg in pictures[2 * number : 2 * number + 2]:
            msg.header.stamp = Time(sec=attack.seconds, nanosec=5)  # with a box, so that it is processed
            attack.send("detections", boxes(msg.header.stamp, [80.0, 60.0, 50.0, 100.0], count=1 + 300 * (number % 2)))
            attack.send("image/compressed", msg)

        def beside(stamp: Time, cloud: PointCloud2 = clouds[number]) -> None:
            cloud.header.stamp = stamp
            attack.send("camera_info", info(picture(stamp)))
            attack.send("depth/points", cloud)
            attack.send("detections", boxes(stamp, [80.0, 60.0, 50.0, 100.0]))

        attack.answered("image/compressed", good, beside)
    drops, bad = attack.drops(), sum(map(is_bad, pictures))
    assert bad > ROUNDS / 2
    assert 0.8 * bad <= drops["bad image"] + drops["replaced by a newer one"] <= 3 * ROUNDS
    assert drops["bad image"] <= bad
    assert drops["bad detections"] > ROUNDS / 3
    assert drops["bad depth"] > ROUNDS / 10
    assert "failed in the pipeline" not in drops
    attack.check_log("compressed (data|picture) of", "is no box in an image", "cloud (of|has)")
    assert process.stop() == 0
