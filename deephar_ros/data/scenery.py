"""What stands behind the people of a composite, and what cameras do to pictures."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from deephar_ros.data.augment import random_background
from deephar_ros.data.resample import Image


def random_backdrop(backgrounds: Sequence[Image], size: int, flat: float, rng: np.random.Generator) -> Image:
    """A square part of a picture without people, or, in a share `flat` of the calls, a painted wall."""
    if rng.random() < flat:
        return _wall(size, rng)
    picture = random_background(backgrounds[int(rng.integers(len(backgrounds)))], size, rng)
    return np.ascontiguousarray(picture[:, ::-1] if rng.random() < 0.5 else picture)


def _wall(size: int, rng: np.random.Generator) -> Image:
    """A shaded surface with a few rectangles and lines: doors, boards, tables."""
    corners = rng.uniform(60, 230) + rng.normal(0, 25, (2, 2, 1)) + rng.normal(0, 15, 3)
    picture = cv2.resize(corners.clip(0, 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_LINEAR)
    for _ in range(int(rng.integers(0, 7))):
        (x0, y0), (x1, y1) = rng.integers(-size // 4, size + size // 4, (2, 2)).tolist()
        colour = tuple(int(v) for v in rng.uniform(0, 255) + rng.normal(0, 30, 3))
        thickness = -1 if rng.random() < 0.5 else int(rng.integers(1, 12))
        if rng.random() < 0.6:
            cv2.rectangle(picture, (x0, y0), (x1, y1), colour, thickness)
        else:
            cv2.line(picture, (x0, y0), (x1, y1), colour, abs(thickness) * 4, cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.5))


def soft_frame(height: int, width: int) -> Image:
    """255 inside, falling to 0 at the edges of a picture."""
    mask = np.zeros((height, width), np.uint8)
    edge = max(2, min(height, width) // 25)
    mask[edge:-edge, edge:-edge] = 255
    return cv2.blur(mask, (edge, edge))


def tint(pixels: Image, rng: np.random.Generator) -> Image:
    """Another exposure and colour for one person."""
    gain = rng.uniform(0.35, 1.3) * rng.uniform(0.8, 1.2, 3) if rng.random() < 0.5 else rng.uniform(0.85, 1.15, 3)
    table = np.arange(256)[:, None] * gain + rng.uniform(-10, 10)
    return cv2.LUT(pixels, table.clip(0, 255).astype(np.uint8)[None])


def camera_faults(pixels: Image, rng: np.random.Generator) -> Image:
    """Now and then low resolution, noise and JPEG."""
    size = pixels.shape[0]
    if rng.random() < 0.25:
        small = int(size / rng.uniform(1.2, 3.0))
        pixels = cv2.resize(cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(2, 12))
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return pixels
