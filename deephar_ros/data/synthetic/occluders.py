"""Things in front of people: boxes, bars and blobs, of cloth or cut out of other pictures."""

from __future__ import annotations

import cv2
import numpy as np

from deephar_ros.data.resample import Image
from deephar_ros.data.synthetic.textures import cloth
from deephar_ros.geometry import Array

SHARE = 0.22
"""Of the pictures that have some."""


def draw_occluders(picture: Array, box: Array, print_: Image | None, rng: np.random.Generator) -> tuple[Array, Array]:
    """Puts one or two things over the person.

    Args:
        picture: (size, size, 3) in [0, 1].
        box: (4,) left, top, right, bottom of the person in pixels.
        print_: a picture (H, W, 3) RGB whose parts some of them show.

    Returns:
        The picture, and how much of it is hidden, (size, size) 0..1.
    """
    size = len(picture)
    hidden: Array = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        mask = _shape(size, box, rng)
        if rng.random() < 0.6 and print_ is not None:
            side = int(min(print_.shape[:2]) * rng.uniform(0.2, 0.8))
            top, left = (int(rng.integers(0, n - side + 1)) for n in print_.shape[:2])
            cover = cv2.resize(print_[top : top + side, left : left + side], (size, size)).astype(np.float32) / 255
        else:
            cover = cv2.resize(cloth(rng), (size, size)) * rng.uniform(0.4, 1.0)
        picture = picture * (1 - mask[..., None]) + cover * mask[..., None]
        hidden = np.maximum(hidden, mask)
    return picture.astype(np.float32), hidden


def _shape(size: int, box: Array, rng: np.random.Generator) -> Array:
    """A soft-edged mask that covers part of the box, not most of it."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    centre = np.array([left + width * rng.uniform(-0.1, 1.1), top + height * rng.uniform(0.0, 1.1)])
    extent = max(width, height) * rng.uniform(0.08, 0.28, 2)
    mask = np.zeros((size, size), np.float32)
    kind = rng.integers(4)
    if kind == 0:  # something upright or level that is longer than the person: a post, a rail, a table
        along = rng.random() < 0.5
        extent = np.array([extent[0] * 0.5, size]) if along else np.array([size, extent[1] * 0.5])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * extent
    angle = rng.normal(0, 0.15 if kind < 2 else 1.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if kind == 3:
        axes = tuple(int(max(1, e)) for e in extent)
        cv2.ellipse(mask, tuple(int(c) for c in centre), axes, float(np.degrees(angle)), 0, 360, 1.0, -1, cv2.LINE_AA)
    else:
        jitter = 1 + rng.normal(0, 0.1, (4, 1)) * (kind == 2)
        cv2.fillConvexPoly(mask, np.round(corners * jitter @ turn.T + centre).astype(np.int32), 1.0, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2))
