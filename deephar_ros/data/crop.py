"""Crops and image values as the released code makes them, pixel for pixel (SPNET.md sections 3.1 and 3.2).

Training of our own models crops with `augment`; this is for comparing with the authors' networks and figures. Only
Pillow resamples as theirs did, so this is the one module that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deephar_ros.data.windows import CropWindow
from deephar_ros.geometry import Array

Order = Literal["resize_flip", "flip_resize"]
"""Mirror after resizing (MPII, Penn, NTU) or before (H36M); the same up to rounding."""


def crop(
    image: NDArray[np.uint8],
    window: CropWindow,
    size: int = 256,
    angle: float = 0.0,
    flip: bool = False,
    order: Order = "resize_flip",
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Rotates a picture about the window's centre, cuts the window out, resizes and maybe mirrors it.

    Args:
        image: (H, W, 3) RGB.
        window: what to cut, in pixels of `image`; what lies outside of it is black.
        angle: degrees, counter-clockwise.

    Returns:
        The crop (size, size, 3) and the map (3, 3) from pixels of `image` to [0, 1], where 1 is the right or bottom
        edge of the crop. A mirrored crop's left and right joints are still to be exchanged (`Layout.flip`).
    """
    height, width = image.shape[:2]
    box, matrix = crop_map((width, height), window, angle, flip)
    picture = Image.fromarray(image)
    if angle:
        picture = picture.rotate(angle, Image.Resampling.BILINEAR, expand=True)
    picture = picture.crop(box)
    if flip and order == "flip_resize":
        picture = _mirror(picture)
    picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    if flip and order == "resize_flip":
        picture = _mirror(picture)
    return np.array(picture), matrix


def crop_map(
    image_size: tuple[int, int], window: CropWindow, angle: float = 0.0, flip: bool = False
) -> tuple[tuple[int, int, int, int], NDArray[np.float64]]:
    """Where `crop` cuts, without pixels.

    The map is where joints go. Pillow gives a turned picture whole pixels of room and centres the content there, so its
    pixels lie up to one pixel of the picture right of and below their place on the map.

    Returns:
        The cut's left, top, right and bottom edge in the turned picture, and the map (3, 3) that `crop` gives.
    """
    matrix = _rotation(angle, window, image_size) if angle else np.eye(3)
    x, y = map_points(matrix, np.array([window.x, window.y]))
    left, top, right, bottom = (int(edge) for edge in CropWindow(x, y, window.width, window.height).box)  # towards zero

    # Truncation can make the sides differ by a pixel: what follows has to use the cut's own.
    width, height = right - left, bottom - top
    if min(width, height) < 1:
        raise ValueError(f"a window of {window.width} x {window.height} pixels holds no whole one")
    matrix = _scale(1 / width, 1 / height) @ _shift(-left, -top) @ matrix
    if flip:
        matrix = _shift(1, 0) @ _scale(-1, 1) @ matrix
    return (left, top, right, bottom), matrix


def map_points(matrix: Array, points: Array) -> Array:
    """Applies a (3, 3) map to x, y of (..., D) points and leaves the other columns; the inverse leads back (3.2)."""
    mapped = points.astype(np.float64)
    mapped[..., :2] = points[..., :2] @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


def normalise_image(image: NDArray[np.uint8] | Array, power: Sequence[float] = (1.0, 1.0, 1.0)) -> NDArray[np.float32]:
    """(..., 3) RGB in 0..255 -> float32 in [-1, 1], each channel of [0, 1] raised to its own power before (3.1)."""
    value = image.astype(np.float32) / np.float32(255)
    return (value ** np.array(power, np.float32) - np.float32(0.5)) * np.float32(2)


def visible_targets(points: Array) -> Array:
    """Targets (..., J, D) of a crop, NaN where the loss must not look (3.2).

    A joint outside of the crop's open square (0, 1) x (0, 1), or with an unknown x or y, loses all its coordinates. Of
    the others only coordinates above 0 count, so a depth a metre or more before the root is unknown and its joint not.
    """
    with np.errstate(invalid="ignore"):
        inside = ((points[..., :2] > 0) & (points[..., :2] < 1)).all(-1, keepdims=True)
        return np.where(inside & (points > 0), points, np.nan)


def unknown_to_nan(values: Array) -> Array:
    """The released code marks what is unknown with -1e9 (and takes anything up to -1e6 for that); we do with NaN."""
    return np.where(values > -1e6, values, np.nan)


def _rotation(angle: float, window: CropWindow, image_size: tuple[int, int]) -> NDArray[np.float64]:
    """Rotation about the window's centre, then the shift that puts the turned picture's bounding box at (0, 0)."""
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    turned = _shift(window.x, window.y) @ turn @ _shift(-window.x, -window.y)
    width, height = image_size
    corners = map_points(turned, np.array([[0, 0], [width, 0], [0, height], [width, height]]))
    x, y = corners.min(0)
    return _shift(-x, -y) @ turned


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _scale(x: float, y: float) -> NDArray[np.float64]:
    return np.diag([x, y, 1.0])


def _mirror(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
