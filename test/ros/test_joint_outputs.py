"""Joints as points, as coordinate frames and as topics of REP-155; two of these need packages that may be missing."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sample_people import HEIGHT, WIDTH, absolute, body, relative
from std_msgs.msg import Header

from deephar_ros.geometry import Box
from deephar_ros.node import humans, joint_cloud
from deephar_ros.node.joint_frames import body_id, to_transforms
from deephar_ros.people import Person, State
from deephar_ros.skeleton import H36M17, MESSAGE_LAYOUTS

if TYPE_CHECKING:
    from conftest import Peer
    from geometry_msgs.msg import TransformStamped

HEADER = Header(stamp=Time(sec=1_800_000_000, nanosec=5), frame_id="camera_optical_frame")
WRIST = H36M17.index("left_wrist")


def without_wrist(person: Person) -> Person:
    person.position[WRIST] = np.nan
    return person


@pytest.fixture
def point_cloud2() -> Any:
    return pytest.importorskip("sensor_msgs_py.point_cloud2", reason="sensor_msgs_py is not installed")


@pytest.fixture
def hri_msgs(interfaces: dict[str, str]) -> Any:
    return importlib.import_module("hri_msgs.msg")


def test_a_cloud_has_every_known_joint_with_its_person(point_cloud2: Any) -> None:
    people = (absolute("7", (-1.0, 0.0, 3.0)), without_wrist(absolute("8")))
    cloud = joint_cloud.to_cloud(people, HEADER)
    assert joint_cloud.available() == ""
    assert (cloud.header, cloud.height, cloud.width, cloud.point_step) == (HEADER, 1, 33, 24)
    points = point_cloud2.read_points(cloud)
    assert points.dtype.names == ("x", "y", "z", "confidence", "person", "joint")
    first = points[:17]
    np.testing.assert_allclose(np.column_stack([first["x"], first["y"], first["z"]]), people[0].position, atol=1e-6)
    np.testing.assert_allclose(first["confidence"], 0.9)
    assert points["person"].tolist() == [7] * 17 + [8] * 16
    assert points["joint"][17:].tolist() == [joint for joint in range(17) if joint != WRIST]


def test_a_cloud_has_nobody_whose_place_is_unknown(point_cloud2: Any) -> None:
    cloud = joint_cloud.to_cloud((relative("7"), absolute("8", state=State.LOST)), HEADER)
    assert (cloud.width, len(cloud.data), len(cloud.fields)) == (0, 0, 6)
    assert len(point_cloud2.read_points(cloud)) == 0


def rotation(transform: TransformStamped) -> np.ndarray:
    q = transform.transform.rotation
    assert q.x**2 + q.y**2 + q.z**2 + q.w**2 == pytest.approx(1)
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def translation(transform: TransformStamped) -> np.ndarray:
    at = transform.transform.translation
    return np.array([at.x, at.y, at.z])


def test_the_body_frame_looks_out_of_the_chest() -> None:
    frame = to_transforms((absolute(at=(-1.0, 0.2, 3.5)),), HEADER)[0]
    assert (frame.header, frame.child_frame_id) == (HEADER, "body_b12")
    np.testing.assert_allclose(translation(frame), [-1.0, 0.2, 3.5])
    # Facing the camera, upright: x towards it, y to the image's right, z up; columns in optical axes.
    np.testing.assert_allclose(rotation(frame), [[0, 1, 0], [0, 0, -1], [-1, 0, 0]], atol=1e-9)


@pytest.mark.parametrize("degrees", [0, 1e-7, 30, 90, 179.999, 180, 270])
def test_the_body_frame_turns_with_the_person(degrees: float) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    person = absolute()
    frame = to_transforms((replace(person, position=body() @ turn.T + [0, 0, 3]),), HEADER)[0]
    np.testing.assert_allclose(rotation(frame), turn @ [[0, 1, 0], [0, 0, -1], [-1, 0, 0]], atol=1e-6)


def test_joint_frames_lead_from_the_camera_to_every_known_joint() -> None:
    person = without_wrist(absolute("a7", (0.5, 0.1, 4.0)))
    root, *joints = to_transforms((person,), HEADER)
    names = [joint for joint in H36M17.joints if joint != "left_wrist"]
    assert [frame.child_frame_id for frame in joints] == [f"{name}_a7" for name in names]
    for frame in joints:
        assert (frame.header.frame_id, frame.header.stamp) == ("body_a7", HEADER.stamp)
        at = rotation(root) @ translation(frame) + translation(root)
        joint = person.layout.index(frame.child_frame_id.removesuffix("_a7"))
        np.testing.assert_allclose(at, person.position[joint], atol=1e-9)


def test_there_are_no_frames_where_place_or_trunk_are_unknown() -> None:
    headless = absolute()
    headless.position[H36M17.index("thorax")] = np.nan
    narrow = absolute()
    narrow.position[:, [0, 2]] = 1.0
    assert to_transforms((relative(), absolute(state=State.LOST), headless, narrow), HEADER) == []


def test_body_ids_are_names_that_topics_may_have() -> None:
    assert [body_id(id) for id in ("12", "p12", "_1")] == ["b12", "p12", "b_1"]


def test_every_layout_has_the_joints_of_rep_155() -> None:
    for layout in MESSAGE_LAYOUTS.values():
        assert set(humans.LIMBS) < set(layout.joints)


def test_a_body_in_the_image_is_described_in_parts_of_it(hri_msgs: Any) -> None:
    person = absolute()
    roi = humans.to_roi(replace(person, box=Box(-50, 48, 320, 600)), HEADER, WIDTH, HEIGHT)
    np.testing.assert_allclose([roi.xmin, roi.ymin, roi.xmax, roi.ymax, roi.c], [0, 0.1, 0.5, 1, 0.9], rtol=1e-6)
    assert roi.header == HEADER
    message = humans.to_skeleton2d(person, HEADER, WIDTH, HEIGHT)
    kind = hri_msgs.Skeleton2D
    for joint in ("right_shoulder", "left_wrist", "right_ankle"):
        point = message.skeleton[getattr(kind, joint.upper())]
        expected = person.joints[H36M17.index(joint)] / [WIDTH, HEIGHT]
        np.testing.assert_allclose([point.x, point.y, point.c], [*expected, 0.9], rtol=1e-6)
    assert message.skeleton[kind.NECK].x == pytest.approx(0.5)
    unknown = {i for i, point in enumerate(message.skeleton) if point.c == 0}
    assert unknown == {kind.NOSE, kind.LEFT_EYE, kind.RIGHT_EYE, kind.LEFT_EAR, kind.RIGHT_EAR}
    assert message.header == HEADER


def test_joints_outside_of_the_image_have_no_confidence(hri_msgs: Any) -> None:
    person = absolute()
    person.joints[H36M17.index("left_wrist")] = [WIDTH + 1, 5]
    person.joints[H36M17.index("right_wrist")] = np.nan
    points = humans.to_skeleton2d(person, HEADER, WIDTH, HEIGHT).skeleton
    kind = hri_msgs.Skeleton2D
    assert [points[i].c > 0 for i in (kind.LEFT_WRIST, kind.RIGHT_WRIST, kind.LEFT_ELBOW)] == [False, False, True]


def test_topics_of_bodies_come_and_go_with_the_people_of_each_camera(hri_msgs: Any, peer: Peer) -> None:
    topics = humans.Humans(peer.node)
    tracked = peer.listen(hri_msgs.IdsList, "/humans/bodies/tracked")
    skeletons = peer.listen(hri_msgs.Skeleton2D, "/humans/bodies/b12/skeleton2d")
    regions = peer.listen(hri_msgs.NormalizedRegionOfInterest2D, "/humans/bodies/left_1/roi")

    def ids_after(**people: tuple[Person, ...]) -> list[str]:
        for camera, seen in people.items():
            topics.publish(camera, seen, HEADER, WIDTH, HEIGHT)
        return list(tracked[-1].ids) if tracked else []

    both = {"front": (absolute("12"), absolute("13")), "left": (absolute("left_1"),)}
    assert peer.spin_until(lambda: ids_after(**both) == ["b12", "b13", "left_1"] and skeletons and regions)
    assert peer.node.count_publishers("/humans/bodies/b13/roi") == 1
    lost = {"front": (absolute("12"), absolute("13", state=State.LOST))}
    assert peer.spin_until(lambda: ids_after(**lost) == ["b12", "left_1"])
    assert peer.spin_until(lambda: peer.node.count_publishers("/humans/bodies/b13/roi") == 0)
    assert tracked[-1].header == HEADER
    topics.close()
    assert peer.spin_until(lambda: tracked[-1].ids == [])
    assert peer.spin_until(lambda: peer.node.count_publishers("/humans/bodies/left_1/roi") == 0)
    assert peer.node.count_publishers("/humans/bodies/tracked") == 0
