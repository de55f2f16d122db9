"""One affine resampling of a picture, smoothed as much as Pillow's when it shrinks."""

from __future__ import annotations

from math import ceil, floor, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array

Image = NDArray[np.uint8]

LINEAR_VARIANCE = 1 / 6
"""Of the triangle of base 2 that linear interpolation weights with, in square pixels."""
BOX_VARIANCE = 1 / 12
"""Of averaging over one pixel."""


def apply_matrix(matrix: Array, points: Array) -> Array:
    """(2, 3) affine map of (..., 2) points."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def warp(image: Image, matrix: Array, size: int) -> Image:
    """Resamples `image` (H, W[, C]) by a (2, 3) map of continuous pixel coordinates to (size, size); black outside."""
    image, matrix = prepare(image, matrix, size)
    centred = matrix.copy()  # OpenCV counts from pixel centres
    centred[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return cv2.warpAffine(image, centred, (size, size), flags=cv2.INTER_LINEAR)


def prepare(image: Image, matrix: Array, size: int) -> tuple[Image, Array]:
    """What of a picture a crop needs, so smooth that linear interpolation skips nothing, and the map (2, 3) from it.

    Shrinking, Pillow weights with a triangle whose base is two pixels of the crop. A Gaussian of the same variance,
    less what linear interpolation smooths anyway, comes close to it and needs no direction.
    """
    image, matrix = _needed_part(image, matrix, size)
    shrink = sqrt(abs(np.linalg.det(matrix[:, :2])))
    smoothed = LINEAR_VARIANCE
    if shrink < 0.5:  # cheaper than a wide Gaussian
        image, matrix = _average(image, matrix, 2 * shrink)
        shrink, smoothed = 0.5, smoothed + BOX_VARIANCE
    missing = LINEAR_VARIANCE / shrink**2 - smoothed
    if missing > 0.01:
        image = cv2.GaussianBlur(image, (0, 0), sqrt(missing), borderType=cv2.BORDER_CONSTANT)
    return image, matrix


def _needed_part(image: Image, matrix: Array, size: int) -> tuple[Image, Array]:
    """The part of the picture under the crop, with a margin for smoothing; one black pixel if there is none."""
    linear = np.linalg.inv(matrix[:, :2])
    corners = (np.array([[0, 0], [size, 0], [0, size], [size, size]]) - matrix[:, 2]) @ linear.T
    margin = 4 * sqrt(abs(np.linalg.det(linear))) + 2
    left, top = (max(0, floor(edge - margin)) for edge in corners.min(0))
    right, bottom = (ceil(edge + margin) for edge in corners.max(0))
    part = image[top : max(0, bottom), left : max(0, right)]
    if not part.size:
        return np.zeros((1, 1, *image.shape[2:]), np.uint8), matrix
    return part, np.column_stack([matrix[:, :2], apply_matrix(matrix, np.array([left, top]))])


def _average(image: Image, matrix: Array, factor: float) -> tuple[Image, Array]:
    """The picture `factor` < 1 times as large, each pixel the mean of those that it replaces."""
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    exact = np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
    smaller = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller, np.column_stack([matrix[:, :2] * exact, matrix[:, 2]])
