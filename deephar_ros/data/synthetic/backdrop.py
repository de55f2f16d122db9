"""What stands behind a person, and the light that falls on both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from deephar_ros.data.augment import random_background
from deephar_ros.data.resample import Image
from deephar_ros.data.synthetic.textures import dye, noise
from deephar_ros.geometry import Array
from deephar_ros.sources import read_picture

HELD_OUT = 10
"""One in so many background pictures is never in the training part, counted in order of their names."""

PAINTED = 0.1
"""Share of the backgrounds that are painted although there are pictures."""


class Backgrounds:
    """Pictures without people of one part, read when they are needed; none: all backgrounds are painted."""

    def __init__(self, folder: Path, held_out: bool) -> None:
        files = sorted(path for path in folder.glob("*.[jp][pn]g")) if folder.is_dir() else []
        self.files: Sequence[Path] = [f for i, f in enumerate(files) if (i % HELD_OUT == 0) == held_out]

    def picture(self, rng: np.random.Generator) -> Image | None:
        """A random picture (H, W, 3) RGB."""
        if not self.files:
            return None
        return read_picture(self.files[int(rng.integers(len(self.files)))])

    def draw(self, size: int, rng: np.random.Generator) -> Array:
        """(size, size, 3) in [0, 1]; a square of a picture, maybe mirrored and out of focus, or painted."""
        picture = self.picture(rng)
        if picture is None or rng.random() < PAINTED:
            return paint(size, rng)
        square = random_background(picture, size, rng)
        square = square[:, ::-1] if rng.random() < 0.5 else square
        made = np.ascontiguousarray(square, np.float32) / 255
        return cv2.GaussianBlur(made, (0, 0), rng.uniform(0.5, 3)) if rng.random() < 0.35 else made


def paint(size: int, rng: np.random.Generator) -> Array:
    """A wall and a floor, or sky and ground, with clutter: boxes, bars, discs."""
    horizon = int(size * rng.uniform(0.2, 0.9))
    wall, floor = dye(rng) * 0.7 + 0.3 * rng.random(), dye(rng) * 0.7 + 0.2 * rng.random()
    picture: Array = np.empty((size, size, 3), np.float32)
    picture[:horizon], picture[horizon:] = wall, floor
    picture *= (1 + 0.15 * noise(rng, 5, 0.75, size))[..., None]
    for _ in range(int(rng.integers(0, 14))):
        colour = tuple(float(v) for v in dye(rng))
        x, y = (int(v) for v in rng.integers(0, size, 2))
        w, h = (int(size * v) for v in rng.uniform(0.03, 0.4, 2))
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
        elif kind == 1:
            cv2.line(picture, (x, y), (x + w - size // 5, y + h), colour, int(rng.integers(1, 10)), cv2.LINE_AA)
        else:
            cv2.ellipse(picture, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    gradient = np.linspace(rng.uniform(0.75, 1.2), rng.uniform(0.75, 1.2), size)[:, None, None]
    picture = np.clip(picture * gradient + rng.normal(0, 0.01, picture.shape), 0, 1).astype(np.float32)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 2.5))


class Light(NamedTuple):
    """One far lamp and the sky.

    Attributes:
        direction: (3,) towards the lamp, unit.
        colour, below, above: (3,) of the lamp, and of what comes from the ground and from the sky.
        shade: how much darker the ground is in the shadow, 0..1.
        softness: blur of that shadow.
    """

    direction: Array
    colour: Array
    below: Array
    above: Array
    shade: float
    softness: float


def draw_light(background: Array, rng: np.random.Generator) -> Light:
    """A light in which a person is about as bright as the background, and of its tint."""
    azimuth, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.15, 1.3)
    direction = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    size = len(background)
    above, below = (background[part].reshape(-1, 3).mean(0) for part in (slice(0, size // 3), slice(-size // 3, None)))
    sky = rng.uniform(0.35, 0.95)
    level = float(np.clip(background.mean() / 0.40, 0.7, 1.35)) * rng.uniform(1.0, 1.5)
    return Light(
        direction,
        level * _tint(rng.normal(1, 0.06, 3)) * (1.1 - 0.6 * sky) * rng.uniform(0.8, 1.2),
        level * 0.45 * sky * _tint(below),
        level * 0.85 * sky * _tint(above),
        float(rng.uniform(0.15, 0.6)),
        float(rng.uniform(1, 4)),
    )


def _tint(colour: Array) -> Array:
    """Halfway to gray, of mean 1."""
    return 0.5 + 0.5 * colour / (colour.mean() + 1e-3)
