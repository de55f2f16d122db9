"""Measures of pose accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout


def torso_pck(predicted: Array, target: Array, layout: Layout, threshold: float = 0.2) -> NDArray[np.float64]:
    """Percentage of correct keypoints: within `threshold` of the torso (left shoulder to right hip), as used for LSP.

    Args:
        predicted, target: (N, J, 2) in the same pixels; NaN in `target` where not annotated.

    Returns:
        (J,) percentages over the persons whose torso is annotated, NaN for a joint that no person has.
    """
    torso = np.linalg.norm(
        target[:, layout.index("left_shoulder")] - target[:, layout.index("right_hip")], axis=-1, keepdims=True
    )
    distance = np.linalg.norm(predicted - target, axis=-1) / np.maximum(torso, 1e-6)
    known = np.isfinite(distance)
    hits = ((distance <= threshold) & known).sum(0)
    with np.errstate(invalid="ignore"):
        return 100.0 * hits / known.sum(0)
