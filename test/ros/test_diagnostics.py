"""What is observed over DDS, and how it looks in /diagnostics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import Image

from deephar_ros.finding import Level
from deephar_ros.node.diagnostics import InputReport, Snapshot, to_message
from deephar_ros.node.monitor import InputMonitor, image_topics
from deephar_ros.node.symptoms import Symptom, symptoms
from deephar_ros.statistics import Percentiles

if TYPE_CHECKING:
    from conftest import Peer

SNAPSHOT = Snapshot(
    node="perception_node",
    state="active",
    device="cuda:0",
    backend="torch",
    inputs=(
        InputReport("front", 29.8, 14.9, Percentiles(0.0412, 0.0799), {"replaced by newer": 12}, "bgr8 640x480"),
        InputReport("left", symptoms=(Symptom(Level.WARN, "no camera_info", "Nothing on /left/camera_info."),)),
    ),
    latencies={"crop": Percentiles(0.001, 0.002), "network": Percentiles(0.0123, 0.0456)},
    persons=2,
    cut="p2l4",
    target_rate=15.0,
    resident=812.4,
    gpu=420.0,
)


def statuses(snapshot: Snapshot) -> dict[str, DiagnosticStatus]:
    return {status.name: status for status in to_message(snapshot, Time(sec=7)).status}


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {entry.key: entry.value for entry in status.values}


def test_each_camera_the_pipeline_and_the_memory_have_a_status() -> None:
    found = statuses(SNAPSHOT)
    assert list(found) == [
        "perception_node: input front",
        "perception_node: input left",
        "perception_node: pipeline",
        "perception_node: memory",
    ]
    assert [s.level for s in found.values()] == [
        DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.OK, DiagnosticStatus.OK,
    ]  # fmt: skip
    assert {s.hardware_id for s in found.values()} == {"cuda:0"}
    assert values(found["perception_node: input front"]) == {
        "images in": "29.8 /s", "processed": "14.9 /s", "age p50, p99": "41.2, 79.9 ms", "image": "bgr8 640x480",
        "dropped: replaced by newer": "12",
    }  # fmt: skip
    assert values(found["perception_node: pipeline"]) == {
        "life cycle": "active", "backend": "torch", "device": "cuda:0", "persons": "2", "cut": "p2l4",
        "target rate": "15.0 /s", "crop p50, p99": "1.0, 2.0 ms", "network p50, p99": "12.3, 45.6 ms",
    }  # fmt: skip
    assert values(found["perception_node: memory"]) == {"resident": "812 MB", "model": "loaded", "GPU": "420 MB"}


def test_a_symptom_sets_the_level_and_the_message_and_its_sentence_is_kept() -> None:
    status = statuses(SNAPSHOT)["perception_node: input left"]
    assert status.message == "no camera_info"
    assert values(status)["no camera_info"] == "Nothing on /left/camera_info."


def test_the_only_camera_needs_no_name_and_an_unloaded_model_is_said() -> None:
    found = statuses(replace(SNAPSHOT, inputs=(InputReport(""),), backend="", gpu=None, state="inactive"))
    assert "perception_node: input" in found
    assert values(found["perception_node: pipeline"])["backend"] == "none"
    assert found["perception_node: memory"].message == "812 MB, model not loaded"


def test_diagnostics_travel_over_dds(peer: Peer) -> None:
    received = peer.listen(DiagnosticArray, "/diagnostics")
    publisher = peer.publisher(DiagnosticArray, "/diagnostics")
    message = to_message(SNAPSHOT, Time(sec=7))
    assert peer.spin_until(publisher.get_subscription_count)
    publisher.publish(message)
    assert peer.spin_until(lambda: received)
    assert received[0] == message


@pytest.fixture
def camera(peer: Peer) -> Iterator[Node]:
    """Another node than the one that watches."""
    node = Node("camera")
    yield node
    node.destroy_node()


def watch(peer: Peer, qos: QoSProfile) -> InputMonitor:
    monitor = InputMonitor("/image")
    peer.node.create_subscription(
        Image,
        "/image",
        lambda msg: monitor.on_image(msg.header.stamp.sec * 10**9, peer.node.get_clock().now().nanoseconds),
        qos,
        event_callbacks=monitor.events(),
    )
    return monitor


@pytest.mark.parametrize(
    ("offered", "asked", "policy"),
    [
        (qos_profile_sensor_data, QoSProfile(depth=1, reliability=QoSReliabilityPolicy.RELIABLE), "RELIABILITY"),
        (
            QoSProfile(depth=1),
            QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL),
            "DURABILITY",
        ),
    ],
)
def test_a_publisher_with_incompatible_qos_is_named_at_once(
    peer: Peer, camera: Node, offered: QoSProfile, asked: QoSProfile, policy: str
) -> None:
    monitor = watch(peer, asked)
    camera.create_publisher(Image, "/image", offered)
    assert peer.spin_until(lambda: symptoms(monitor.state(peer.node)), 10.0)
    (symptom,) = symptoms(monitor.state(peer.node))
    assert symptom.summary == f"incompatible QoS: {policy}"
    assert f"qos_overrides./image.subscription.{policy.lower()}" in symptom.sentence


def test_images_that_come_are_watched_for_their_stamps(peer: Peer, camera: Node) -> None:
    monitor = watch(peer, qos_profile_sensor_data)
    publisher = camera.create_publisher(Image, "/image", 1)
    assert peer.spin_until(publisher.get_subscription_count)
    publisher.publish(Image())
    assert peer.spin_until(lambda: monitor.state(peer.node).received == 1)
    assert [symptom.summary for symptom in symptoms(monitor.state(peer.node))] == ["stamps are zero"]
    image = Image()
    image.header.stamp.sec = int(time.time()) - 60
    publisher.publish(image)
    assert peer.spin_until(lambda: monitor.state(peer.node).received == 2)
    assert [symptom.summary for symptom in symptoms(monitor.state(peer.node))] == ["clocks disagree"]


def test_an_unsupported_encoding_is_said_until_a_good_image_comes(peer: Peer) -> None:
    monitor = InputMonitor("/image")
    monitor.on_image(stamp=10**9, clock=10**9)
    monitor.on_bad("encoding yuv422", "yuv422")
    assert [s.summary for s in symptoms(monitor.state(peer.node))] == ["unsupported encoding yuv422"]
    monitor.on_good()
    assert symptoms(monitor.state(peer.node)) == []


def test_images_stamped_alike_are_noticed(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = InputMonitor("/image")
    start = time.monotonic()
    for second in range(4):
        monkeypatch.setattr(time, "monotonic", lambda second=second: start + second)
        monitor.on_image(stamp=10**9, clock=10**9)
    assert [s.summary for s in symptoms(monitor.state(peer.node))] == ["stamps stand still"]


def test_topics_with_images_of_others_are_offered_instead(peer: Peer, camera: Node) -> None:
    monitor = watch(peer, qos_profile_sensor_data)
    camera.create_publisher(Image, "/usb_cam/image_raw", 1)
    peer.publisher(Image, "/our/overlay")
    assert peer.spin_until(lambda: image_topics(peer.node))
    assert image_topics(peer.node) == ("/usb_cam/image_raw",)
    assert monitor.state(peer.node).other_image_topics == ("/usb_cam/image_raw",)
    assert monitor.state(peer.node).publishers == 0
