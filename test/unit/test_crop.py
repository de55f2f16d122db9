"""Crops as the released code makes them, where its own recorded outputs (test/golden) do not look."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.data.crop import crop, crop_map, map_points, unknown_to_nan, visible_targets
from deephar_ros.data.windows import CropWindow

WINDOW = CropWindow(30.0, 20.0, 24.0, 24.0)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, (40, 60, 3), np.uint8)


def test_a_plain_crop_is_neither_turned_nor_mirrored_and_of_the_papers_size(image: np.ndarray) -> None:
    plain, matrix = crop(image, WINDOW)
    told, told_matrix = crop(image, WINDOW, size=256, angle=0.0, flip=False)
    np.testing.assert_array_equal(plain, told)
    np.testing.assert_array_equal(matrix, told_matrix)
    assert crop_map((60, 40), WINDOW)[0] == (18, 8, 42, 32)
    np.testing.assert_array_equal(crop_map((60, 40), WINDOW)[1], matrix)


@pytest.mark.parametrize("options", [{}, {"order": "resize_flip"}, {"order": "flip_resize"}])
def test_a_mirrored_crop_is_the_plain_one_mirrored_once(image: np.ndarray, options: dict[str, str]) -> None:
    mirrored, _ = crop(image, WINDOW, 24, flip=True, **options)
    np.testing.assert_array_equal(mirrored, crop(image, WINDOW, 24)[0][:, ::-1])


def test_a_window_of_one_pixel_can_be_cut_and_less_cannot() -> None:
    assert crop_map((10, 10), CropWindow(5.5, 5.5, 1.0, 1.0))[0] == (5, 5, 6, 6)
    with pytest.raises(ValueError, match=r"a window of 0\.4 x 0\.4 pixels holds no whole one"):
        crop_map((10, 10), CropWindow(5.5, 5.5, 0.4, 0.4))


def test_a_map_leaves_depth_alone() -> None:
    double = np.diag([2.0, 3.0, 1.0])
    points = np.array([[[1, 1, 7], [2, 2, 8]]])
    np.testing.assert_array_equal(map_points(double, points), [[[2.0, 3.0, 7.0], [4.0, 6.0, 8.0]]])


def test_targets_on_the_border_or_without_depth_do_not_count() -> None:
    points = np.array([[[0.5, 0.5, 0.5], [0.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 0.0], [0.5, np.nan, 0.5]]])
    unknown = np.isnan(visible_targets(points))
    assert unknown[0].tolist() == [[False] * 3, [True] * 3, [True] * 3, [False, False, True], [True] * 3]


def test_everything_up_to_minus_a_million_is_unknown() -> None:
    assert np.isnan(unknown_to_nan(np.array([-1e9, -1e6 - 0.5, -1e6, -1e6 + 0.5]))).tolist() == [
        True,
        True,
        True,
        False,
    ]
