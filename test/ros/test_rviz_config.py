"""The rviz configuration: it needs no plugins, shows what the node publishes, and looks where the camera looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from sample_people import HEIGHT, WIDTH, absolute
from std_msgs.msg import Header

from deephar_ros.node.markers import MarkerDrawer
from deephar_ros.node.parameters import VideoParameters
from deephar_ros.people import Result

if TYPE_CHECKING:
    from conftest import Peer, Process

CONFIG = Path(__file__).resolve().parents[2] / "config" / "perception.rviz"
TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}
"""What the displays with a topic show."""
WITHOUT_TOPIC = {"rviz_default_plugins/Grid", "rviz_default_plugins/Axes", "rviz_default_plugins/TF"}


def manager() -> dict[str, Any]:
    return yaml.safe_load(CONFIG.read_text())["Visualization Manager"]


def displays() -> dict[str, dict[str, Any]]:
    """The displays that show a topic, by topic."""
    return {display["Topic"]["Value"]: display for display in manager()["Displays"] if "Topic" in display}


def test_every_class_is_one_that_rviz2_brings() -> None:
    assert {display["Class"] for display in manager()["Displays"]} == WITHOUT_TOPIC | TYPES.keys()
    assert {display["Class"] for display in displays().values()} == TYPES.keys()
    for part in (*manager()["Tools"], manager()["Views"]["Current"], *manager()["Views"]["Saved"]):
        assert part["Class"].startswith("rviz_default_plugins/")
    panels = {panel["Class"] for panel in yaml.safe_load(CONFIG.read_text())["Panels"]}
    assert panels <= {"rviz_common/Displays", "rviz_common/Views"}


def test_picture_and_markers_are_switched_on_and_frames_are_not() -> None:
    switched = {display["Class"]: display["Enabled"] for display in manager()["Displays"]}
    assert [kind for kind, on in switched.items() if not on] == ["rviz_default_plugins/TF"]


def test_the_fixed_frame_is_the_one_of_our_own_images() -> None:
    assert manager()["Global Options"]["Fixed Frame"] == VideoParameters().frame_id


def test_the_view_looks_along_the_optical_axis_with_the_person_upright() -> None:
    view = manager()["Views"]["Current"]
    yaw, pitch, focus = view["Yaw"], view["Pitch"], np.array([view["Focal Point"][axis] for axis in "XYZ"])
    # rviz's orbit view: the eye is on a sphere round the focal point, its vertical is the z axis.
    eye = focus + view["Distance"] * np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    ahead = (focus - eye) / view["Distance"]
    right = np.cross(ahead, [0, 0, 1]) / np.linalg.norm(np.cross(ahead, [0, 0, 1]))
    np.testing.assert_allclose(ahead, [0, 0, 1], atol=0.01)
    np.testing.assert_allclose(right, [1, 0, 0], atol=0.01)
    assert eye[2] < 0  # behind the camera, so that whoever it sees is in view


def test_the_namespaces_are_those_of_the_markers() -> None:
    markers = MarkerDrawer()(Result(display=(absolute(),)), Header(), WIDTH, HEIGHT).markers
    assert set(displays()["/perception_node/markers"]["Namespaces"]) == {marker.ns for marker in markers}


def test_the_node_publishes_every_topic_so_that_rviz_can_take_it(
    start: Callable[..., Process], tiny_checkpoint: Path, peer: Peer
) -> None:
    start("deephar_ros.node.perception_node", f"checkpoint:={tiny_checkpoint}", "device:=cpu")
    assert displays().keys() == {"/perception_node/overlay", "/perception_node/markers"}
    for topic, display in displays().items():
        assert peer.spin_until(lambda: peer.node.get_publishers_info_by_topic(topic), 60), topic  # noqa: B023
        (publisher,) = peer.node.get_publishers_info_by_topic(topic)
        assert publisher.topic_type == TYPES[display["Class"]]
        compatibility, reason = qos_check_compatible(publisher.qos_profile, profile(display["Topic"]))
        assert compatibility == QoSCompatibility.OK, reason


def profile(topic: dict[str, Any]) -> QoSProfile:
    """The quality of service with which a display subscribes."""
    policies = {key.split()[0].lower(): topic[key].upper().replace(" ", "_") for key in topic if "Policy" in key}
    return QoSProfile(
        depth=topic["Depth"],
        history=HistoryPolicy[policies["history"]],
        reliability=ReliabilityPolicy[policies["reliability"]],
        durability=DurabilityPolicy[policies["durability"]],
        liveliness=LivelinessPolicy.AUTOMATIC,
    )
