"""The markers that rviz shows, looked at as messages and as a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import draw_markers
import numpy as np
import pytest
from builtin_interfaces.msg import Duration, Time
from sample_people import FOCAL, HEIGHT, WIDTH, absolute, action, relative
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from deephar_ros.draw import LEFT, RIGHT
from deephar_ros.node.markers import ASSUMED_FOCAL_LENGTH, MarkerDrawer, id_number, place
from deephar_ros.people import Action, Person, Result, State
from deephar_ros.skeleton import H36M17

HEADER = Header(stamp=Time(sec=1_800_000_000, nanosec=5), frame_id="camera_optical_frame")
LABEL, SKELETON, JOINTS = "label", "skeleton", "joints"


def draw(*people: Person, actions: tuple[Action, ...] = (), drawer: MarkerDrawer | None = None) -> MarkerArray:
    return (drawer or MarkerDrawer())(Result(display=people, actions=actions), HEADER, WIDTH, HEIGHT)


def marker(array: MarkerArray, namespace: str, id: int = 12) -> Marker:
    (found,) = [m for m in array.markers if (m.ns, m.id) == (namespace, id)]
    return found


def points(marker: Marker) -> np.ndarray:
    return np.array([(p.x, p.y, p.z) for p in marker.points])


def test_joints_stand_where_the_person_stands() -> None:
    person = absolute(at=(-1.0, 0.2, 3.5))
    array = draw(person)
    np.testing.assert_allclose(points(marker(array, JOINTS)), person.position)
    bones = points(marker(array, SKELETON)).reshape(-1, 2, 3)
    np.testing.assert_allclose(bones, person.position[np.array(H36M17.link_indices)])


def test_markers_are_what_rviz_accepts() -> None:
    array = draw(absolute(), relative("13"))
    assert [m.type for m in array.markers] == [Marker.LINE_LIST, Marker.SPHERE_LIST, Marker.TEXT_VIEW_FACING] * 2
    assert len({(m.ns, m.id) for m in array.markers}) == 6
    for m in array.markers:
        assert (m.header, m.action, m.lifetime) == (HEADER, Marker.ADD, Duration(nanosec=500_000_000))
        assert m.pose.orientation.w == 1
        assert len(m.colors) == len(m.points)
        assert np.isfinite(points(m)).all()


def test_the_lifetime_can_change_at_any_time() -> None:
    drawer = MarkerDrawer()
    drawer.lifetime = 1.25
    assert marker(draw(absolute(), drawer=drawer), JOINTS).lifetime == Duration(sec=1, nanosec=250_000_000)


def test_left_is_blue_right_is_orange_and_unsure_is_transparent() -> None:
    wrist = H36M17.index("left_wrist")
    person = absolute()
    person.confidence[wrist] = 0.1
    colours = marker(draw(person), JOINTS).colors
    assert [round(255 * part) for part in (colours[wrist].r, colours[wrist].g, colours[wrist].b)] == list(LEFT)
    assert round(255 * colours[H36M17.index("right_knee")].r) == RIGHT[0]
    assert colours[wrist].a < 0.3 < colours[H36M17.index("right_knee")].a


def test_the_label_above_the_head_says_who_does_what() -> None:
    label = marker(draw(absolute(), actions=(action("13", "sit"), action("12"))), LABEL)
    assert label.text == "12 walk 0.40"
    assert label.pose.position.y < absolute().position[:, 1].min() - 0.1  # y points down
    assert label.pose.position.z == pytest.approx(3, abs=0.1)
    assert marker(draw(absolute()), LABEL).text == "12"


@pytest.mark.parametrize("depth", [True, False])
def test_relative_people_stand_in_the_direction_and_size_in_which_they_are_seen(depth: bool) -> None:
    near, far = ((-0.5, 0.2, 2.0), (1.0, 0.1, 6.0))
    for at in (near, far):
        placed = place(relative(at=at, depth=depth), WIDTH, HEIGHT)
        pelvis = placed[H36M17.index("pelvis")]
        assert pelvis[2] == pytest.approx(at[2] * ASSUMED_FOCAL_LENGTH * WIDTH / FOCAL, rel=0.05)
        np.testing.assert_allclose(pelvis[:2], at[:2], rtol=0.05)
        legs = placed[[H36M17.index("left_hip"), H36M17.index("left_ankle")]]
        assert legs[1, 1] - legs[0, 1] == pytest.approx(0.84, rel=0.05)


def test_without_depth_a_person_is_flat_and_unknown_joints_are_left_out() -> None:
    person = relative(depth=False)
    person.position[H36M17.index("left_wrist")] = np.nan
    array = draw(person)
    shown = points(marker(array, JOINTS))
    assert len(shown) == 16
    assert np.ptp(shown[:, 2]) == 0
    assert len(marker(array, SKELETON).points) == 2 * (len(H36M17.links) - 1)


def test_who_is_not_placed_at_all_is_not_drawn() -> None:
    person = absolute()
    assert draw(replace(person, position=np.full((17, 3), np.nan))).markers == []


def test_markers_of_lost_and_vanished_people_are_deleted_once() -> None:
    drawer = MarkerDrawer()
    draw(absolute("12"), absolute("13"), absolute("14"), drawer=drawer)
    array = draw(absolute("12", state=State.LOST), absolute("14"), drawer=drawer)
    deleted = {(m.ns, m.id) for m in array.markers if m.action == Marker.DELETE}
    assert deleted == {(ns, id) for ns in (SKELETON, JOINTS, LABEL) for id in (12, 13)}
    assert {m.id for m in array.markers if m.action == Marker.ADD} == {14}
    assert all(m.action == Marker.ADD for m in draw(absolute("14"), drawer=drawer).markers)


def test_clear_deletes_all_and_nothing_is_deleted_twice() -> None:
    drawer = MarkerDrawer()
    draw(absolute(), drawer=drawer)
    (only,) = drawer.clear(HEADER).markers
    assert (only.action, only.header) == (Marker.DELETEALL, HEADER)
    assert draw(drawer=drawer).markers == []


def test_any_id_becomes_a_number_that_a_marker_can_carry() -> None:
    numbers = [id_number(id) for id in ("0", "12", str(2**31 - 1), str(2**31), "front/3", "-1", "²")]
    assert numbers[:3] == [0, 12, 2**31 - 1]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        Marker(id=number)  # refuses what is no int32


def test_the_picture_shows_the_person_at_its_place(tmp_path: Path) -> None:
    array = draw(absolute(at=(-1.0, 0.0, 3.0)), absolute("13", at=(1.5, 0.0, 4.0)), actions=(action(),))
    front, above = (draw_markers.draw(array, axes) for axes in (draw_markers.FRONT, draw_markers.ABOVE))
    knee = array.markers[1].points[H36M17.index("left_knee")]
    assert np.abs(front[round(300 + 100 * knee.y), round(300 + 100 * knee.x)].astype(int) - LEFT).max() < 40
    shoulder = array.markers[1].points[H36M17.index("right_shoulder")]
    assert np.abs(above[round(600 - 100 * 3.0), round(300 + 100 * shoulder.x)].astype(int) - RIGHT).max() < 40
    draw_markers.save(array, tmp_path / "markers.png")
    assert cv2.imread(str(tmp_path / "markers.png")).shape == (600, 1200, 3)
