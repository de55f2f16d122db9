"""A calibrated camera: pixels to rays and back. Pure functions on numpy arrays; optical axes (REP-103)."""

from __future__ import annotations

from dataclasses import dataclass


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
