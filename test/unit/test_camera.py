"""Pixels to rays and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deephar_ros.camera import PinholeCamera

WIDTH, HEIGHT = 640, 480
LENSES = {
    "none": PinholeCamera(500, 510, 318, 243),
    "plumb_bob": PinholeCamera(500, 510, 318, 243, (-0.3, 0.1, 0.001, -0.002, -0.01)),
    "four": PinholeCamera(600, 600, 318, 243, (0.1, -0.2, 0.001, -0.002)),
    "rational": PinholeCamera(500, 510, 318, 243, (0.3, 0.1, 0.001, -0.001, 0.2, 0.1, 0.2, 0.1)),
    "fisheye": PinholeCamera(320, 310, 318, 243, (-0.01, 0.002, 0.001, -0.0003), fisheye=True),
}
lenses = pytest.mark.parametrize("camera", LENSES.values(), ids=LENSES.keys())


def in_front(rays: np.ndarray, depth: float = 1.0) -> np.ndarray:
    return np.concatenate([rays * depth, np.full_like(rays[..., :1], depth)], -1)


@lenses
@given(x=st.floats(0, WIDTH), y=st.floats(0, HEIGHT), depth=st.floats(0.1, 100))
def test_every_pixel_of_the_image_is_found_again(camera: PinholeCamera, x: float, y: float, depth: float) -> None:
    pixel = np.array([x, y])
    np.testing.assert_allclose(camera.project(in_front(camera.rays(pixel), depth)), pixel, atol=1e-6)


@lenses
@given(x=st.floats(-0.55, 0.55), y=st.floats(-0.4, 0.4))
def test_every_ray_is_found_again(camera: PinholeCamera, x: float, y: float) -> None:
    ray = np.array([x, y])
    np.testing.assert_allclose(camera.rays(camera.project(in_front(ray))), ray, atol=1e-8)


@given(
    k1=st.floats(-0.35, 0.35),
    k2=st.floats(0, 0.1),
    p1=st.floats(-0.005, 0.005),
    p2=st.floats(-0.005, 0.005),
    x=st.floats(0, WIDTH),
    y=st.floats(0, HEIGHT),
)
def test_no_ray_is_wrong_for_any_lens(k1: float, k2: float, p1: float, p2: float, x: float, y: float) -> None:
    """Lenses of 90 degrees, beyond what the model can tell for some: then the ray is unknown, never another one."""
    camera = PinholeCamera(320, 320, 320, 240, (k1, k2, p1, p2))
    again = camera.project(in_front(camera.rays(np.array([x, y]))))
    assert np.isnan(again).all() or np.abs(again - [x, y]).max() < 0.5


def test_the_lens_models_are_those_of_the_textbook() -> None:
    x, y, k1, k2, p1, p2 = 0.3, -0.2, -0.2, 0.05, 0.01, 0.02
    r2 = x * x + y * y
    bent_x = x * (1 + k1 * r2 + k2 * r2**2) + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * (1 + k1 * r2 + k2 * r2**2) + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    pixel = PinholeCamera(100, 200, 7, 9, (k1, k2, p1, p2)).project(np.array([0.6, -0.4, 2.0]))
    np.testing.assert_allclose(pixel, [100 * bent_x + 7, 200 * bent_y + 9])
    theta = np.arctan(0.5)  # equidistant: the distance from the centre grows with the angle
    pixel = PinholeCamera(100, 200, 7, 9, (0.1, 0, 0, 0), fisheye=True).project(np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(pixel, [100 * (theta + 0.1 * theta**3) + 7, 9])


@lenses
def test_shapes_are_kept(camera: PinholeCamera) -> None:
    pixels = np.full((2, 3, 2), 300, np.float32)
    rays = camera.rays(pixels)
    assert rays.shape == (2, 3, 2)
    np.testing.assert_array_equal(rays[1, 2], camera.rays(pixels[0, 0]))
    assert camera.project(in_front(rays)).shape == (2, 3, 2)


@lenses
def test_what_is_not_seen_is_nan(camera: PinholeCamera) -> None:
    points = np.array([[0.1, 0.1, -2.0], [0.1, 0.1, 0.0], [np.nan, 0.1, 1.0], [0.1, 0.1, 2.0]])
    assert np.isnan(camera.project(points)).any(-1).tolist() == [True, True, True, False]
    assert np.isnan(camera.rays(np.array([np.nan, 3.0]))).any()


def test_a_fisheye_has_no_ray_beside_or_behind_the_camera() -> None:
    camera = PinholeCamera(200, 200, 320, 240, (0.0, 0.0, 0.0, 0.0), fisheye=True)
    ninety_degrees = 320 + 200 * np.pi / 2
    rays = camera.rays(np.array([[ninety_degrees - 5, 240], [ninety_degrees + 5, 240]]))
    assert rays[0, 0] == pytest.approx(1 / np.tan(5 / 200))
    assert np.isnan(rays[1]).all()


@lenses
def test_whole_numbers_are_pixels_too(camera: PinholeCamera) -> None:
    np.testing.assert_array_equal(camera.rays(np.array([[300, 200]])), camera.rays(np.array([[300.0, 200.0]])))
