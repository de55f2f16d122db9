"""Windows, crops and the size of people."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.geometry import Window, bounds, metres_per_pixel
from deephar_ros.skeleton import H36M17, LIMB_LENGTHS


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


def average_person() -> np.ndarray:
    """(17, 3) metres of a person with average limbs, arms and legs bent in depth."""
    rng = np.random.default_rng(3)
    position = rng.normal(size=(17, 3))
    for _ in range(2000):  # pull every limb to its length
        for (a, b), length in LIMB_LENGTHS.items():
            i, j = H36M17.index(a), H36M17.index(b)
            step = position[j] - position[i]
            error = step * (1 - length / np.linalg.norm(step)) / 2
            position[i] += error
            position[j] -= error
    return position


def test_scale_of_a_person_of_known_size() -> None:
    person = average_person()
    assert metres_per_pixel(person[:, :2] / 0.004, person[:, 2], H36M17) == pytest.approx(0.004, rel=1e-3)


def test_scale_without_depth_is_set_by_the_limbs_seen_in_full() -> None:
    person = average_person()
    scale = metres_per_pixel(person[:, :2] / 0.004, np.full(17, np.nan), H36M17)
    assert 0.004 < scale < 0.006  # limbs are foreshortened, so the person seems smaller than it is
    assert np.isnan(metres_per_pixel(np.zeros((17, 2)), np.full(17, np.nan), H36M17))
