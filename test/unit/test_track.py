"""Following one person by the pose."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.geometry import Window
from deephar_ros.track import PoseFollower, State, TrackSettings

JOINTS = np.array([[300.0, 100.0], [340.0, 300.0], [320.0, 200.0]])
SURE, UNSURE = np.full(3, 0.9), np.full(3, 0.1)
SECOND = 1_000_000_000


@pytest.fixture
def follower() -> PoseFollower:
    return PoseFollower(TrackSettings(min_confidence=0.5, margin=1.5, patience=0.5))


def test_first_the_whole_frame_then_round_the_pose(follower: PoseFollower) -> None:
    assert follower.window(640, 480) == Window(0, -80, 640)
    assert follower.update(JOINTS, SURE, 0) is State.NEW
    assert follower.window(640, 480) == Window.around(320, 200, 300)
    assert follower.update(JOINTS, SURE, SECOND // 30) is State.TRACKED


def test_lost_once_after_patience_then_a_new_id(follower: PoseFollower) -> None:
    follower.update(JOINTS, SURE, 0)
    assert follower.update(JOINTS, UNSURE, SECOND // 4) is None  # within patience: nothing to report, window kept
    assert follower.window(640, 480) == Window.around(320, 200, 300)
    assert follower.update(JOINTS, UNSURE, SECOND) is State.LOST
    assert follower.id == "1"
    assert follower.update(JOINTS, UNSURE, 2 * SECOND) is None
    assert follower.window(640, 480) == Window.whole(640, 480)
    assert follower.update(JOINTS, SURE, 3 * SECOND) is State.NEW
    assert follower.id == "2"


def test_time_going_backwards_loses_the_person(follower: PoseFollower) -> None:
    follower.update(JOINTS, SURE, 10 * SECOND)
    assert follower.update(JOINTS, UNSURE, 5 * SECOND) is State.LOST


def test_a_stray_joint_does_not_blow_up_the_window(follower: PoseFollower) -> None:
    follower.update(np.vstack([JOINTS, [[5000.0, 5000.0]]]), np.array([0.9, 0.9, 0.9, 0.05]), 0)
    assert follower.window(640, 480) == Window.around(320, 200, 300)
