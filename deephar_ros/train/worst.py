"""Failure cases as a picture: the people of a set whose poses are farthest from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.pictures import read
from deephar_ros.data.samples import Sample
from deephar_ros.draw import contact_sheet, draw_skeleton, write_text
from deephar_ros.geometry import Array, Window
from deephar_ros.train.evaluate import Poses

COLUMNS, TILE = 4, 256


def worst_people(poses: Poses, samples: Sequence[Sample]) -> NDArray[np.uint8]:
    """A sheet of the 16 people with the largest mean error of the last block, the worst first.

    Left is the truth, right what was found, more transparent where the network is unsure; below the mean error in
    parts of the person's crop.
    """
    errors = mean_errors(poses.joints[-1], samples)
    order = np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")[: COLUMNS**2]
    tiles = [_tile(samples[i], poses.joints[-1, i], poses.confidence[-1, i], float(errors[i])) for i in order]
    return contact_sheet(tiles, COLUMNS, 2 * TILE)


def mean_errors(found: Array, samples: Sequence[Sample]) -> Array:
    """(N,) mean distance of the annotated joints over the side of the person's window; NaN without joints."""
    truth = np.stack([sample.joints[:, :2] for sample in samples])
    sides = np.array([max(sample.window.width, sample.window.height) for sample in samples])
    distance = np.linalg.norm(found[..., :2] - truth, axis=-1) / sides[:, None]
    known = np.isfinite(distance)
    with np.errstate(invalid="ignore"):
        return np.where(known, distance, 0).sum(1) / known.sum(1)


def _tile(sample: Sample, found: Array, confidence: Array, error: float) -> NDArray[np.uint8]:
    window = sample.window
    square = Window.around(window.x, window.y, max(window.width, window.height))
    picture = square.cut(read(sample.picture), TILE)
    halves = [picture.copy(), picture.copy()]
    for half, joints, sure in zip(halves, (sample.joints, found), (np.ones(len(found)), confidence), strict=True):
        draw_skeleton(half, sample.layout, square.to_window(joints[:, :2]) * TILE, sure)
    write_text(halves[1], f"{error:.2f}")
    return np.hstack(halves)
