"""Random crops for 2D pose training: one affine map moves picture and joints together, then colour is changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deephar_ros.data.colour import Colour
from deephar_ros.data.resample import Image
from deephar_ros.data.view import Person, Reach, View
from deephar_ros.data.windows import CropWindow
from deephar_ros.geometry import Array, bounds

CUT_OFF_FILL = (1.0, 2.0)
"""Largest extent of the person over the side of the crop, where the crop shows only a part."""


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
    cut_off: float = 0.0  # share of the crops that show a part of the person only, up to twice as large (ours)
    cover: float = 0.0  # share of the crops of which something covers a part (ours)
    faults: float = 0.0  # share of the crops with low resolution, noise or JPEG (ours)

    def view(self, person: Person, size: int, rng: np.random.Generator) -> View:
        """A random view of the person, or of the evaluation window of somebody without joints."""
        points = person.joints[..., :2].reshape(-1, 2)
        if not np.isfinite(points).all(-1).any():
            points = np.reshape(person.evaluation_window.box, (2, 2))
        matrix = random_crop_matrix(points, size, self, rng)
        determinant = float(np.linalg.det(matrix[:, :2]))
        return View(
            matrix=np.vstack([matrix / size, [0.0, 0.0, 1.0]]),
            mirrored=determinant < 0,
            depth_scale=1.0,  # metres, however large the crop is: the node does not know by what rule to scale
            colour=self.colour(rng),
            over_background=bool(rng.random() < self.background),
            cover=bool(rng.random() < self.cover),
            faults=bool(rng.random() < self.faults),
        )

    def colour(self, rng: np.random.Generator) -> Colour:
        red, green, blue = rng.uniform(*self.power, 3)
        return Colour(
            (float(red), float(green), float(blue)),
            contrast=1 + rng.uniform(-self.contrast, self.contrast),
            brightness=1 + rng.uniform(-self.brightness, self.brightness),
            gray=bool(rng.random() < self.gray),
            blur=rng.uniform(0.5, 1.5) if rng.random() < self.blur else 0.0,
        )

    def reach(self, window: CropWindow) -> Reach:
        """For windows of 1 to 1.5 times the person's extent, as those of all data sets are."""
        side = max(window.width, window.height)
        angle = np.deg2rad(min(self.rotation, 45.0))
        most_fill = CUT_OFF_FILL[1] if self.cut_off else self.fill[1]
        return Reach(
            side / 1.5 / most_fill, side / self.fill[0] * (1 + 2 * self.shift) * (np.cos(angle) + np.sin(angle))
        )


def random_crop_matrix(joints: Array, size: int, cfg: AugmentConfig, rng: np.random.Generator) -> Array:
    """A (2, 3) map from pixels of the picture to pixels of a crop of `size`: rotation, scale, shift and flip."""
    x0, y0, x1, y1 = bounds(joints)
    low, high = cfg.fill
    middle = (low * high) ** 0.5
    fill = rng.uniform(middle, high) if rng.random() < cfg.close else np.exp(rng.uniform(np.log(low), np.log(middle)))
    if rng.random() < cfg.cut_off:
        fill = rng.uniform(*CUT_OFF_FILL)
    scale = fill * size / max(x1 - x0, y1 - y0, 1.0)
    angle = np.deg2rad(np.clip(rng.normal(0, cfg.rotation / 2), -cfg.rotation, cfg.rotation))
    room = abs(1 - fill) / 2 + cfg.shift
    centre = size * (0.5 + rng.uniform(-room, room, 2))
    mirror = -1.0 if rng.random() < cfg.flip else 1.0
    linear = (
        scale
        * np.array([[mirror, 0], [0, 1]])
        @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    )
    offset = centre - linear @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([linear, offset])


def blend_background(crop: Image, inside: Image, background: Image) -> Image:
    """Puts `background` where `inside` is 0, softly, so that no edge gives the person away."""
    size = crop.shape[0]
    mask = cv2.GaussianBlur(cv2.erode(inside, np.ones((5, 5), np.uint8)), (0, 0), size / 40)
    weight = (mask.astype(np.float32) / 255)[..., None]
    return (crop * weight + background * (1 - weight)).astype(np.uint8)


def cover(crop: Image, patch: Image, rng: np.random.Generator) -> Image:
    """Puts a rectangle of `patch` (as large as the crop), an eighth to a half as wide and high, before the person."""
    size = crop.shape[0]
    width, height = (int(size * rng.uniform(0.12, 0.45)) for _ in range(2))
    left, top = int(rng.integers(0, size - width + 1)), int(rng.integers(0, size - height + 1))
    crop = crop.copy()
    crop[top : top + height, left : left + width] = patch[:height, :width]
    return crop


def random_background(picture: Image, size: int, rng: np.random.Generator) -> Image:
    """A random square of a picture without people, resized."""
    side = int(rng.uniform(0.5, 1.0) * min(picture.shape[:2]))
    top = rng.integers(0, picture.shape[0] - side + 1)
    left = rng.integers(0, picture.shape[1] - side + 1)
    return cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)


def change_colour(crop: Image, cfg: AugmentConfig, rng: np.random.Generator) -> Image:
    """Channel power, contrast, brightness, and now and then gray or blurred."""
    return cfg.colour(rng).apply(crop)
