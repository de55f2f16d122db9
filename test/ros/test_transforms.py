"""Positions in another frame: the mathematics everywhere, and tf2 itself where it is installed."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped

from deephar_ros.node.stamps import to_stamp
from deephar_ros.node.transforms import LATEST_SECONDS, Transform, Transforms, rotation_matrix, unavailable

if TYPE_CHECKING:
    from conftest import Peer

OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # REP-103: from optical axes (z forward, x right) to body axes (x forward, y left)
SECOND = 1_000_000_000
STAMP = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("quaternion", "point", "turned"),
    [
        ((0, 0, 0, 1), (1, 2, 3), (1, 2, 3)),
        ((0, 0, math.sqrt(0.5), math.sqrt(0.5)), (1, 0, 5), (0, 1, 5)),
        (OPTICAL, (0, 0, 4), (4, 0, 0)),
        (OPTICAL, (1, 2, 3), (3, -1, -2)),
        ((0, 0, 20, 20), (1, 0, 5), (0, 1, 5)),
    ],
)
def test_a_quaternion_turns_a_point(
    quaternion: tuple[float, ...], point: tuple[float, ...], turned: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(rotation_matrix(*quaternion) @ point, turned, atol=1e-12)


def test_points_are_turned_and_moved_and_differences_only_turned() -> None:
    transform = Transform(rotation_matrix(*OPTICAL), np.array([10.0, 20.0, 30.0]))
    position = np.array([[0.0, 0.0, 4.0], [1.0, 2.0, 3.0]])
    np.testing.assert_allclose(transform.apply(position), [[14, 20, 30], [13, 19, 28]], atol=1e-12)
    np.testing.assert_allclose(transform.apply(position, relative=True), [[4, 0, 0], [3, -1, -2]], atol=1e-12)


def test_what_is_unknown_stays_unknown_and_spoils_no_other_joint() -> None:
    transform = Transform(rotation_matrix(*OPTICAL), np.ones(3))
    moved = transform.apply(np.array([[0.1, 0.2, math.nan], [0.0, 0.0, 4.0]]))
    assert np.isnan(moved[0]).all()
    np.testing.assert_allclose(moved[1], [5, 1, 1], atol=1e-12)


def test_a_machine_without_tf2_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)  # as if it were not installed
    assert "tf2_ros" in unavailable()


@pytest.fixture
def transforms(peer: Peer) -> Transforms:
    pytest.importorskip("tf2_ros", reason="the ROS wheels have no tf2")
    assert unavailable() == ""
    return Transforms(peer.node)


def moved(seconds: float, x: float, child: str = "camera") -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = "map", to_stamp(STAMP + round(seconds * SECOND))
    message.transform.translation.x = x
    message.transform.rotation.x, message.transform.rotation.y = OPTICAL[:2]
    message.transform.rotation.z, message.transform.rotation.w = OPTICAL[2:]
    return message


def send(peer: Peer, transforms: Transforms, *messages: Any) -> None:
    """Publishes on /tf until the last one is known to `transforms`."""
    from tf2_msgs.msg import TFMessage

    publisher = peer.publisher(TFMessage, "/tf", 100)
    assert peer.spin_until(publisher.get_subscription_count)
    publisher.publish(TFMessage(transforms=[*messages, moved(0, 0, "last")]))
    assert peer.spin_until(lambda: transforms.lookup("map", "last", STAMP)[0])


def test_positions_follow_a_moving_camera(peer: Peer, transforms: Transforms) -> None:
    send(peer, transforms, moved(0.0, 1.0), moved(0.2, 2.0))
    transform, reason = transforms.lookup("map", "camera", STAMP + SECOND // 10)
    assert transform is not None, reason
    np.testing.assert_allclose(transform.apply(np.array([[0.0, 0.0, 4.0]])), [[5.5, 0, 0]], atol=1e-6)


def test_a_fixed_camera_has_one_transform_for_all_times(peer: Peer, transforms: Transforms) -> None:
    from tf2_ros import StaticTransformBroadcaster

    StaticTransformBroadcaster(peer.node).sendTransform(moved(0.0, 3.0))
    assert peer.spin_until(lambda: transforms.lookup("map", "camera", STAMP + 3600 * SECOND)[0])
    transforms.clear()
    transform, reason = transforms.lookup("map", "camera", STAMP - 3600 * SECOND)
    assert transform is not None, reason
    assert transform.translation[0] == 3.0


def test_an_image_ahead_of_its_transform_takes_the_newest_one_if_that_is_recent(
    peer: Peer, transforms: Transforms
) -> None:
    send(peer, transforms, moved(0.0, 1.0), moved(0.2, 2.0))
    transform, _ = transforms.lookup("map", "camera", STAMP + round((0.2 + 0.9 * LATEST_SECONDS) * SECOND))
    assert transform is not None
    assert transform.translation[0] == 2.0
    assert transforms.lookup("map", "camera", STAMP + 3 * SECOND) == (
        None,
        "the newest transform from camera to map is 2.8 s older than the image",
    )


def test_what_tf2_does_not_know_is_refused_at_once_with_the_reason(peer: Peer, transforms: Transforms) -> None:
    send(peer, transforms, moved(0.0, 1.0), moved(0.2, 2.0))
    started = time.monotonic()
    unknown, why_unknown = transforms.lookup("map", "nowhere", STAMP)
    past, why_past = transforms.lookup("map", "camera", STAMP - SECOND)
    assert time.monotonic() - started < 0.1
    assert (unknown, past) == (None, None)
    assert "nowhere" in why_unknown
    assert "past" in why_past


def test_after_clearing_transforms_of_an_earlier_time_count_again(peer: Peer, transforms: Transforms) -> None:
    send(peer, transforms, moved(60.0, 1.0), moved(61.0, 1.0))
    transforms.clear()
    assert transforms.lookup("map", "camera", STAMP + 60 * SECOND)[0] is None
    send(peer, transforms, moved(0.0, 7.0), moved(0.2, 7.0))
    transform, reason = transforms.lookup("map", "camera", STAMP)
    assert transform is not None, reason
    assert transform.translation[0] == 7.0


def test_closed_transforms_do_not_listen(peer: Peer, transforms: Transforms) -> None:
    assert peer.node.count_subscribers("/tf") == 1
    transforms.close()
    assert peer.spin_until(lambda: peer.node.count_subscribers("/tf") == 0)
