"""Windows and crops."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.geometry import Window, bounds


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
