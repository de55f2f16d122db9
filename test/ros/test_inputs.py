"""What the node takes in: every encoding and transport, QoS, calibration, depth, detections, several cameras."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from node_testing import NODE, connect, deliver, info, picture, set_parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2, PointField

from deephar_ros.node.images import to_image
from deephar_ros.node.stamps import to_stamp
from deephar_ros.share import demo_clip
from deephar_ros.sources import open_source

if TYPE_CHECKING:
    from conftest import Peer, Process

Starter = Callable[..., "Process"]


@pytest.fixture
def node(start: Starter, spread_checkpoint: Path) -> Starter:
    """Starts a node that takes everything for a person, and waits until it listens."""

    def start_one(*parameters: str, **options: Any) -> Process:
        common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "status_period:=0.5", "max_persons:=1")
        process = start(NODE, *common, *parameters, **options)
        process.wait_for("waiting for images")
        return process

    return start_one


class Sender:
    """Publishes an image and waits for what the node finds in it."""

    def __init__(self, peer: Peer, publisher: Any, topic: str = "skeletons") -> None:
        self.peer, self.publisher = peer, publisher
        self.arrays = peer.listen(Skeleton3DArray, topic)
        assert peer.spin_until(lambda: peer.node.count_publishers(topic))
        self.seconds = 0

    def send(self, image: Image | CompressedImage) -> Skeleton3D | None:
        """The last person in `image`, which gets the next stamp."""
        self.seconds += 1
        image.header.stamp, image.header.frame_id = Time(sec=self.seconds), "camera_optical_frame"
        header = image.header
        deliver(self.peer, self.publisher, image, lambda: self.arrays and self.arrays[-1].header == header)
        return next(reversed(self.arrays[-1].skeletons), None)


def joints(skeleton: Skeleton3D) -> np.ndarray:
    return np.array([(k.u, k.v) for k in skeleton.keypoints])


def encoded(pixels: np.ndarray, encoding: str, padding: int = 0, big_endian: bool = False) -> Image:
    """The RGB picture in another encoding, every row followed by `padding` bytes."""
    gray = pixels[..., 0]
    values = {
        "rgb8": pixels,
        "bgr8": pixels[..., ::-1],
        "rgba8": np.dstack([pixels, gray]),
        "bgra8": np.dstack([pixels[..., ::-1], gray]),
        "mono8": gray,
        "mono16": (gray.astype(np.uint16) * 256 + 7).astype(">u2" if big_endian else "<u2"),
    }[encoding]
    height, width = gray.shape
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    msg = Image(height=height, width=width, encoding=encoding, step=rows.shape[1], is_bigendian=big_endian)
    msg.data.frombytes(rows.tobytes())
    return msg


def test_every_encoding_row_padding_and_byte_order_shows_the_same_person(node: Starter, peer: Peer) -> None:
    node("box_source:=full_image", "side_patience:=0.0")  # these pictures follow one another like no video
    sender = Sender(peer, connect(peer))
    grey = np.repeat(np.random.default_rng(3).integers(0, 255, (120, 160, 1), np.uint8), 3, -1)
    expected = joints(sender.send(to_image(grey)))
    for encoding in ("bgr8", "rgba8", "bgra8", "mono8", "mono16"):
        for padding, big_endian in ((0, False), (6, True)):
            got = joints(sender.send(encoded(grey, encoding, padding, big_endian)))
            # OpenCV interpolates 16 bits more exactly than 8, by less than a grey level.
            atol = 0.5 if encoding == "mono16" else 1e-3
            np.testing.assert_allclose(got, expected, atol=atol, err_msg=f"{encoding} {padding} {big_endian}")
    colour = np.random.default_rng(4).integers(0, 255, (120, 160, 3), np.uint8)
    rgb, bgr = (joints(sender.send(encoded(colour, encoding, 3))) for encoding in ("rgb8", "bgr8"))
    np.testing.assert_allclose(rgb, bgr, atol=1e-3)
    assert np.abs(rgb - expected).max() > 1  # the picture does make a difference


def test_compressed_images_come_from_beside_the_image_topic(node: Starter, peer: Peer) -> None:
    process = node("image_transport:=compressed")
    sender = Sender(peer, connect(peer, "image/compressed", CompressedImage))
    pixels = np.random.default_rng(3).integers(0, 255, (120, 160, 3), np.uint8)
    for ending in (".png", ".jpg"):
        data = cv2.imencode(ending, pixels)[1].tobytes()
        assert len(sender.send(CompressedImage(format=ending[1:], data=data)).keypoints) == 17
    sender.publisher.publish(CompressedImage(format="jpeg", data=data[: len(data) // 3]))
    sender.publisher.publish(CompressedImage(format="h264", data=b"no picture"))
    process.wait_for("compressed data of 10 bytes is neither JPEG nor PNG")
    assert sender.send(CompressedImage(format="jpeg", data=data)).header.stamp.sec == 3


def reliability(peer: Peer, topic: str) -> list[ReliabilityPolicy]:
    return [s.qos_profile.reliability for s in peer.node.get_subscriptions_info_by_topic(topic)]


def test_qos_is_sensor_data_unless_overridden_or_matched(node: Starter, peer: Peer) -> None:
    best_effort, reliable = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
    first = node()
    assert peer.spin_until(lambda: reliability(peer, "/image") == [best_effort])
    assert first.stop() == 0
    second = node("qos_overrides./image.subscription.reliability:=reliable")
    assert peer.spin_until(lambda: reliability(peer, "/image") == [reliable])
    assert second.stop() == 0
    node("image_qos:=match")
    assert peer.spin_until(lambda: reliability(peer, "/image") == [best_effort])
    publisher = peer.publisher(Image, "image", QoSProfile(depth=1, reliability=reliable))
    assert peer.spin_until(lambda: reliability(peer, "/image") == [reliable])
    Sender(peer, publisher).send(picture(Time()))
    peer.node.destroy_publisher(publisher)
    peer.publisher(Image, "image", qos_profile_sensor_data)
    assert peer.spin_until(lambda: reliability(peer, "/image") == [best_effort])


def test_calibration_gives_metres_from_the_camera(node: Starter, peer: Peer) -> None:
    process = node("box_source:=full_image")
    infos = connect(peer, "camera_info", CameraInfo)
    sender = Sender(peer, connect(peer))
    assert sender.send(picture(Time())).depth_source == Skeleton3D.DEPTH_RELATIVE

    def send(calibration: CameraInfo) -> Skeleton3D:
        for _ in range(50):  # camera_info has a topic of its own, so it may come a little later
            infos.publish(calibration)
            skeleton = sender.send(picture(Time()))
            if skeleton.depth_source == Skeleton3D.DEPTH_PRIOR:
                break
        return skeleton

    skeleton = send(info(picture(Time())))
    assert skeleton.depth_source == Skeleton3D.DEPTH_PRIOR
    for keypoint in skeleton.keypoints:
        x, y, z = keypoint.position.x, keypoint.position.y, keypoint.position.z
        if z > 0:
            # the calibration counts from the centre of the first pixel, u and v from its corner
            assert 150 * x / z + 80 == pytest.approx(keypoint.u, abs=0.1)
            assert 150 * y / z + 60 == pytest.approx(keypoint.v, abs=0.1)
    pelvis = next(k for k in skeleton.keypoints if k.name == "pelvis")
    assert pelvis.position.z > 0
    infos.publish(info(picture(Time()), f=0.0))
    assert peer.spin_until(lambda: sender.send(picture(Time())).depth_source == Skeleton3D.DEPTH_RELATIVE)
    process.wait_for("uncalibrated camera")
    broken = info(picture(Time()))
    broken.distortion_model, broken.d = "made_of_jelly", [1.0]
    infos.publish(broken)
    assert peer.spin_until(lambda: sender.send(picture(Time())) and "made_of_jelly" in process.output)


def depth_image(height: int, width: int) -> Image:
    values = np.full((height, width), 2500, np.uint16)  # mm
    msg = Image(height=height, width=width, encoding="16UC1", step=2 * width)
    msg.data.frombytes(values.tobytes())
    return msg


def cloud(height: int, width: int) -> PointCloud2:
    points = np.zeros((height, width, 4), np.float32)
    points[..., 2] = 2.5
    fields = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]
    msg = PointCloud2(height=height, width=width, fields=fields, point_step=16, row_step=16 * width, is_dense=True)
    msg.data.frombytes(points.tobytes())
    return msg


@pytest.mark.parametrize(("kind", "topic", "make"), [("image", "image", depth_image), ("cloud", "points", cloud)])
def test_a_depth_sensor_says_how_far_people_are(
    kind: str, topic: str, make: Callable[[int, int], Any], start: Starter, peer: Peer
) -> None:
    """The shipped model on a frame of the demo clip; the depth has half the size of the picture."""
    start(NODE, f"depth:={kind}", "max_persons:=1").wait_for("waiting for images")
    frames = [frame.pixels for frame in open_source(str(demo_clip())).frames]
    image = to_image(frames[len(frames) // 2])
    depth = make(image.height // 2, image.width // 2)
    infos, images = connect(peer, "camera_info", CameraInfo), connect(peer)
    depths = connect(peer, f"depth/{topic}", type(depth))
    arrays = peer.listen(Skeleton3DArray, "skeletons")

    def send(second: int, offset: int) -> Skeleton3D:
        image.header.stamp, depth.header.stamp = Time(sec=second), to_stamp(second * 10**9 + offset)
        infos.publish(info(image, f=500.0))
        depths.publish(depth)
        peer.spin_until(lambda: False, 0.2)
        deliver(peer, images, image, lambda: arrays and arrays[-1].header.stamp == image.header.stamp)
        return arrays[-1].skeletons[-1]

    skeleton = send(1, offset=20_000_000)  # 20 ms late: within depth_tolerance
    assert skeleton.depth_source == Skeleton3D.DEPTH_SENSOR
    pelvis = next(k for k in skeleton.keypoints if k.name == "pelvis")
    assert 2.5 < pelvis.position.z < 2.7  # the sensor sees the skin, the joint lies behind it
    assert send(2, offset=300_000_000).depth_source == Skeleton3D.DEPTH_PRIOR


def test_several_cameras_share_one_network_and_keep_their_topics_and_frames(node: Starter, peer: Peer) -> None:
    process = node("cameras:=[front, left]", "box_source:=full_image")
    assert process.output.count("loaded in") == 1
    senders = {name: Sender(peer, connect(peer, f"{name}/image"), f"{name}/skeletons") for name in ("front", "left")}
    actions = {name: peer.listen(ActionProbs, f"{name}/action_probs") for name in senders}
    for number in range(6):
        for name, sender in senders.items():
            image = picture(to_stamp((number + 1) * 100_000_000), f"{name}_optical_frame")
            deliver(peer, sender.publisher, image, lambda: sender.arrays and sender.arrays[-1].header == image.header)  # noqa: B023
    for name, sender in senders.items():
        assert {s.id for array in sender.arrays for s in array.skeletons} == {f"{name}_1"}
        assert peer.spin_until(lambda: actions[name])  # noqa: B023
        assert actions[name][0].id == f"{name}_1"


def test_no_camera_starves_under_load(node: Starter, peer: Peer) -> None:
    names = ["a", "b", "c", "d"]
    node(f"cameras:=[{', '.join(names)}]", "box_source:=full_image")
    publishers = {name: connect(peer, f"{name}/image") for name in names}
    arrays = {name: peer.listen(Skeleton3DArray, f"{name}/skeletons") for name in names}
    assert peer.spin_until(lambda: all(peer.node.count_publishers(f"{name}/skeletons") for name in names))
    for number in range(100):
        for name in names:
            for _ in range(5 if name == "a" else 1):  # one of them sends five times as much
                publishers[name].publish(picture(to_stamp((number + 1) * 20_000_000)))
        peer.spin_until(lambda: False, 0.02)
    peer.spin_until(lambda: False, 0.5)
    counts = {name: len(found) for name, found in arrays.items()}
    assert min(counts.values()) >= 10
    assert max(counts.values()) <= 2.5 * min(counts.values()), counts


def test_detections_are_matched_by_stamp(node: Starter, peer: Peer, interfaces: dict[str, str]) -> None:
    node("box_source:=detections", "max_persons:=4", environment=interfaces)
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose

    def detection(x: float, what: str = "person", width: float = 40.0) -> Detection2D:
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = what, 0.9
        found = Detection2D(results=[result])
        found.bbox.center.position.x, found.bbox.center.position.y = float(x), 60.0
        found.bbox.size_x, found.bbox.size_y = width, 80.0
        return found

    images, detections = connect(peer), connect(peer, "detections", Detection2DArray)
    arrays = peer.listen(Skeleton3DArray, "skeletons")
    assert peer.spin_until(lambda: peer.node.count_publishers("skeletons"))

    def send(second: int, *found: Detection2D, boxes_first: bool = False) -> list[Skeleton3D]:
        image = picture(Time(sec=second))
        parts = [(images, image), (detections, Detection2DArray(header=image.header, detections=list(found)))]
        for publisher, message in parts[::-1] if boxes_first else parts:
            publisher.publish(message)
            peer.spin_until(lambda: False, 0.1)
        assert peer.spin_until(lambda: arrays and arrays[-1].header == image.header)
        return list(arrays[-1].skeletons)

    assert len(send(1, detection(40), detection(120), detection(80, "dog"))) == 2
    assert len(send(2, detection(40), boxes_first=True)) >= 1
    images.publish(picture(Time(sec=3)))  # its detections never come
    send(4)
    assert Time(sec=3) not in [array.header.stamp for array in arrays]
    detections.publish(Detection2DArray(header=picture(Time(sec=5)).header, detections=[detection(40, width=-1.0)]))
    assert send(6, detection(40)) != []


@pytest.mark.parametrize("source", ["localizer", "auto"])
def test_several_people_are_found_with_nothing_else_installed(source: str, start: Starter, peer: Peer) -> None:
    """The shipped models on a frame of the demo clip, put twice beside itself."""
    start(NODE, f"box_source:={source}", "search_period:=0.0").wait_for("waiting for images")
    frames = [frame.pixels for frame in open_source(str(demo_clip())).frames]
    picture_of_two = to_image(np.hstack([frames[len(frames) // 2]] * 2))
    sender = Sender(peer, connect(peer))
    for _ in range(10):
        sender.send(picture_of_two)
    people = [s for s in sender.arrays[-1].skeletons if s.state == Skeleton3D.TRACKED]
    middles = sorted(s.roi.x_offset + s.roi.width / 2 for s in people if s.confidence > 0.8)
    assert len(middles) == 2
    assert middles[1] - middles[0] == pytest.approx(picture_of_two.width / 2, abs=40)


def test_without_vision_msgs_detections_are_refused_with_the_remedy(start: Starter) -> None:
    lacks_it = subprocess.run([sys.executable, "-c", "import vision_msgs"], capture_output=True, check=False).returncode
    if not lacks_it:
        pytest.skip("vision_msgs is installed here")
    process = start(NODE, "box_source:=detections")
    assert process.popen.wait(60) == 1
    assert "box_source 'detections' needs the package vision_msgs" in process.output


def test_parameters_change_while_images_come(node: Starter, peer: Peer) -> None:
    process = node("box_source:=full_image")
    sender = Sender(peer, connect(peer))
    first = sender.send(picture(Time()))
    assert set_parameter(peer, "cut", 1) == ""
    second = sender.send(picture(Time()))
    process.wait_for("the network runs 1 of 2 pyramids, as the parameter cut says")
    assert second.id == first.id  # nobody is lost
    assert set_parameter(peer, "cut", 0) == ""
    sender.send(picture(Time()))
    process.wait_for("the network runs 2 of 2 pyramids")
    assert "parameter cut is 3, but the model tiny has 2 pyramids" in set_parameter(peer, "cut", 3)
    assert set_parameter(peer, "min_confidence", 1.5) != ""
    assert "undeclared" in set_parameter(peer, "no_such_parameter", 1)
    assert set_parameter(peer, "min_confidence", 1.0) == ""
    image = picture(Time(sec=50))
    sender.publisher.publish(image)
    assert peer.spin_until(lambda: sender.arrays[-1].header == image.header)
    assert [s for s in sender.arrays[-1].skeletons if s.state != Skeleton3D.LOST] == []  # nobody is that sure


def test_the_dial_lowers_the_cut_until_the_rate_is_kept(node: Starter, peer: Peer) -> None:
    process = node("box_source:=full_image", "target_rate:=1000.0")
    publisher = connect(peer)
    end = "the network runs 1 of 2 pyramids, to keep 1000 frames/s"
    for number in range(200):
        publisher.publish(picture(to_stamp((number + 1) * 30_000_000)))
        if peer.spin_until(lambda: end in process.output, 0.05):
            return
    pytest.fail(process.output)


def test_time_that_goes_backwards_is_said_and_starts_afresh(node: Starter, peer: Peer) -> None:
    process = node("box_source:=full_image")
    sender = Sender(peer, connect(peer))
    sender.seconds = 100
    assert sender.send(picture(Time())).id == "1"
    sender.seconds = 0
    assert sender.send(picture(Time())).id == "2"
    process.wait_for("time went backwards on /image: people and clips start afresh")
    assert [(s.id, s.state) for s in sender.arrays[-1].skeletons] == [("1", Skeleton3D.LOST), ("2", Skeleton3D.NEW)]


def test_frames_above_the_highest_rate_are_left_out(node: Starter, peer: Peer) -> None:
    process = node("box_source:=full_image", "max_rate:=2.0")
    arrays, publisher = peer.listen(Skeleton3DArray, "skeletons"), connect(peer)
    for number in range(60):
        publisher.publish(picture(to_stamp((number + 1) * 50_000_000)))
        peer.spin_until(lambda: False, 0.05)
    assert 3 <= len(arrays) <= 12  # in three seconds or more, on a busy machine
    process.wait_for("above max_rate")
