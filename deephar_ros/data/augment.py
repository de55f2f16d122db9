"""Random crops for 2D pose training: one affine map moves picture and joints together, then colour is changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array, bounds
from deephar_ros.skeleton import Layout

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random changes; angles in degrees, the rest as fractions (SPNET.md section 2, where not marked)."""

    rotation: float = 40.0
    flip: float = 0.5
    fill: tuple[float, float] = (0.25, 1.0)  # largest extent of the person / side of the crop (ours: whole frames)
    close: float = 0.7  # share of the samples whose fill is drawn from the upper half of the range (ours)
    shift: float = 0.08  # of the crop's side, beyond what keeps the person inside (ours)
    power: tuple[float, float] = (0.90, 1.10)  # exponent of each colour channel
    brightness: float = 0.25  # ours, as are contrast, gray and blur
    contrast: float = 0.25
    gray: float = 0.1
    blur: float = 0.15
    background: float = 0.75  # share of the crops put onto another picture where theirs ends, if there are any (ours)


def random_crop_matrix(joints: Array, size: int, cfg: AugmentConfig, rng: np.random.Generator) -> Array:
    """A (2, 3) map from pixels of the picture to pixels of a crop of `size`: rotation, scale, shift and flip."""
    x0, y0, x1, y1 = bounds(joints)
    low, high = cfg.fill
    middle = (low * high) ** 0.5
    fill = rng.uniform(middle, high) if rng.random() < cfg.close else np.exp(rng.uniform(np.log(low), np.log(middle)))
    scale = fill * size / max(x1 - x0, y1 - y0, 1.0)
    angle = np.deg2rad(np.clip(rng.normal(0, cfg.rotation / 2), -cfg.rotation, cfg.rotation))
    room = max(0.0, (1 - fill) / 2) + cfg.shift
    centre = size * (0.5 + rng.uniform(-room, room, 2))
    mirror = -1.0 if rng.random() < cfg.flip else 1.0
    linear = (
        scale
        * np.array([[mirror, 0], [0, 1]])
        @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    )
    offset = centre - linear @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([linear, offset])


def apply_matrix(matrix: Array, points: Array) -> Array:
    """(2, 3) affine map of (..., 2) points."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def warp(image: Image, matrix: Array, size: int) -> Image:
    """Resamples `image` by a (2, 3) map of continuous pixel coordinates to (size, size); black outside."""
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink < 0.5:  # bilinear sampling would skip pixels: average them first
        factor = 2 * shrink
        target = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        exact = np.array([image.shape[1] / target[0], image.shape[0] / target[1]])
        image = cv2.resize(image, target, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([matrix[:, :2] * exact, matrix[:, 2]])
    centred = matrix.copy()  # OpenCV counts from pixel centres
    centred[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return cv2.warpAffine(image, centred, (size, size), flags=cv2.INTER_LINEAR)


def blend_background(crop: Image, inside: Image, background: Image) -> Image:
    """Puts `background` where `inside` is 0, softly, so that no edge gives the person away."""
    size = crop.shape[0]
    mask = cv2.GaussianBlur(cv2.erode(inside, np.ones((5, 5), np.uint8)), (0, 0), size / 40)
    weight = (mask.astype(np.float32) / 255)[..., None]
    return (crop * weight + background * (1 - weight)).astype(np.uint8)


def random_background(picture: Image, size: int, rng: np.random.Generator) -> Image:
    """A random square of a picture without people, resized."""
    side = int(rng.uniform(0.5, 1.0) * min(picture.shape[:2]))
    top = rng.integers(0, picture.shape[0] - side + 1)
    left = rng.integers(0, picture.shape[1] - side + 1)
    return cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)


def change_colour(crop: Image, cfg: AugmentConfig, rng: np.random.Generator) -> Image:
    """Channel power, contrast, brightness, and now and then gray or blurred."""
    value = (crop.astype(np.float32) / 255) ** rng.uniform(*cfg.power, 3).astype(np.float32)
    value = (value - 0.5) * (1 + rng.uniform(-cfg.contrast, cfg.contrast)) + 0.5
    value *= 1 + rng.uniform(-cfg.brightness, cfg.brightness)
    if rng.random() < cfg.gray:
        value = np.repeat(value.mean(-1, keepdims=True), 3, -1)
    if rng.random() < cfg.blur:
        value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.5, 1.5))
    return (value.clip(0, 1) * 255).astype(np.uint8)


def augment(
    image: Image,
    joints: Array,
    layout: Layout,
    size: int,
    cfg: AugmentConfig,
    rng: np.random.Generator,
    background: Image | None = None,
) -> tuple[Image, Array]:
    """One random training crop.

    Args:
        image: (H, W, 3) RGB picture.
        joints: (J, 2) in its pixels, NaN where unknown.
        background: a picture without people to fill what lies outside of `image`; None leaves it black.

    Returns:
        The crop (size, size, 3) and the joints (J, 2) in its pixels, left and right exchanged if it was mirrored.
    """
    matrix = random_crop_matrix(joints, size, cfg, rng)
    crop = warp(image, matrix, size)
    if background is not None and rng.random() < cfg.background:
        inside = warp(np.full(image.shape[:2], 255, np.uint8), matrix, size)
        crop = blend_background(crop, inside, random_background(background, size, rng))
    moved = apply_matrix(matrix, joints)
    if np.linalg.det(matrix[:, :2]) < 0:
        moved = moved[layout.flip]
    return change_colour(crop, cfg, rng), moved
