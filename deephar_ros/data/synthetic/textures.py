"""Tiles of cloth, skin and hair, (64, 64, 3) linear in [0, 1], RGB."""

from __future__ import annotations

import cv2
import numpy as np

from deephar_ros.data.resample import Image
from deephar_ros.geometry import Array

SIZE = 64

_KINDS = {"plain": 0.42, "rows": 0.10, "columns": 0.06, "checks": 0.08, "noise": 0.12, "photo": 0.14, "logo": 0.08}
_SKINS = np.array([[0.95, 0.75, 0.62], [0.84, 0.60, 0.45], [0.70, 0.45, 0.32], [0.48, 0.28, 0.18], [0.28, 0.15, 0.10]])
_HAIRS = np.array(
    [[0.06, 0.05, 0.05], [0.25, 0.16, 0.10], [0.5, 0.3, 0.15], [0.75, 0.55, 0.35], [0.65, 0.62, 0.6], [0.4, 0.15, 0.1]]
)
_HAIR_SHARES = [0.42, 0.27, 0.12, 0.07, 0.07, 0.05]


def noise(rng: np.random.Generator, octaves: int = 4, fall: float = 0.5, size: int = SIZE) -> Array:
    """(size, size) clouds about 0 that repeat without a seam."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        grid = np.tile(rng.standard_normal((2 ** (octave + 1),) * 2).astype(np.float32), (2, 2))
        large = cv2.resize(grid, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
        total += fall**octave * large[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
    return total


def dye(rng: np.random.Generator) -> Array:
    """A colour (3,) that clothes have: seldom bright and saturated."""
    hsv = np.array([[[360 * rng.random(), rng.beta(1.2, 2.2), rng.uniform(0.06, 0.95)]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])


def cloth(rng: np.random.Generator, picture: Image | None = None) -> Array:
    """A random cloth; a part of `picture` (H, W, 3) RGB is printed on some, if it is given."""
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    first, second = dye(rng), dye(rng)
    tile = np.ones((SIZE, SIZE, 3), np.float32) * first
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    count = int(rng.integers(2, 9))
    if kind in ("rows", "columns"):
        tile[((y if kind == "rows" else x) * count % 1) < rng.uniform(0.2, 0.6)] = second
    elif kind == "checks":
        squares = ((x * count % 1) < 0.5).astype(int) + ((y * count % 1) < 0.5)
        tile[squares == 1], tile[squares == 2] = (first + second) / 2, second
    elif kind == "noise":
        share = 1 / (1 + np.exp(-4 * noise(rng)))[..., None]
        tile = first * share + second * (1 - share)
    elif kind == "photo" and picture is not None:
        side = int(rng.integers(SIZE // 2, max(SIZE // 2 + 1, min(picture.shape[:2]) // 2)))
        top, left = (int(rng.integers(0, max(1, n - side))) for n in picture.shape[:2])
        part = cv2.resize(picture[top : top + side, left : left + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        tile = part.astype(np.float32) / 255 * rng.uniform(0.5, 1.2)
    elif kind == "logo":
        cx, cy = rng.uniform(0.2, 0.8, 2)
        tile[((x - cx) ** 2 + (y - cy) ** 2) < rng.uniform(0.01, 0.06)] = second
    return np.clip(tile * (1 + 0.10 * noise(rng, 5, 0.8)[..., None]), 0, 1.2).astype(np.float32)


def skin(rng: np.random.Generator) -> Array:
    """Skin from light to dark."""
    place = rng.beta(1.3, 1.5) * (len(_SKINS) - 1.001)
    i = int(place)
    base = (_SKINS[i] * (i + 1 - place) + _SKINS[i + 1] * (place - i)) * rng.normal(1, 0.05, 3)
    return np.clip(base * (1 + 0.05 * noise(rng, 5, 0.8)[..., None]), 0, 1).astype(np.float32)


def hair(rng: np.random.Generator) -> Array:
    """Hair in strands."""
    base = _HAIRS[int(rng.choice(len(_HAIRS), p=_HAIR_SHARES))]
    _, x = np.mgrid[:SIZE, :SIZE] / SIZE
    strands = 1 + 0.25 * np.sin(x * 2 * np.pi * rng.integers(8, 20) + 3 * noise(rng))[..., None]
    return np.clip(base * strands, 0, 1).astype(np.float32)
