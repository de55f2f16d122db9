"""What the running node says about itself and about what is wrong with its inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builtin_interfaces.msg import Time
from conftest import wait
from deephar_ros.msg import Skeleton3DArray
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from node_testing import NODE, change, connect, info, picture, status, values
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from deephar_ros.node.stamps import to_stamp

if TYPE_CHECKING:
    from conftest import Peer, Process


@pytest.fixture
def node(start: Callable[..., Process], spread_checkpoint: Path) -> Callable[..., Process]:
    def start_one(*parameters: str, **options: Any) -> Process:
        common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "box_source:=full_image")
        return start(NODE, *common, *parameters, **options)

    return start_one


def says(peer: Peer, diagnostics: list[DiagnosticArray], part: str, summary: str) -> str:
    """Waits until one part of the node complains about that; what it says."""

    def entry() -> Any:
        found = status(diagnostics, part)
        return found if found and summary in found.message else None

    assert peer.spin_until(entry), status(diagnostics, part)
    assert entry().level != DiagnosticStatus.OK
    return next(value for key, value in values(entry()).items() if summary in key)


def test_a_healthy_node_tells_rates_ages_latencies_cut_and_memory(node: Callable[..., Process], peer: Peer) -> None:
    node("max_persons:=1").wait_for("waiting for images")
    diagnostics, arrays = peer.listen(DiagnosticArray, "/diagnostics"), peer.listen(Skeleton3DArray, "skeletons")
    infos, images = connect(peer, "camera_info", CameraInfo), connect(peer)

    def send() -> None:
        image = picture(peer.node.get_clock().now().to_msg())
        infos.publish(info(image))
        images.publish(image)
        peer.spin_until(lambda: arrays and arrays[-1].header == image.header, 1.0)
        peer.spin_until(lambda: False, 0.05)

    def healthy() -> bool:
        send()
        entry = status(diagnostics, "input")
        good = entry and entry.level == DiagnosticStatus.OK and "age p50, p99" in values(entry)
        return bool(good and float(values(entry)["images in"].split()[0]) > 1)

    assert peer.spin_until(healthy)
    camera, pipeline, memory = (values(status(diagnostics, part)) for part in ("input", "pipeline", "memory"))
    assert float(camera["images in"].split()[0]) < 30
    assert camera["image"] == "rgb8 160x120"
    assert float(camera["age p50, p99"].split(",")[0]) < 1000
    assert pipeline["life cycle"] == "active"
    assert (pipeline["persons"], pipeline["cut"], pipeline["device"]) == ("1", "2 of 2 pyramids", "cpu")
    for stage in ("wait", "decode", "crop", "network", "actions", "publish"):
        assert float(pipeline[f"{stage} p50, p99"].split(",")[0]) >= 0
    assert int(memory["resident"].split()[0]) > 50
    seconds = [array.header.stamp.sec + array.header.stamp.nanosec / 1e9 for array in diagnostics[-3:]]
    assert all(0.5 < after - before < 2.5 for before, after in pairwise(seconds))


def test_the_state_of_the_life_cycle_is_told_while_nothing_is_loaded(node: Callable[..., Process], peer: Peer) -> None:
    node("autostart:=false")
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    assert peer.spin_until(lambda: status(diagnostics, "pipeline"))
    assert values(status(diagnostics, "pipeline"))["life cycle"] == "unconfigured"
    assert values(status(diagnostics, "memory"))["model"] == "not loaded"
    assert change(peer, "configure")
    assert peer.spin_until(lambda: values(status(diagnostics, "memory"))["model"] == "loaded")


def test_nobody_publishes_and_then_nothing_comes_and_then_it_stops(node: Callable[..., Process], peer: Peer) -> None:
    process = node("status_period:=0.5")
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    elsewhere = peer.publisher(Image, "webcam/image_raw")
    text = says(peer, diagnostics, "input", "no publisher")
    assert "Nobody publishes /image." in text
    assert "/webcam/image_raw" in text  # where to look instead
    process.wait_for("Nobody publishes /image.")
    images = connect(peer)
    text = says(peer, diagnostics, "input", "publisher, but no images")
    assert "fastdds.xml" in text or "cyclonedds.xml" in text  # most likely lost on the way
    images.publish(picture(Time(sec=1)))
    assert "stopped" in says(peer, diagnostics, "input", "images stopped")
    peer.node.destroy_publisher(elsewhere)


def test_a_publisher_that_cannot_be_received_is_named_with_the_policy(node: Callable[..., Process], peer: Peer) -> None:
    node("image_qos:=reliable").wait_for("waiting for images")
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    peer.publisher(Image, "image", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    assert "image_qos to match" in says(peer, diagnostics, "input", "incompatible QoS: RELIABILITY")


def test_images_that_cannot_be_read_and_calibration_that_is_missing(node: Callable[..., Process], peer: Peer) -> None:
    node().wait_for("waiting for images")
    diagnostics, images = peer.listen(DiagnosticArray, "/diagnostics"), connect(peer)
    odd = picture(Time(sec=1))
    odd.encoding = "yuv_of_mars"

    def keep_sending(message: Image, summary: str) -> bool:
        message.header.stamp = peer.node.get_clock().now().to_msg()
        images.publish(message)
        peer.spin_until(lambda: False, 0.1)
        entry = status(diagnostics, "input")
        return bool(entry and summary in entry.message)

    assert peer.spin_until(lambda: keep_sending(odd, "unsupported encoding yuv_of_mars"))
    assert values(status(diagnostics, "input"))["dropped: bad image"] != "0"
    assert peer.spin_until(lambda: keep_sending(picture(Time(sec=2)), "camera_info"))
    assert "unsupported" not in status(diagnostics, "input").message


def test_a_clock_that_does_not_run_is_named_and_one_that_runs_is_used(node: Callable[..., Process], peer: Peer) -> None:
    node("use_sim_time:=true").wait_for("waiting for images")
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    assert "ros2 bag play --clock" in says(peer, diagnostics, "pipeline", "no /clock")
    clock = peer.publisher(Clock, "/clock")

    def tick() -> bool:
        tick.time += 50_000_000  # type: ignore[attr-defined]
        clock.publish(Clock(clock=to_stamp(tick.time)))  # type: ignore[attr-defined]
        peer.spin_until(lambda: False, 0.05)
        entry = status(diagnostics, "pipeline")
        return bool(entry.level == DiagnosticStatus.OK and diagnostics[-1].header.stamp.sec < 10**6)

    tick.time = 10**12  # type: ignore[attr-defined]
    assert peer.spin_until(tick)


def test_a_detector_that_does_not_speak_is_named(
    node: Callable[..., Process], peer: Peer, interfaces: dict[str, str]
) -> None:
    node("box_source:=detections", environment=interfaces).wait_for("waiting for images")
    diagnostics, images = peer.listen(DiagnosticArray, "/diagnostics"), connect(peer)

    def send() -> bool:
        images.publish(picture(peer.node.get_clock().now().to_msg()))
        peer.spin_until(lambda: False, 0.1)
        return "detections" in getattr(status(diagnostics, "input"), "message", "")

    assert peer.spin_until(send)


def test_a_symptom_is_logged_once_and_not_every_time(node: Callable[..., Process], peer: Peer) -> None:
    process = node("status_period:=0.5")
    process.wait_for("waiting for images")
    infos, images = connect(peer, "camera_info", CameraInfo), connect(peer)
    for _ in range(40):
        image = picture(peer.node.get_clock().now().to_msg())
        infos.publish(info(image, f=0.0))
        images.publish(image)
        peer.spin_until(lambda: False, 0.1)
    assert wait(lambda: process.output.count("images/s in") >= 6)
    assert process.output.count("uncalibrated camera") == 1
