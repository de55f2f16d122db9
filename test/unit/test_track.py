"""Who is who, and where to look next."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from deephar_ros.geometry import Array, Box, Window
from deephar_ros.people import State
from deephar_ros.search import search_windows
from deephar_ros.track import Look, Tracker, TrackSettings, Update, similarity

SECOND = 1_000_000_000
FRAME = SECOND // 30
WHOLE = Window.whole(640, 480)
POSE = np.array([[300.0, 100.0], [340.0, 300.0], [320.0, 200.0], [310.0, 150.0]])
SETTINGS = TrackSettings(min_confidence=0.5, margin=1.5, patience=0.5)


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(SETTINGS)


@pytest.fixture
def crowd() -> Tracker:
    return Tracker(replace(SETTINGS, max_persons=4))


def at(x: float, y: float = 200.0) -> Array:
    return POSE - POSE.mean(0) + [x, y]


def box_at(x: float, y: float = 200.0) -> Box:
    return Box(x - 30, y - 100, x + 30, y + 100)


def step(tracker: Tracker, stamp: int, poses: list[Array], sure: float = 0.9, boxes: list[Box] | None = None) -> Update:
    """One frame in which every look shows the pose nearest to its window, if there is one in it."""
    looks = tracker.looks(640, 480, stamp, boxes)
    joints, confidence = [], []
    for look in looks:
        middle = np.array([look.window.left, look.window.top]) + look.window.size / 2
        seen = [p for p in poses if np.abs(p.mean(0) - middle).max() < look.window.size / 2]
        joints.append(min(seen, key=lambda p: float(np.abs(p.mean(0) - middle).max()), default=POSE))
        confidence.append(np.full(4, sure if seen else 0.1))
    return tracker.update(looks, joints, np.array(confidence).reshape(len(looks), 4), stamp)


def ids(update: Update) -> dict[str, State]:
    return {who.id: who.state for who in update.seen}


def test_first_the_whole_frame_then_round_the_pose(tracker: Tracker) -> None:
    assert tracker.looks(640, 480, 0) == [Look(Window(0, -80, 640))]
    assert ids(step(tracker, 0, [POSE])) == {"1": State.NEW}
    assert [look.window for look in tracker.looks(640, 480, FRAME)] == [Window.around(320, 200, 300)]
    assert ids(step(tracker, FRAME, [POSE])) == {"1": State.TRACKED}


def test_lost_once_after_patience_then_a_new_id(tracker: Tracker) -> None:
    step(tracker, 0, [POSE])
    step(tracker, 1, [POSE])
    assert step(tracker, SECOND // 4, []) == Update([], [])  # within patience: nothing to report
    assert step(tracker, SECOND, []) == Update([], ["1"])
    assert tracker.looks(640, 480, SECOND + 1)[0].window == WHOLE
    assert step(tracker, 2 * SECOND, []) == Update([], [])
    step(tracker, 2 * SECOND + 1, [])
    assert ids(step(tracker, 3 * SECOND, [POSE])) == {"2": State.NEW}


def test_who_was_seen_twice_is_followed_with_less_confidence_than_a_first_sight_needs(tracker: Tracker) -> None:
    assert ids(step(tracker, 0, [POSE], sure=0.45)) == {}
    step(tracker, 1, [POSE])
    step(tracker, 2, [POSE])
    assert ids(step(tracker, 3, [POSE], sure=0.45)) == {"1": State.TRACKED}
    assert ids(step(tracker, 4, [POSE], sure=0.35)) == {}


def shrunk(factor: float) -> Array:
    return at(320.0) * factor + (1 - factor) * np.array([320.0, 200.0])


def test_a_pose_that_collapses_step_by_step_is_not_followed(tracker: Tracker) -> None:
    updates = [step(tracker, i * FRAME, [shrunk(0.8**i)]) for i in range(30)]
    heights = [who.box.height for update in updates for who in update.seen if who.id == "1"]
    assert heights == pytest.approx([200, 160, 128, 102.4], abs=0.1)
    assert [update.lost for update in updates if update.lost] == [["1"]]


def test_a_person_who_walks_away_or_crouches_is_followed(tracker: Tracker) -> None:
    walking = [step(tracker, i * FRAME, [shrunk(0.5 ** (i / 45))]) for i in range(60)]
    crouching = [step(tracker, (60 + i) * FRAME, [shrunk(0.24)]) for i in range(10)]
    assert all(ids(update).keys() == {"1"} for update in walking + crouching)


def test_a_first_sight_that_is_not_confirmed_is_given_up_at_once(tracker: Tracker) -> None:
    assert ids(step(tracker, 0, [POSE])) == {"1": State.NEW}
    assert step(tracker, 1, []) == Update([], ["1"])
    assert tracker.looks(640, 480, 2)[0].window == search_windows(640, 480)[1]  # not where it was deceived


def test_the_search_goes_over_the_whole_image(tracker: Tracker) -> None:
    windows = search_windows(1920, 1080)
    for number, window in enumerate(windows * 2):
        looks = tracker.looks(1920, 1080, number)
        assert looks == [Look(window)]
        tracker.update(looks, [POSE], np.full((1, 4), 0.1), number)
    assert windows[0] == Window(0, -420, 1920)
    assert {w.size for w in windows[1:]} == {1080}
    assert windows[1].left == 0
    assert windows[-1].left == 1920 - 1080
    steps = [b.left - a.left for a, b in pairwise(windows[1:])]
    assert max(steps) <= 540  # whoever fits into half a square is whole in one of them
    assert [w.top for w in search_windows(480, 640)[1:]] == [0, 160]


def test_a_stray_joint_does_not_blow_up_the_window(tracker: Tracker) -> None:
    looks = tracker.looks(640, 480, 0)
    tracker.update(looks, [np.vstack([POSE, [[5000.0, 5000.0]]])], np.array([[0.9, 0.9, 0.9, 0.9, 0.05]]), 0)
    assert tracker.looks(640, 480, 1)[0].window == Window.around(320, 200, 300)


def test_a_pose_that_collapsed_is_no_person(tracker: Tracker) -> None:
    assert step(tracker, 0, [POSE.mean(0) + (POSE - POSE.mean(0)) * 0.5]) == Update([], [])


def test_a_hidden_person_is_looked_for_further_on_and_keeps_the_id(tracker: Tracker) -> None:
    for i in range(15):
        step(tracker, i * FRAME, [at(200 + 4 * i)])
    for i in range(15, 25):
        assert step(tracker, i * FRAME, []) == Update([], [])
    window = tracker.looks(640, 480, 25 * FRAME)[0].window
    assert window.left + window.size / 2 == pytest.approx(300, abs=12)
    assert ids(step(tracker, 25 * FRAME, [at(300)])) == {"1": State.TRACKED}


def test_who_comes_out_elsewhere_is_recognised_by_box_and_joints(crowd: Tracker) -> None:
    for i in range(5):
        step(crowd, i * FRAME, [at(200)], boxes=[box_at(200)])
    assert step(crowd, 5 * FRAME, [], boxes=[]) == Update([], [])
    looks = [Look(Window.around(215, 200, 250))]  # as if a detector had found somebody new
    update = crowd.update(looks, [at(215)], np.full((1, 4), 0.9), 8 * FRAME)
    assert ids(update) == {"1": State.TRACKED}


def test_boxes_give_everybody_an_id_that_lasts_when_they_pass_each_other(crowd: Tracker) -> None:
    for i in range(40):
        a, b = 100 + 10 * i, 500 - 10 * i
        update = step(crowd, i * FRAME, [at(a, 180), at(b, 260)], boxes=[box_at(a, 180), box_at(b, 260)])
    boxes = {who.id: who.box.centre[0] for who in update.seen}
    assert boxes == {"1": pytest.approx(490, abs=5), "2": pytest.approx(110, abs=5)}


def test_two_windows_that_show_one_person_become_one(crowd: Tracker) -> None:
    for i in range(3):
        step(crowd, i * FRAME, [at(200), at(400)], boxes=[box_at(200), box_at(400)])
    looks = [Look(Window.around(300, 200, 300), track) for track in crowd._tracks]
    update = crowd.update(looks, [at(300), at(304)], np.full((2, 4), 0.9), 4 * FRAME)
    assert len(update.seen) == 1
    assert len(update.lost) == 1


def test_a_search_that_finds_somebody_who_is_known_finds_nobody(crowd: Tracker) -> None:
    step(crowd, 0, [POSE])
    looks = [*crowd.looks(640, 480, FRAME), Look(WHOLE)]
    update = crowd.update(looks, [POSE, POSE + 3], np.full((2, 4), 0.9), FRAME)
    assert ids(update) == {"1": State.TRACKED}


def test_more_people_than_looks_take_turns(crowd: Tracker) -> None:
    places = [40.0 + 80 * i for i in range(8)]
    seen: dict[str, int] = {}
    for i in range(60):
        update = step(crowd, i * FRAME, [at(x) for x in places], boxes=[box_at(x) for x in places])
        assert len(update.seen) <= 4
        assert update.lost == []
        for who in update.seen:
            seen[who.id] = seen.get(who.id, 0) + 1
    assert len(seen) == 8
    assert min(seen.values()) >= 20  # 60 frames, 4 looks, 8 people: 30 each if it were quite even


def test_a_crowd_of_false_boxes_does_not_starve_who_is_known(crowd: Tracker) -> None:
    noise = [box_at(float(x), float(y)) for x in range(0, 640, 64) for y in (20, 440)]
    for i in range(30):
        update = step(crowd, i * FRAME, [at(320)], boxes=[box_at(320)._replace(score=0.1), *noise])
    assert "1" in ids(update) or "1" in [track.id for track in crowd._tracks]
    assert len(crowd._tracks) <= 16


def test_reset_forgets_everybody(crowd: Tracker) -> None:
    step(crowd, 0, [POSE])
    assert crowd.reset() == ["1"]
    assert crowd.looks(640, 480, FRAME) == [Look(WHOLE)]


def test_similarity_falls_with_distance() -> None:
    box = box_at(0)
    near, far = similarity(POSE, POSE + 10, box), similarity(POSE, POSE + 100, box)
    assert similarity(POSE, POSE, box) == 1
    assert 0.8 < near < 1
    assert far < 0.05
