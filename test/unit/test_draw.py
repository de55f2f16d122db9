"""What is drawn, and where."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.draw import LEFT, RIGHT, contact_sheet, draw_skeleton, opacity
from deephar_ros.skeleton import H36M17


def skeleton() -> np.ndarray:
    """Everything at (100, 100) but the ankles: left at (160, 180), right at (40, 180)."""
    joints = np.full((17, 2), 100.0)
    joints[H36M17.index("left_ankle")] = [160, 180]
    joints[H36M17.index("right_ankle")] = [40, 180]
    return joints


def test_limbs_are_drawn_in_their_sides_colour() -> None:
    picture = np.full((200, 200, 3), 128, np.uint8)
    draw_skeleton(picture, H36M17, skeleton(), np.ones(17))
    assert picture[140, 130].tolist() == list(LEFT)
    assert picture[140, 70].tolist() == list(RIGHT)
    assert (picture[:60] == 128).all()


def test_unsure_limbs_are_transparent() -> None:
    sure, unsure = (np.full((200, 200, 3), 128, np.uint8) for _ in range(2))
    draw_skeleton(sure, H36M17, skeleton(), np.ones(17))
    draw_skeleton(unsure, H36M17, skeleton(), np.full(17, 0.2))
    changed = [np.abs(p[140, 130].astype(int) - 128).sum() for p in (sure, unsure)]
    assert 0 < changed[1] < changed[0] / 2


def test_joints_outside_or_unknown_do_no_harm() -> None:
    joints = skeleton()
    joints[H36M17.index("left_ankle")] = [-500, 900]
    joints[H36M17.index("right_ankle")] = np.nan
    joints[H36M17.index("head")] = [5000, -40]
    picture = np.full((200, 200, 3), 128, np.uint8)
    draw_skeleton(picture, H36M17, joints, np.ones(17))
    assert (picture != 128).any()
    draw_skeleton(picture, H36M17, joints - 10_000, np.ones(17))  # all of it outside


def test_contact_sheet_shows_first_and_last() -> None:
    pictures = [np.full((30, 40, 3), shade, np.uint8) for shade in range(50)]
    sheet = contact_sheet(pictures, columns=2, width=40)
    assert sheet.shape == (60, 80, 3)
    assert sheet[0, 0, 0] == 0
    assert sheet[-1, -1, 0] == 49
    with pytest.raises(ValueError, match="no picture"):
        contact_sheet([])


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_joints_are_dots_that_stand_out_from_any_background(shade: int) -> None:
    picture = np.full((200, 200, 3), shade, np.uint8)
    draw_skeleton(picture, H36M17, skeleton(), np.ones(17))
    assert picture[180, 160].tolist() == list(LEFT)
    around = picture[170:191, 150:171].astype(int)
    on_it = np.abs(around - LEFT).sum(-1) < 30
    assert 9 < on_it.sum() < 120  # a dot, thicker than the limb
    assert np.ptp(around.sum(-1)) > 150


def test_opacity_is_the_confidence_but_nothing_is_invisible() -> None:
    assert opacity(1.0) == 1
    assert opacity(0.6) == pytest.approx(0.6)
    assert opacity(0.9, 0.4) == pytest.approx(0.6)
    assert opacity(0.0, 1.0) == opacity(float("nan")) == 0.15


def test_a_small_person_is_drawn_with_thin_lines_in_a_large_picture_too() -> None:
    small, large = (np.full((side, side, 3), 128, np.uint8) for side in (200, 2000))
    for picture in (small, large):
        draw_skeleton(picture, H36M17, skeleton(), np.ones(17))
    np.testing.assert_array_equal(large[:200, :200], small)
