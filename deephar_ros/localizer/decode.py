"""Boxes to the network's outputs (for training) and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from deephar_ros.geometry import Array
from deephar_ros.localizer.network import STRIDE

_SPREAD = 0.12
"""Standard deviation of the peak in a heat map, in parts of the box's sides (TTFNet, Liu et al. 2020, has 0.09)."""

_SPREADS = 0.6, 2.0
"""Bounds of it in cells: narrower peaks would fall between cells, wider ones would outweigh small people."""


class Target(NamedTuple):
    """What the network should put out for one picture.

    Attributes:
        heat: (H, W) in [0, 1], 1 where the middle of a box is.
        sides: (4, H, W) distances in cells from the middle of each cell to the sides of the box it belongs to.
    """

    heat: Array
    sides: Array


def encode(boxes: Array, rows: int, columns: int) -> Target:
    """Outputs of `rows` x `columns` cells for boxes (N, 4): left, top, right, bottom in pixels of the input."""
    heat, sides = np.zeros((rows, columns), np.float32), np.ones((4, rows, columns), np.float32)
    y, x = np.mgrid[:rows, :columns] + 0.5
    cells = boxes / STRIDE
    area = (cells[:, 2] - cells[:, 0]) * (cells[:, 3] - cells[:, 1])
    for left, top, right, bottom in cells[np.argsort(-area)]:  # small boxes last: they have few cells to lose
        centre_x = min(int((left + right) / 2), columns - 1) + 0.5
        centre_y = min(int((top + bottom) / 2), rows - 1) + 0.5
        spread_x, spread_y = np.clip([_SPREAD * (right - left), _SPREAD * (bottom - top)], *_SPREADS)
        peak = np.exp(-(((x - centre_x) / spread_x) ** 2 + ((y - centre_y) / spread_y) ** 2) / 2)
        own = peak >= heat
        heat[own] = peak[own]
        sides[:, own] = np.stack([x - left, y - top, right - x, bottom - y])[:, own]
    return Target(heat, sides)


def decode(heat: Tensor, log_sides: Tensor, threshold: float, limit: int, overlap: float = 0.5) -> list[Array]:
    """Boxes of each picture, best first.

    Args:
        heat: (B, H, W) logits.
        log_sides: (B, 4, H, W) logarithms of the distances to the sides, in cells.
        threshold: least score, 0..1.
        limit: most boxes per picture.
        overlap: boxes that share more (intersection over union) with a better one are dropped.

    Returns:
        Per picture (N, 5): left, top, right, bottom in pixels of the input, score.
    """
    scores = heat.float().sigmoid()
    peaks = (scores == max_pool2d(scores[:, None], 3, 1, 1)[:, 0]) & (scores >= threshold)
    return [_picture_boxes(*planes, limit, overlap) for planes in zip(scores, peaks, log_sides.float(), strict=True)]


def _picture_boxes(scores: Tensor, peaks: Tensor, log_sides: Tensor, limit: int, overlap: float) -> Array:
    rows, columns = torch.nonzero(peaks, as_tuple=True)
    left, top, right, bottom = log_sides[:, rows, columns].exp()
    x, y = columns + 0.5, rows + 0.5
    corners = STRIDE * torch.stack([x - left, y - top, x + right, y + bottom], 1)
    found = torch.column_stack([corners, scores[rows, columns]]).cpu().numpy()
    return suppress(found[np.argsort(-found[:, 4], kind="stable")], overlap)[:limit]


def suppress(boxes: Array, overlap: float) -> Array:
    """Drops from (N, 4 or more), best first, each box that shares more than `overlap` with one that is kept."""
    shared = iou(boxes, boxes)
    kept: list[int] = []
    for i in range(len(boxes)):
        if not (shared[i, kept] > overlap).any():
            kept.append(i)
    return boxes[kept]


def iou(a: Array, b: Array) -> Array:
    """(N, M) intersection over union of boxes (N, 4 or more) and (M, 4 or more): left, top, right, bottom."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:4] - boxes[:, :2], 0, None).prod(-1) for boxes in (a, b)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9)
