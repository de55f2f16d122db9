"""What the node publishes besides skeletons and actions, to those who ask for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import draw_markers
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from deephar_ros.msg import Skeleton3DArray
from geometry_msgs.msg import TransformStamped
from node_testing import NODE, connect, deliver, info, picture, set_parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from deephar_ros.node.images import to_frame
from deephar_ros.node.stamps import to_stamp

if TYPE_CHECKING:
    from conftest import Peer, Process

Starter = Callable[..., "Process"]
COMMON = ("min_confidence:=0.0", "box_source:=full_image", "status_period:=0.5")


class Stream:
    """Publishes images and calibration, each with the next stamp."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.infos, self.images = connect(peer, "camera_info", CameraInfo), connect(peer)
        self.arrays = peer.listen(Skeleton3DArray, "skeletons")
        assert peer.spin_until(lambda: peer.node.count_publishers("skeletons"))
        self.sent = 0

    def send(self, count: int = 1) -> Image:
        for _ in range(count):
            self.sent += 1
            image = picture(to_stamp(self.sent * 100_000_000))
            self.infos.publish(info(image))
            deliver(self.peer, self.images, image, lambda: self.arrays and self.arrays[-1].header == image.header)  # noqa: B023
        return image


@pytest.fixture
def node(start: Callable[..., Process], spread_checkpoint: Path) -> Starter:
    def start_one(*parameters: str, **options: Any) -> Process:
        process = start(NODE, f"checkpoint:={spread_checkpoint}", *COMMON, *parameters, **options)
        process.wait_for("waiting for images")
        return process

    return start_one


def test_markers_show_who_is_there_and_go_when_they_go(node: Starter, peer: Peer, tmp_path: Path) -> None:
    node("marker_lifetime:=2.5")
    markers = peer.listen(MarkerArray, "/perception_node/markers")
    stream = Stream(peer)
    image = stream.send(6)
    assert peer.spin_until(lambda: markers and markers[-1].markers[0].header == image.header)
    kinds = {marker.ns: marker for marker in markers[-1].markers}
    assert set(kinds) == {"skeleton", "joints", "label"}
    assert {m.lifetime.sec + m.lifetime.nanosec / 1e9 for m in kinds.values()} == {2.5}
    assert kinds["label"].text.split()[0] == stream.arrays[-1].skeletons[0].id
    assert kinds["label"].text.split()[1] in ("sit", "stand", "walk", "a", "b", "c", "d", "e")
    draw_markers.save(markers[-1], tmp_path / "markers.png")
    assert (cv2.imread(str(tmp_path / "markers.png")).std(axis=(0, 1)) > 1).any()
    assert set_parameter(peer, "min_confidence", 1.0) == ""  # nobody is that sure
    assert set_parameter(peer, "patience", 0.0) == ""
    stream.send(2)
    assert peer.spin_until(lambda: any(m.action == Marker.DELETE for array in markers for m in array.markers))


def test_the_overlay_is_drawn_for_subscribers_only(node: Starter, peer: Peer) -> None:
    node("overlay_rate:=1000.0")
    stream = Stream(peer)
    stream.send(30)
    overlays = peer.listen(Image, "/perception_node/overlay")
    assert peer.spin_until(lambda: peer.node.count_publishers("/perception_node/overlay"))
    image = stream.send(3)
    assert peer.spin_until(lambda: overlays and overlays[-1].header == image.header)
    assert len(overlays) <= 4  # none was made and kept before somebody asked
    assert (overlays[-1].width, overlays[-1].height, overlays[-1].encoding) == (160, 120, "rgb8")
    drawn, original = to_frame(overlays[-1]).pixels, to_frame(image).pixels
    changed = (np.abs(drawn.astype(int) - original).max(-1) > 0).mean()
    assert 0.02 < changed < 0.9


def test_label_info_is_latched(node: Starter, peer: Peer, interfaces: dict[str, str]) -> None:
    node(environment=interfaces)
    from vision_msgs.msg import LabelInfo

    latched = QoSProfile(depth=4, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    infos = peer.listen(LabelInfo, "label_info", latched)  # later than the node published it
    assert peer.spin_until(lambda: len(infos) == 2)
    assert [[c.class_name for c in i.class_map] for i in infos] == [["sit", "stand", "walk"], ["a", "b", "c", "d", "e"]]
    assert [c.class_id for c in infos[1].class_map] == [0, 1, 2, 3, 4]


def test_frames_of_joints_and_topics_of_rep_155(node: Starter, peer: Peer, interfaces: dict[str, str]) -> None:
    node("publish_tf:=true", "publish_humans:=true", environment=interfaces)
    from hri_msgs.msg import IdsList, Skeleton2D
    from tf2_msgs.msg import TFMessage

    frames, tracked = peer.listen(TFMessage, "/tf"), peer.listen(IdsList, "/humans/bodies/tracked")
    stream = Stream(peer)
    image = stream.send(4)
    assert peer.spin_until(lambda: tracked and frames and frames[-1].transforms[0].header == image.header)
    transforms: dict[str, TransformStamped] = {t.child_frame_id: t for t in frames[-1].transforms}
    body = next(name for name in transforms if name.startswith("body_"))
    assert transforms[body].header == image.header
    assert f"left_wrist_{body.removeprefix('body_')}" in transforms
    assert tracked[-1].ids == [body.removeprefix("body_")]
    skeletons = peer.listen(Skeleton2D, f"/humans/bodies/{tracked[-1].ids[0]}/skeleton2d", 1)
    assert peer.spin_until(lambda: skeletons or not stream.send())
    assert len(skeletons[-1].skeleton) == 18


def test_what_needs_a_package_that_is_not_there_is_off_and_said_once(node: Starter, peer: Peer) -> None:
    process = node("publish_tf:=true", "publish_humans:=true", "target_frame:=base_link")
    Stream(peer).send(3)
    needed = {"publish_tf": "tf2_msgs", "publish_humans": "hri_msgs", "target_frame": "tf2_ros"}
    for parameter, package in needed.items():
        lines = [line for line in process.output.splitlines() if f"{parameter} " in line and package in line]
        assert len(lines) == (not _installed(package)), process.output


def _installed(package: str) -> bool:
    """Whether a new process has it; in this one the stand-ins may be loaded already."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_positions_are_given_in_the_target_frame(node: Starter, peer: Peer, interfaces: dict[str, str]) -> None:
    pytest.importorskip("tf2_ros", reason="tf2_ros is not in the ROS wheels; run in an installation that has it")
    from tf2_msgs.msg import TFMessage

    process = node("target_frame:=base_link", environment=interfaces)
    stream = Stream(peer)
    stream.send(2)
    process.wait_for("positions stay in 'camera_optical_frame': no transform to target_frame 'base_link'")
    static = peer.publisher(TFMessage, "/tf_static", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
    mount = TransformStamped(child_frame_id="camera_optical_frame")
    mount.header.frame_id = "base_link"
    mount.transform.translation.x, mount.transform.rotation.w = 10.0, 1.0
    static.publish(TFMessage(transforms=[mount]))

    def arrived() -> bool:
        image = picture(Time(sec=100 + stream.sent))
        stream.sent += 1
        stream.infos.publish(info(image))
        stream.images.publish(image)
        peer.spin_until(lambda: False, 0.2)
        return stream.arrays[-1].header.frame_id == "base_link"

    assert peer.spin_until(arrived)
    pelvis = next(k for k in stream.arrays[-1].skeletons[0].keypoints if k.name == "pelvis")
    assert pelvis.position.x > 5


def test_joints_as_a_cloud(node: Starter, peer: Peer) -> None:
    pytest.importorskip("sensor_msgs_py", reason="sensor_msgs_py is not in the ROS wheels")
    node()
    clouds = peer.listen(PointCloud2, "/perception_node/joints")
    stream = Stream(peer)
    image = stream.send(5)
    assert peer.spin_until(lambda: clouds and clouds[-1].header == image.header)
    assert [f.name for f in clouds[-1].fields] == ["x", "y", "z", "confidence", "person", "joint"]


def test_smoothing_of_messages_is_off_until_it_is_asked_for(node: Starter, peer: Peer) -> None:
    node("smooth_min_cutoff:=0.05", "smooth_beta:=0.0")
    stream = Stream(peer)

    def spread() -> float:
        """How much the joints of random pictures jump about, in pixels."""
        stream.send(8)
        joints = [[(k.u, k.v) for k in a.skeletons[0].keypoints] for a in stream.arrays[-8:]]
        return float(np.diff(np.array(joints), axis=0).std())

    raw = spread()
    assert set_parameter(peer, "smooth_messages", True) == ""
    stream.send(2)
    assert spread() < 0.5 * raw
