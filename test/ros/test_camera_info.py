"""What camera_info says about the image that was received."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from deephar_ros.camera import PinholeCamera
from deephar_ros.camera_info import CameraInfoError, to_camera

WIDTH, HEIGHT = 1280, 720
FX, FY, CX, CY = 900.0, 905.0, 633.0, 371.0
LENS = [-0.2, 0.05, 0.001, -0.002, 0.01]
POINT = np.array([0.3, -0.2, 2.5])


def calibrated() -> CameraInfo:
    info = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=LENS)
    info.k = [FX, 0.0, CX, 0.0, FY, CY, 0.0, 0.0, 1.0]
    info.p = [800.0, 0.0, 640.0, -40.0, 0.0, 800.0, 360.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def camera_of(info: CameraInfo, rectified: bool, width: int, height: int) -> PinholeCamera:
    camera = to_camera(info, rectified, width, height)
    assert camera is not None
    return camera


def test_the_centre_of_the_first_pixel_is_half_a_pixel_from_the_corner() -> None:
    camera = camera_of(calibrated(), False, WIDTH, HEIGHT)
    np.testing.assert_allclose(camera.project(np.array([0, 0, 1.0])), [CX + 0.5, CY + 0.5])
    assert camera.distortion == tuple(LENS)


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant", "of another world"])
def test_a_rectified_image_goes_by_p_and_has_no_distortion(model: str) -> None:
    info = calibrated()
    info.distortion_model = model
    camera = camera_of(info, True, WIDTH, HEIGHT)
    np.testing.assert_allclose(camera.project(np.array([0.5, 0.25, 1.0])), [640.5 + 400, 360.5 + 200])


@given(
    left=st.integers(0, 600),
    top=st.integers(0, 400),
    width=st.integers(64, 640),
    height=st.integers(64, 320),
    binning=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    rectified=st.booleans(),
)
def test_cropping_and_binning_move_pixels_and_nothing_else(
    left: int, top: int, width: int, height: int, binning: tuple[int, int], rectified: bool
) -> None:
    whole = camera_of(calibrated(), rectified, WIDTH, HEIGHT)
    info = calibrated()
    info.roi = RegionOfInterest(x_offset=left, y_offset=top, width=width, height=height)
    info.binning_x, info.binning_y = binning
    step_x, step_y = max(binning[0], 1), max(binning[1], 1)
    part = camera_of(info, rectified, width // step_x, height // step_y)
    np.testing.assert_allclose(part.project(POINT), (whole.project(POINT) - [left, top]) / [step_x, step_y])


@given(scale=st.floats(0.2, 3))
def test_a_resized_image_is_projected_to_in_proportion(scale: float) -> None:
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    whole, resized = camera_of(calibrated(), False, WIDTH, HEIGHT), camera_of(calibrated(), False, width, height)
    np.testing.assert_allclose(resized.project(POINT), whole.project(POINT) * [width / WIDTH, height / HEIGHT])


def test_binning_alone_and_resizing_on_top_of_it() -> None:
    info = calibrated()
    info.binning_x = info.binning_y = 2
    whole = camera_of(calibrated(), False, WIDTH, HEIGHT)
    for size in ((640, 360), (320, 180), (WIDTH, HEIGHT)):
        camera = camera_of(info, False, *size)
        np.testing.assert_allclose(camera.project(POINT), whole.project(POINT) * size[0] / WIDTH)


def test_camera_info_without_a_size_fits_every_image() -> None:
    info = calibrated()
    info.width = info.height = 0
    for size in ((640, 480), (WIDTH, HEIGHT)):
        camera = camera_of(info, False, *size)
        assert (camera.fx, camera.cx) == (FX, CX + 0.5)


@pytest.mark.parametrize(
    ("model", "coefficients", "fisheye"),
    [
        ("plumb_bob", [0.1] * 4, False),
        ("plumb_bob", [], False),
        ("rational_polynomial", [0.1] * 8, False),
        ("equidistant", [0.1] * 4, True),
        ("", [], False),
    ],
)
def test_distortion_models(model: str, coefficients: list[float], fisheye: bool) -> None:
    info = calibrated()
    info.distortion_model, info.d = model, coefficients
    camera = camera_of(info, False, WIDTH, HEIGHT)
    assert (camera.distortion, camera.fisheye) == (tuple(coefficients), fisheye)
    assert np.isfinite(camera.rays(np.array([600.0, 300.0]))).all()


def test_a_camera_that_is_not_calibrated_is_none() -> None:
    assert to_camera(CameraInfo(), False, WIDTH, HEIGHT) is None
    assert to_camera(CameraInfo(width=WIDTH, height=HEIGHT), True, WIDTH, HEIGHT) is None
    info = calibrated()
    info.p = [0.0] * 12
    assert to_camera(info, True, WIDTH, HEIGHT) is None
    assert to_camera(info, False, WIDTH, HEIGHT) is not None


def edit(**fields: object) -> Callable[[CameraInfo], None]:
    def apply(info: CameraInfo) -> None:
        for name, value in fields.items():
            setattr(info, name, value)

    return apply


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (edit(distortion_model="thin_prism"), "'thin_prism' is not one of plumb_bob.*or feed the rectified image"),
        (edit(distortion_model=""), "distortion model '' is not one of"),
        (edit(d=[0.1] * 3), "d has 3 numbers; distortion model plumb_bob has 0, 4, 5"),
        (edit(distortion_model="equidistant"), "d has 5 numbers; distortion model equidistant has 4"),
        (edit(d=[0.1, float("nan"), 0.0, 0.0, 0.0]), "not finite"),
        (edit(k=[float("nan"), 0.0, CX, 0.0, FY, CY, 0.0, 0.0, 1.0]), "focal lengths nan, 905.*calibrate"),
        (edit(k=[FX, 0.0, float("inf"), 0.0, FY, CY, 0.0, 0.0, 1.0]), "centre inf"),
        (edit(k=[-FX, 0.0, CX, 0.0, FY, CY, 0.0, 0.0, 1.0]), "focal lengths -900"),
        (edit(k=[FX, 0.0, CX, 0.0, 0.0, CY, 0.0, 0.0, 1.0]), "focal lengths 900, 0"),
        (edit(roi=RegionOfInterest(x_offset=1000, width=640, height=360)), "roi 640 x 360 at .1000, 0. is not a part"),
        (edit(roi=RegionOfInterest(x_offset=10)), "roi 0 x 0 at"),
        (edit(roi=RegionOfInterest(width=720, height=720)), "describes 720 x 720.*of another shape"),
        (edit(width=640, height=480), "image has 1280 x 720 pixels, camera_info describes 640 x 480"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(spoil: Callable[[CameraInfo], None], reason: str) -> None:
    info = calibrated()
    spoil(info)
    with pytest.raises(CameraInfoError, match=reason):
        to_camera(info, False, WIDTH, HEIGHT)
