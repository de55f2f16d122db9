"""sensor_msgs/CameraInfo to the camera of the image that was received; rclpy's messages and rosbags' alike."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from deephar_ros.camera import PinholeCamera

COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (0, 8, 12, 14), "equidistant": (4,)}
"""How many distortion coefficients each model may have (sensor_msgs/distortion_models.hpp; OpenCV's longer forms)."""

ASPECT_TOLERANCE = 0.01
"""By how much width / height of the image may differ from camera_info's: resizing rounds to whole pixels."""


class Region(Protocol):
    """The fields of sensor_msgs/RegionOfInterest."""

    x_offset: int
    y_offset: int
    width: int
    height: int


class CameraInfo(Protocol):
    """The fields of sensor_msgs/CameraInfo that count here."""

    width: int
    height: int
    distortion_model: str
    d: Sequence[float]
    k: Sequence[float]
    p: Sequence[float]
    binning_x: int
    binning_y: int
    roi: Region


class CameraInfoError(ValueError):
    """A camera_info that cannot be used; the message says what is wrong with it and what to do."""


def to_camera(info: CameraInfo, rectified: bool, width: int, height: int) -> PinholeCamera | None:
    """The camera that took an image of `width` x `height` pixels.

    K, D and P of `info` are those of the whole sensor; the image is its region of interest, reduced by binning
    (sensor_msgs/CameraInfo). An image of another size but of the same shape has been resized: so are the intrinsics.

    Args:
        info: as published beside the image. If its size is 0 x 0, the image is taken to have the size it describes.
        rectified: whether the image is undistorted, so that P holds. The baseline in P is not used: positions are
            relative to the camera that took the image, also in the right one of a stereo pair.
        width, height: of the image received.

    Returns:
        None if `info` says that the camera is not calibrated (focal length 0).

    Raises:
        CameraInfoError: `info` contradicts itself or the image, or names an unknown distortion model.
    """
    name, row = ("p", 4) if rectified else ("k", 3)
    matrix = np.array(getattr(info, name), np.float64).reshape(3, row)
    fx, fy, cx, cy = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    if fx == fy == 0:
        return None
    if not np.isfinite(matrix).all() or fx <= 0 or fy <= 0:
        raise CameraInfoError(
            f"camera_info: {name} has focal lengths {fx:g}, {fy:g} and centre {cx:g}, {cy:g}; calibrate the camera, "
            "or leave k and p all zero"
        )
    distortion = () if rectified else _distortion(info)
    left, top, scale_x, scale_y = _part(info, width, height)
    # The one place where ROS's (0, 0), the centre of the first pixel, becomes our (0.5, 0.5).
    return PinholeCamera(
        fx=float(fx * scale_x),
        fy=float(fy * scale_y),
        cx=float((cx + 0.5 - left) * scale_x),
        cy=float((cy + 0.5 - top) * scale_y),
        distortion=distortion,
        fisheye=not rectified and info.distortion_model == "equidistant",
    )


def _distortion(info: CameraInfo) -> tuple[float, ...]:
    """The coefficients, checked; empty if the lens has none."""
    model, count = info.distortion_model, len(info.d)
    if model == "" and not any(info.d):
        return ()
    if model not in COEFFICIENTS:
        raise CameraInfoError(
            f"camera_info: distortion model {reprlib.repr(model)} is not one of {', '.join(COEFFICIENTS)}; "
            "calibrate the camera with one of them, or feed the rectified image"
        )
    if count not in COEFFICIENTS[model]:
        allowed = ", ".join(map(str, COEFFICIENTS[model]))
        raise CameraInfoError(f"camera_info: d has {count} numbers; distortion model {model} has {allowed}")
    values = tuple(float(value) for value in info.d)
    if not np.isfinite(values).all():
        raise CameraInfoError(f"camera_info: d holds numbers that are not finite, {values}; calibrate the camera again")
    return values


def _part(info: CameraInfo, width: int, height: int) -> tuple[int, int, float, float]:
    """Left and top of what the image shows of the whole sensor; then its pixels per pixel of the sensor, x and y."""
    roi, binning_x, binning_y = info.roi, max(info.binning_x, 1), max(info.binning_y, 1)
    part_width, part_height = roi.width, roi.height
    if not (roi.width or roi.height or roi.x_offset or roi.y_offset):
        part_width, part_height = info.width or width * binning_x, info.height or height * binning_y
    right, bottom = roi.x_offset + part_width, roi.y_offset + part_height
    outside = info.width and info.height and (right > info.width or bottom > info.height)
    if not (part_width and part_height) or outside:
        raise CameraInfoError(
            f"camera_info: roi {roi.width} x {roi.height} at ({roi.x_offset}, {roi.y_offset}) is not a part of the "
            f"{info.width} x {info.height} image; roi is in full resolution pixels, all zero for the whole image"
        )
    if (width, height) == (part_width // binning_x, part_height // binning_y):
        return roi.x_offset, roi.y_offset, 1 / binning_x, 1 / binning_y
    told_width, told_height = part_width / binning_x, part_height / binning_y
    if abs(width * told_height / (height * told_width) - 1) > ASPECT_TOLERANCE:
        raise CameraInfoError(
            f"the image has {width} x {height} pixels, camera_info describes {told_width:g} x {told_height:g} (its "
            "size after roi and binning), of another shape; publish the camera_info that belongs to the image"
        )
    return roi.x_offset, roi.y_offset, width / part_width, height / part_height
