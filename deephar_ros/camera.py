"""A calibrated camera: pixels to rays and back. Pure functions on numpy arrays; optical axes (REP-103)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array

_UNDISTORT_UNTIL = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-10)
"""OpenCV's default of 5 iterations leaves errors of whole pixels near the corners of wide lenses."""

_ROUND_TRIP = 0.5
"""Pixels by which a ray may miss the pixel it belongs to; more: the lens model does not reach that pixel."""


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics of the image as received (region of interest and binning already applied).

    Attributes:
        fx, fy, cx, cy: pixels; continuous coordinates, (0, 0) is the top left corner of the top left pixel.
        distortion: OpenCV's order (k1, k2, p1, p2[, k3[, k4, k5, k6]]); empty for a rectified image.
        fisheye: whether `distortion` is that of the equidistant model.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    fisheye: bool = False

    def rays(self, pixels: Array) -> NDArray[np.float64]:
        """(..., 2) pixels -> (..., 2) X/Z and Y/Z of the points seen there.

        NaN where no point in front of the camera is seen: pixels far outside of the image may lie beyond what the
        lens model can tell.
        """
        flat = np.asarray(pixels, np.float64).reshape(-1, 1, 2)
        if self.fisheye:
            rays = cv2.fisheye.undistortPoints(flat, self._matrix, self._coefficients)
        else:
            rays = cv2.undistortPointsIter(flat, self._matrix, self._coefficients, None, None, _UNDISTORT_UNTIL)
        rays = np.asarray(rays, np.float64).reshape(flat.shape)
        seen_again = self.project(np.concatenate([rays, np.ones_like(rays[..., :1])], -1))
        missed = np.abs(seen_again - flat).max(-1, keepdims=True)
        return np.where(missed <= _ROUND_TRIP, rays, np.nan).reshape(np.shape(pixels))

    def project(self, points: Array) -> NDArray[np.float64]:
        """(..., 3) points in metres, optical frame of the camera -> (..., 2) pixels; NaN behind the camera."""
        flat = np.asarray(points, np.float64).reshape(-1, 1, 3)
        still = np.zeros(3)
        model = cv2.fisheye.projectPoints if self.fisheye else cv2.projectPoints
        pixels, _ = model(flat, still, still, self._matrix, self._coefficients)
        pixels = np.where(flat[..., 2:] > 0, pixels, np.nan)
        return pixels.reshape(*np.shape(points)[:-1], 2)

    @property
    def _matrix(self) -> NDArray[np.float64]:
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    @property
    def _coefficients(self) -> NDArray[np.float64]:
        return np.array(self.distortion, np.float64)
