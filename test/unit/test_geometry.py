"""Windows and crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deephar_ros import geometry
from deephar_ros.geometry import Box, Window, bounds, iou


def test_window_maps_are_inverse(rng: np.random.Generator) -> None:
    window, points = Window(-30, 12, 77), rng.uniform(-100, 300, (20, 2))
    np.testing.assert_allclose(window.to_image(window.to_window(points)), points)
    np.testing.assert_allclose(window.to_image(np.array([[0.0, 0.0], [1.0, 1.0]])), [[-30, 12], [47, 89]])


def test_whole_image_is_centred() -> None:
    assert Window.whole(640, 480) == Window(0, -80, 640)
    assert Window.whole(100, 300) == Window(-100, 0, 300)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [16, 64])
def test_a_bright_spot_lands_where_the_map_says(channels: int, size: int) -> None:
    image = np.zeros((120, 160, channels), np.uint8)
    image[40:48, 96:104] = 255  # centre (100, 44)
    window = Window(60, 20, 64)
    crop = window.cut(image, size)
    assert crop.shape == (size, size, channels)
    rows, cols = np.nonzero(crop[..., 0] > 100)
    centre = np.array([cols.mean() + 0.5, rows.mean() + 0.5]) / size
    np.testing.assert_allclose(window.to_image(centre), [100, 44], atol=64 / size / 2)


def test_outside_of_the_image_is_black() -> None:
    image = np.full((50, 50, 3), 200, np.uint8)
    crop = Window(-25, -25, 50).cut(image, 50)
    assert crop[:24, :24].max() == 0
    assert crop[26:, 26:].min() == 200
    assert Window(500, 500, 40).cut(image, 32).max() == 0


def test_padded_rows_can_be_cut() -> None:
    rows = np.arange(20 * 64, dtype=np.uint8).reshape(20, 64)
    view = rows[:, :60].reshape(20, 20, 3)
    np.testing.assert_array_equal(Window(0, 0, 20).cut(view, 20), view)


def test_bounds_ignore_unknown_points() -> None:
    assert bounds(np.array([[1.0, 2.0], [np.nan, 9.0], [3.0, 0.0]])) == (1.0, 0.0, 3.0, 2.0)
    with pytest.raises(ValueError, match="no finite"):
        bounds(np.full((3, 2), np.nan))


def test_a_box_knows_its_sides_and_moves_with_its_score() -> None:
    box = Box(2.0, 3.0, 10.0, 7.0, 0.4)
    assert (box.width, box.height, box.centre) == (8.0, 4.0, (6.0, 5.0))
    assert box.moved(5.0, -1.0) == Box(7.0, 2.0, 15.0, 6.0, 0.4)


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(-5.0, -6.0, 200.0, 90.0, 0.4), Box(0.0, 0.0, 100.0, 50.0, 0.4)),
        (Box(10.0, 20.0, 30.0, 40.0), Box(10.0, 20.0, 30.0, 40.0)),
        (Box(120.0, 60.0, 130.0, 70.0), Box(100.0, 50.0, 100.0, 50.0)),
        (Box(-30.0, -20.0, -10.0, -5.0), Box(0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_the_part_of_a_box_inside_of_the_image(box: Box, inside: Box) -> None:
    assert box.within(100, 50) == inside


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (Box(0, 0, 4, 2), 1.0),
        (Box(2, 1, 6, 3), 2 / 14),
        (Box(1, 0, 2, 1), 1 / 8),
        (Box(4, 0, 8, 2), 0.0),  # side by side
        (Box(7, 0, 9, 2), 0.0),
        (Box(0, 5, 4, 9), 0.0),
        (Box(0, 2, 4, 4), 0.0),
        (Box(5, 3, 9, 5), 0.0),  # apart in both directions
        (Box(0.5, 0.5, 1, 1), 0.25 / 8),
    ],
)
def test_intersection_over_union_of_two_boxes_by_hand(other: Box, shared: float) -> None:
    box = Box(0, 0, 4, 2)
    assert iou(box, other) == pytest.approx(shared, abs=1e-12)
    assert iou(other, box) == pytest.approx(shared, abs=1e-12)


def test_a_window_is_at_least_eight_pixels_wide() -> None:
    assert Window.around(0, 0, 3) == Window(-4, -4, 8)
    assert Window.around(20, 10, 9) == Window(16, 6, 9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_keep_the_precision_that_they_are_given(dtype: type) -> None:
    points = np.zeros((2, 2), dtype)
    assert Window(1, 2, 30).to_image(points).dtype == dtype
    assert Window(1, 2, 30).to_window(points).dtype == dtype


@pytest.mark.parametrize("window", [Window(-8, 10, 8), Window(50, 10, 8), Window(10, -8, 8), Window(10, 50, 8)])
@pytest.mark.parametrize("away", [1, 3])
def test_a_window_beside_the_image_is_black(window: Window, away: int) -> None:
    centre = 21  # moved straight away from it, so that its rows or its columns stay those of the image
    window = Window(*(at if at == 10 else centre + away * (at - centre) for at in (window.left, window.top)), 8)
    crop = window.cut(np.full((50, 50, 3), 200, np.uint8), 16)
    assert (crop.shape, crop.dtype) == ((16, 16, 3), np.uint8)
    assert crop.max() == 0


@pytest.mark.parametrize("window", [Window(-7, 10, 8), Window(49, 10, 8), Window(10, -7, 8), Window(10, 49, 8)])
def test_a_window_with_one_row_or_column_inside_of_the_image_shows_it(window: Window) -> None:
    crop = window.cut(np.full((50, 50, 3), 200, np.uint8), 8)
    assert (crop[..., 0] == 200).sum() == 8


def test_pixels_are_averaged_where_a_crop_shrinks_and_blended_where_it_grows() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 200  # a quarter of the columns
    assert np.unique(Window(0, 0, 64).cut(stripes, 16)).tolist() == [50]
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 200
    assert len(np.unique(Window(0, 0, 16).cut(edge, 64))) > 2


@pytest.mark.parametrize("asked", [8.4, 95, 97.5, 300, 907, 1511, 4000.7])
def test_a_window_to_look_at_is_about_as_large_as_asked_for_and_can_be_halved(asked: float) -> None:
    window = Window.to_look_at(500.0, 300.0, asked)
    assert abs(window.size - asked) <= max(0.5, asked / 190)
    assert abs(window.left + window.size / 2 - 500) <= 0.5
    halvings = window.halvings(64)
    assert window.size >> halvings < 3 * 64
    assert (window.size >> halvings) << halvings == window.size


def test_a_window_that_is_halved_shows_what_one_that_is_not_shows(rng: np.random.Generator) -> None:
    image = cv2.resize(rng.integers(0, 256, (12, 12, 3), np.uint8), (480, 480), interpolation=cv2.INTER_CUBIC)
    window = Window(-50, 20, 440)
    assert window.halvings(64) == 2
    filled = np.zeros((440, 440, 3), np.uint8)
    filled[:, 50:] = image[20:460, :390]
    whole = cv2.resize(filled, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    difference = np.abs(window.cut(image, 64) - whole)
    assert difference.mean() < 1
    assert difference.max() < 20  # at the border of the picture, against black
    assert Window(-50, 20, 441).halvings(64) == 0


def middle_of(picture: np.ndarray) -> np.ndarray:
    """x and y of the middle of all brightness."""
    y, x = np.indices(picture.shape[:2])
    light = picture.sum(-1)
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


@pytest.mark.parametrize("window", [Window(-70, -20, 300), Window(90, 60, 200), Window(-40, -50, 260)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_huge_window_is_shrunk_without_being_filled_up(
    window: Window, channels: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = cv2.resize(rng.integers(0, 255, (4, 5, 3), np.uint8), (160, 120))[..., :channels]
    filled = window.cut(image, 64).astype(int)
    monkeypatch.setattr(geometry, "LARGEST_PADDED", window.size - 1)
    shrunk = window.cut(image, 64).astype(int)
    assert (shrunk.shape, window.cut(image, 64).dtype) == ((64, 64, channels), np.uint8)
    assert shrunk.sum() == pytest.approx(filled.sum(), rel=0.1)
    np.testing.assert_allclose(middle_of(shrunk), middle_of(filled), atol=1.5)  # pixels
    monkeypatch.setattr(geometry, "LARGEST_PADDED", window.size)
    np.testing.assert_array_equal(window.cut(image, 64), filled)


def test_a_huge_window_inside_of_the_image_is_cut_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    expected = Window(8, 8, 48).cut(image, 20)
    monkeypatch.setattr(geometry, "LARGEST_PADDED", 10)
    np.testing.assert_array_equal(Window(8, 8, 48).cut(image, 20), expected)
