"""Our messages: they arrive unchanged in another process, over real DDS; and what the node puts into them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Box
from deephar_ros.infer.bag import make_messages, our_types
from deephar_ros.node.messages import messages
from deephar_ros.node.stamps import to_nanoseconds, to_stamp
from deephar_ros.people import Action, Person, State
from deephar_ros.skeleton import H36M17

if TYPE_CHECKING:
    from conftest import Peer, Process

ECHO = str(Path(__file__).with_name("echo_process.py"))
HEADER = Header(stamp=Time(sec=1_800_000_000, nanosec=123_456_789), frame_id="camera_optical_frame")


def person(depth: float = 0.25) -> Person:
    rng = np.random.default_rng(1)
    joints, position, confidence = rng.uniform(0, 600, (17, 2)), rng.normal(size=(17, 3)), rng.uniform(0, 1, 17)
    position[:, 2] = depth
    return Person("7", State.TRACKED, H36M17, joints, position, confidence, Box(-20, 30, 480, 530), DepthSource.PRIOR)


def action() -> Action:
    return Action("7", 1_799_999_998_600_000_001, 8, ("sit", "stand", "walk"), np.array([0.2, 0.05, 0.75]))


def examples() -> list[Any]:
    skeleton = messages.skeleton(person(), HEADER, 640, 480)
    return [
        skeleton,
        Skeleton3DArray(header=HEADER, skeletons=[skeleton, Skeleton3D(id="8", state=Skeleton3D.LOST)]),
        Skeleton3DArray(header=HEADER),
        messages.action_probs(action(), HEADER),
        ActionProbs(),
    ]


@pytest.fixture(scope="module")
def echo(start_for_module: Callable[..., Process]) -> None:
    start_for_module(ECHO).wait_for("ready")


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize("number", range(5))
def test_round_trip_between_processes(number: int, peer: Peer) -> None:
    message = examples()[number]
    kind = type(message)
    publisher = peer.publisher(kind, f"to_echo/{kind.__name__}")
    echoed = peer.listen(kind, f"echoed/{kind.__name__}")
    assert peer.spin_until(
        lambda: publisher.get_subscription_count() and peer.node.count_publishers(f"echoed/{kind.__name__}")
    )
    publisher.publish(message)
    assert peer.spin_until(lambda: echoed)
    assert echoed[0].header.stamp == message.header.stamp
    assert echoed[0].header.frame_id == message.header.frame_id
    assert echoed[0] == message


@pytest.mark.usefixtures("echo")
def test_unknown_depth_stays_unknown_on_the_wire(peer: Peer) -> None:
    publisher, echoed = peer.publisher(Skeleton3D, "to_echo/Skeleton3D"), peer.listen(Skeleton3D, "echoed/Skeleton3D")
    assert peer.spin_until(
        lambda: publisher.get_subscription_count() and peer.node.count_publishers("echoed/Skeleton3D")
    )
    publisher.publish(messages.skeleton(person(math.nan), HEADER, 640, 480))
    assert peer.spin_until(lambda: echoed)
    assert all(math.isnan(k.position.z) and math.isfinite(k.position.x) for k in echoed[0].keypoints)


def test_skeleton_carries_every_field_of_the_person() -> None:
    source = person()
    msg = messages.skeleton(source, HEADER, 640, 480)
    assert (msg.header, msg.id, msg.state, msg.layout) == (HEADER, "7", Skeleton3D.TRACKED, "h36m17")
    assert msg.depth_source == Skeleton3D.DEPTH_PRIOR
    assert (msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height) == (0, 30, 480, 450)
    assert tuple(k.name for k in msg.keypoints) == H36M17.joints
    np.testing.assert_allclose([(k.u, k.v) for k in msg.keypoints], source.joints, atol=1e-4)
    np.testing.assert_allclose(
        [(k.position.x, k.position.y, k.position.z) for k in msg.keypoints], source.position, atol=1e-4
    )
    np.testing.assert_allclose([k.confidence for k in msg.keypoints], source.confidence, atol=1e-4)
    assert len(repr(msg.keypoints[0].u)) <= 8  # readable in `ros2 topic echo`


def test_action_probs_are_sorted_for_people_and_whole_for_machines() -> None:
    msg = messages.action_probs(action(), HEADER)
    assert (msg.header, msg.id, msg.frames, msg.label, msg.probability) == (HEADER, "7", 8, "walk", 0.75)
    assert [(s.label, s.probability) for s in msg.top] == [("walk", 0.75), ("sit", 0.2), ("stand", 0.05)]
    assert list(msg.labels) == ["sit", "stand", "walk"]
    np.testing.assert_allclose(msg.probabilities, [0.2, 0.05, 0.75], rtol=1e-6)
    assert to_nanoseconds(msg.clip_start) == 1_799_999_998_600_000_001


def test_a_box_beside_the_image_is_an_empty_region() -> None:
    region = messages.region(Box(700, -600, 800, -500), 640, 480)
    assert (region.x_offset, region.y_offset, region.width, region.height) == (640, 0, 0, 0)


@pytest.mark.parametrize("nanoseconds", [0, 1, 999_999_999, 1_000_000_000, 1_800_000_000_123_456_789])
def test_stamps_survive_as_numbers(nanoseconds: int) -> None:
    assert to_nanoseconds(to_stamp(nanoseconds)) == nanoseconds


def test_without_ros_the_same_messages_are_made() -> None:
    """Those that `infer` writes into its bags, of rosbags' classes, and those of the node."""
    store = our_types()
    made = make_messages(store)
    stamp = made.time(to_nanoseconds(HEADER.stamp))
    header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id=HEADER.frame_id)
    skeleton, theirs = made.skeleton(person(), header, 640, 480), messages.skeleton(person(), HEADER, 640, 480)
    pairs = [
        (skeleton, theirs),
        (made.skeletons([skeleton], header), messages.skeletons([theirs], HEADER)),
        (made.skeletons([], header), messages.skeletons([], HEADER)),
        (made.action_probs(action(), header), messages.action_probs(action(), HEADER)),
    ]
    for without, with_ros in pairs:
        kind = without.__msgtype__
        raw = bytes(store.serialize_cdr(without, kind))
        assert deserialize_message(raw, type(with_ros)) == with_ros
        read = store.deserialize_cdr(serialize_message(with_ros), kind)
        assert bytes(store.serialize_cdr(read, kind)) == raw  # ROS leaves the bytes between fields as they were


def test_bags_name_our_types_as_ros_does() -> None:
    """The hash is that of all fields and their types."""
    store = our_types()
    for name in ("Skeleton3D", "Skeleton3DArray", "ActionProbs"):
        (described,) = [
            path
            for prefix in os.environ["AMENT_PREFIX_PATH"].split(os.pathsep)
            if (path := Path(prefix) / "share" / "deephar_ros" / "msg" / f"{name}.json").is_file()
        ]
        hashes = {h["type_name"]: h["hash_string"] for h in json.loads(described.read_text())["type_hashes"]}
        assert store.hash_rihs01(f"deephar_ros/msg/{name}") == hashes[f"deephar_ros/msg/{name}"]
