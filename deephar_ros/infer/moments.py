"""Key moments side by side: the person in the picture, and below it the skeleton in 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from deephar_ros.draw import Pixels
from deephar_ros.infer.panel import BACKGROUND, line_height, write
from deephar_ros.infer.panel3d import draw_people
from deephar_ros.infer.story import Sight
from deephar_ros.infer.thumbnails import Key, key

MOMENTS = 6
"""Moments side by side."""
GAP = 6
"""Pixels between two."""


def draw_moments(sights: Sequence[Sight], small: Mapping[Key, Pixels], width: int, depth_trained: bool) -> Pixels:
    """Rows of up to MOMENTS moments, (H, width, 3) RGB on white.

    Args:
        small: pictures of the people, by `key`; empty: there are none, and no place is kept for them.
    """
    side = (width - GAP) // MOMENTS - GAP
    tiles = [_tile(sight, small, side, depth_trained) for sight in sights]
    step = tiles[0].shape[0] + GAP
    sheet = np.full((-(-len(tiles) // MOMENTS) * step + GAP, width, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, MOMENTS)
        top, left = row * step + GAP, column * (side + GAP) + GAP
        sheet[top : top + len(tile), left : left + side] = tile
    return sheet


def _tile(sight: Sight, small: Mapping[Key, Pixels], side: int, depth_trained: bool) -> Pixels:
    panel = np.empty((side, side, 3), np.uint8)
    draw_people(panel, [sight.person], depth_trained)
    line = line_height(panel)
    head = np.full((line, side, 3), BACKGROUND, np.uint8)
    write(head, f"{sight.person.id} at {sight.seconds:.1f} s", 6, 0.75 * line)
    return np.vstack([head, *([_square(small[key(sight)], side)] if small else []), panel])


def _square(picture: Pixels, side: int) -> Pixels:
    """The picture as large as it fits into a square of this side."""
    square = np.full((side, side, 3), BACKGROUND, np.uint8)
    scale = side / max(picture.shape[:2])
    height, width = (min(max(round(length * scale), 1), side) for length in picture.shape[:2])
    top, left = (side - height) // 2, (side - width) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[top : top + height, left : left + width] = cv2.resize(picture, (width, height), interpolation=how)
    return square
