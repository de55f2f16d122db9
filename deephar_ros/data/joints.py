"""Annotated joints in the order of a network layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout


def to_layout(points: Array, names: Sequence[str], layout: Layout) -> Array:
    """Joints (..., N, 2 or 3) called `names` -> (..., J, 3) in the order of `layout`.

    Depth is NaN if `points` has none; so is every joint of `layout` that is not among `names`.
    """
    placed = np.full((*points.shape[:-2], len(layout), 3), np.nan, np.float32)
    known = [joint for joint in layout.joints if joint in names]
    placed[..., [layout.index(joint) for joint in known], : points.shape[-1]] = points[
        ..., [names.index(joint) for joint in known], :
    ]
    return placed
