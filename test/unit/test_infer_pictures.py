"""The composed picture of a frame: its size, what stands in it, and that everything found may be missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import person as random_body

from deephar_ros.depth import DepthSource
from deephar_ros.draw import LEFT, RIGHT
from deephar_ros.geometry import Box
from deephar_ros.infer.bars import BAR, UNTRAINED, WAITING, draw_bars, rows_of
from deephar_ros.infer.overlay import Composer, Page
from deephar_ros.infer.panel3d import VIEW, about_the_pelvis, draw_people, flat
from deephar_ros.people import Action, Person, Result, State
from deephar_ros.skeleton import H36M17

LABELS = (("sit", "stand", "walk", "jump", "wave", "fall", "point"),)
COMPOSER = Composer(H36M17, LABELS)
GREY = 100


def somebody(id: str = "1", x: float = 320, y: float = 240, seed: int = 0) -> Person:
    """About 260 pixels tall, the pelvis at (x, y); the position is relative to it."""
    body = random_body(np.random.default_rng(seed))
    joints = body[:, :2] * 150 + [x, y]
    box = Box(*joints.min(0).tolist(), *joints.max(0).tolist())
    return Person(id, State.TRACKED, H36M17, joints, body, np.full(17, 0.9), box)


def doing(id: str = "1", label: int = 2) -> Action:
    probabilities = np.full(7, 0.05)
    probabilities[label] = 0.7
    return Action(id, 0, 8, LABELS[0], probabilities, LABELS[0][label])


def frame(width: int = 640, height: int = 480) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def found(count: int) -> Result:
    people = tuple(somebody(str(i + 1), 60 + 70 * i, 240, i) for i in range(count))
    return Result(people, people, tuple(doing(person.id) for person in people))


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 40) -> int:
    """Pixels of about this colour."""
    return int((np.abs(picture.astype(int) - colour).max(-1) < tolerance).sum())


@pytest.mark.parametrize("size", [(640, 480), (1080, 1920), (160, 120), (161, 121), (3840, 2160), (2000, 100), (1, 1)])
def test_all_frames_of_one_size_give_even_pictures_of_one_size(size: tuple[int, int]) -> None:
    shapes = {COMPOSER.compose(frame(*size), found(count)).shape for count in (0, 1, 8)}
    assert len(shapes) == 1
    height, width, _ = shapes.pop()
    assert height % 2 == width % 2 == 0
    assert height >= 360
    assert max(Page.of(*size).frame) <= 1920


def test_the_frame_stands_at_the_left_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    picture = COMPOSER.compose(pixels, Result())
    np.testing.assert_array_equal(picture[:, :640], pixels)


def test_skeletons_are_drawn_where_the_people_are_also_in_an_enlarged_frame() -> None:
    person = somebody()
    for size, scale in (((640, 480), 1.0), ((160, 120), 3.0)):
        there = replace(person, joints=person.joints * size[0] / 640)
        picture = COMPOSER.compose(frame(*size), Result(display=(there,)))
        x, y = (there.joints[H36M17.index("left_wrist")] * scale).astype(int)
        assert near(picture[y - 2 : y + 3, x - 2 : x + 3], LEFT) > 5
        x, y = (there.joints[H36M17.index("right_knee")] * scale).astype(int)
        assert near(picture[y - 2 : y + 3, x - 2 : x + 3], RIGHT) > 5


def test_only_those_displayed_and_not_lost_are_drawn() -> None:
    nobody = COMPOSER.compose(frame(), Result())
    lost = replace(somebody(), state=State.LOST)
    np.testing.assert_array_equal(COMPOSER.compose(frame(), Result(people=(somebody(),), display=(lost,))), nobody)


def test_the_id_stands_beside_the_head_also_where_the_head_is_at_the_border() -> None:
    first, second = (COMPOSER.compose(frame(), Result(display=(somebody(id),))) for id in ("1", "27"))
    rows, columns = np.nonzero((first != second).any(-1)[:, :640])
    x, y = somebody().joints[H36M17.index("head")]
    assert np.abs(rows - y).max() < 30
    assert np.abs(columns - x).max() < 50
    COMPOSER.compose(frame(), Result(display=(somebody(x=635, y=-20),)))


def test_what_is_unknown_is_left_out_and_does_no_harm() -> None:
    unknown = replace(somebody(), joints=np.full((17, 2), np.nan), position=np.full((17, 3), np.nan))
    unknown = replace(unknown, confidence=np.full(17, np.nan))
    picture = COMPOSER.compose(frame(), Result(display=(unknown,)))
    assert (picture[:, :640] == GREY).all()
    some = somebody()
    some.joints[3] = np.nan
    some.position[3] = np.nan
    assert near(COMPOSER.compose(frame(), Result(display=(some,))), LEFT) > 100


def test_a_model_without_actions_has_no_bars() -> None:
    bare = Composer(H36M17, ())
    without, waiting = (composer.compose(frame(), found(1)) for composer in (bare, COMPOSER))
    assert near(waiting[300:, 640:], BAR) > 100
    assert near(without[300:, 640:], BAR) == 0


def test_an_explanation_gets_its_place_below_and_must_have_the_size_announced() -> None:
    composer = replace(COMPOSER, explanation_size=(1001, 333))
    colours = np.random.default_rng(0).integers(0, 256, (333, 1001, 3), np.uint8)
    without, picture = (composer.compose(frame(), found(1), explanation) for explanation in (None, colours))
    assert without.shape == picture.shape == (814, 1002, 3)
    np.testing.assert_array_equal(picture[480:813, :1001], colours)
    np.testing.assert_array_equal(picture[:480], without[:480])
    with pytest.raises(ValueError, match="640x480, explanation_size is 0x0"):
        COMPOSER.compose(frame(), found(1), frame())


# 3D panel


def panel(people: list[Person], depth_trained: bool = True) -> np.ndarray:
    picture = np.zeros((290, 320, 3), np.uint8)
    draw_people(picture, people, depth_trained)
    return picture


def test_the_view_keeps_lengths_across_it_and_shows_depth_to_the_right_and_up() -> None:
    np.testing.assert_allclose(VIEW.T @ VIEW, np.eye(2), atol=1e-12)
    right, down, forward = VIEW
    assert right[0] > 0.8  # to the right stays right
    assert down[1] > 0.9
    assert forward[0] > 0.3  # what is farther away is seen farther right
    assert forward[1] < -0.1  # and higher


def test_depth_shows_in_the_panel() -> None:
    person = somebody()
    nearer = replace(person, position=person.position * [1, 1, 0.2])
    assert (panel([person]) != panel([nearer])).any()


def test_people_are_drawn_about_their_own_pelvis_wherever_they_stand() -> None:
    here = somebody()
    there = replace(here, position=here.position + np.array([1, -0.4, 3]))
    np.testing.assert_array_equal(panel([here]), panel([there]))
    absolute = replace(there, depth_source=DepthSource.PRIOR)  # only its distance is written beside the id
    assert (panel([there])[:60] != panel([absolute])[:60]).any()
    np.testing.assert_array_equal(panel([there])[60:], panel([absolute])[60:])


def test_without_depth_people_are_flat_and_the_panel_says_why() -> None:
    person = somebody()
    person.position[:, 2] = np.nan
    assert flat(person)
    np.testing.assert_array_equal(about_the_pelvis(person)[:, 2], 0)
    assert near(panel([person]), LEFT) > 50
    trained, untrained = panel([person]), panel([person], depth_trained=False)
    assert (trained[:20] != untrained[:20]).any()
    np.testing.assert_array_equal(trained[20:], untrained[20:])
    person.position[H36M17.index("pelvis"), 2] = 0.0  # the pelvis' own depth does not make it solid
    assert flat(person)
    assert not flat(somebody())


def test_a_joint_whose_depth_alone_is_unknown_is_as_far_away_as_the_pelvis() -> None:
    person = somebody()
    person.position[5, 2] = np.nan
    position = about_the_pelvis(replace(person, position=person.position + np.array([0, 0, 4])))
    assert position[5, 2] == 0
    np.testing.assert_allclose(np.delete(position, 5, 0), np.delete(person.position, 5, 0), atol=1e-12)


def test_every_person_gets_a_place_and_of_too_many_the_rest_is_counted() -> None:
    people = [somebody(str(i), seed=i) for i in range(12)]
    pictures = [panel(people[:count]) for count in (1, 2, 4, 9, 12)]
    assert all(near(picture, RIGHT) > 50 for picture in pictures)
    assert (pictures[-1][:18] != pictures[-2][:18]).any()
    np.testing.assert_array_equal(pictures[-1][18:], pictures[-2][18:])


# bars


def test_the_most_probable_actions_come_first_and_the_displayed_label_is_marked() -> None:
    rows = rows_of(["1"], [doing(label=2)], 20)
    assert [row.id for row in rows] == ["1", "", "", "", ""]
    assert (rows[0].label, rows[0].probability, rows[0].chosen) == ("walk", pytest.approx(0.7), True)
    assert not any(row.chosen for row in rows[1:])


@pytest.mark.parametrize(("people", "each"), [(1, 5), (2, 5), (4, 3), (8, 1), (14, 1)])
def test_everybody_gets_equally_many_lines(people: int, each: int) -> None:
    ids = [str(i) for i in range(people)]
    rows = rows_of(ids, [doing(id) for id in ids], 14)
    assert len(rows) == people * each <= 14
    assert [row.id for row in rows if row.id] == ids


def test_those_for_whom_there_is_no_room_are_counted() -> None:
    ids = [str(i) for i in range(20)]
    rows = rows_of(ids, [doing(id) for id in ids], 14)
    assert len(rows) == 14
    assert rows[-1].label == "+7 more"


def test_a_person_without_a_clip_waits_and_several_label_sets_stand_below_each_other() -> None:
    waiting, *others = rows_of(["1", "2"], [doing("2"), doing("2", 4)], 20)
    assert (waiting.label, waiting.probability) == (WAITING, None)
    assert [row.label for row in others if row.chosen] == ["walk", "wave"]


def test_bars_are_as_long_as_the_probabilities_and_grey_if_untrained() -> None:
    lengths = []
    for trained, colour in ((True, BAR), (False, UNTRAINED)):
        picture = np.zeros((190, 320, 3), np.uint8)
        draw_bars(picture, ["1"], [doing()], trained)
        exact = (picture == colour).all(-1).sum(1)
        lengths.append(exact[exact > 2])  # no edges of letters
    np.testing.assert_array_equal(lengths[0], lengths[1])
    assert lengths[0].max() / lengths[0].min() == pytest.approx(0.7 / 0.05, rel=0.3)  # one of 0.7, others of 0.05


def test_long_labels_do_not_run_into_the_bars() -> None:
    long = Action("1", 0, 8, ("w" * 80, "b"), np.array([0.0, 1.0]), "b")
    short = replace(long, labels=("w", "b"))
    pictures = []
    for action in (long, short):
        pictures.append(np.zeros((190, 320, 3), np.uint8))
        draw_bars(pictures[-1], ["1" * 40], [action], True)
    np.testing.assert_array_equal(pictures[0][:, 177:], pictures[1][:, 177:])
