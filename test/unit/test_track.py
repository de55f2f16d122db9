"""Following one person by the pose."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from deephar_ros.geometry import Window
from deephar_ros.track import PoseFollower, State, TrackSettings, search_windows

JOINTS = np.array([[300.0, 100.0], [340.0, 300.0], [320.0, 200.0]])
SURE, UNSURE = np.full(3, 0.9), np.full(3, 0.1)
WHOLE = Window.whole(640, 480)
SECOND = 1_000_000_000


@pytest.fixture
def follower() -> PoseFollower:
    return PoseFollower(TrackSettings(min_confidence=0.5, margin=1.5, patience=0.5))


def test_first_the_whole_frame_then_round_the_pose(follower: PoseFollower) -> None:
    assert follower.window(640, 480) == Window(0, -80, 640)
    assert follower.update(WHOLE, JOINTS, SURE, 0) is State.NEW
    assert follower.window(640, 480) == Window.around(320, 200, 300)
    assert follower.update(WHOLE, JOINTS, SURE, SECOND // 30) is State.TRACKED


def test_lost_once_after_patience_then_a_new_id(follower: PoseFollower) -> None:
    follower.update(WHOLE, JOINTS, SURE, 0)
    follower.update(WHOLE, JOINTS, SURE, 1)
    assert (
        follower.update(WHOLE, JOINTS, UNSURE, SECOND // 4) is None
    )  # within patience: nothing to report, window kept
    assert follower.window(640, 480) == Window.around(320, 200, 300)
    assert follower.update(WHOLE, JOINTS, UNSURE, SECOND) is State.LOST
    assert follower.id == "1"
    assert follower.window(640, 480) == Window.whole(640, 480)
    assert follower.update(WHOLE, JOINTS, UNSURE, 2 * SECOND) is None
    assert follower.update(WHOLE, JOINTS, SURE, 3 * SECOND) is State.NEW
    assert follower.id == "2"


def test_a_first_sight_that_is_not_confirmed_is_given_up_at_once(follower: PoseFollower) -> None:
    assert follower.update(WHOLE, JOINTS, SURE, 0) is State.NEW
    assert follower.update(WHOLE, JOINTS, UNSURE, 1) is State.LOST
    assert follower.window(640, 480) == search_windows(640, 480)[1]  # not where it was deceived


def test_the_search_goes_over_the_whole_image(follower: PoseFollower) -> None:
    windows = search_windows(1920, 1080)
    for window in windows * 2:
        assert follower.window(1920, 1080) == window
        follower.update(WHOLE, JOINTS, UNSURE, 0)
    assert windows[0] == Window(0, -420, 1920)
    assert {w.size for w in windows[1:]} == {1080}
    assert windows[1].left == 0
    assert windows[-1].left == 1920 - 1080
    steps = [b.left - a.left for a, b in pairwise(windows[1:])]
    assert max(steps) <= 540  # whoever fits into half a square is whole in one of them
    assert [w.top for w in search_windows(480, 640)[1:]] == [0, 160]


def test_time_going_backwards_loses_the_person(follower: PoseFollower) -> None:
    follower.update(WHOLE, JOINTS, SURE, 10 * SECOND)
    follower.update(WHOLE, JOINTS, SURE, 10 * SECOND + 1)
    assert follower.update(WHOLE, JOINTS, UNSURE, 5 * SECOND) is State.LOST


def test_a_stray_joint_does_not_blow_up_the_window(follower: PoseFollower) -> None:
    follower.update(WHOLE, np.vstack([JOINTS, [[5000.0, 5000.0]]]), np.array([0.9, 0.9, 0.9, 0.05]), 0)
    assert follower.window(640, 480) == Window.around(320, 200, 300)


def test_a_pose_that_collapsed_is_no_person(follower: PoseFollower) -> None:
    middle = JOINTS.mean(0)
    assert follower.update(WHOLE, middle + (JOINTS - middle) * 0.5, SURE, 0) is None
