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


def pckh(predicted: Array, target: Array, head: Array, layout: Layout, threshold: float = 0.5) -> float:
    """Percentage of correct keypoints by the head's size, as MPII's is reported (SPNET.md section 3.7).

    Args:
        predicted, target: (N, J, 2) pixels of the pictures; NaN in `target` where not annotated.
        head: (N,) sizes from `head_size`.
        threshold: in head sizes; 0.5 for the usual PCKh, 0.1 for the strict one.

    Returns:
        Percentage over all annotated joints of all persons but pelvis and thorax, which MPII does not score.
    """
    scored = [joint for joint, name in enumerate(layout.joints) if name not in ("pelvis", "thorax")]
    distance = np.linalg.norm(predicted[:, scored] - target[:, scored], axis=-1) / head[:, None]
    known = np.isfinite(target[:, scored]).all(-1)
    return 100.0 * float((distance <= threshold)[known].mean())


def head_size(rectangle: Array) -> Array:
    """(..., 4) head rectangles x1, y1, x2, y2 of MPII -> (...) sizes in pixels: 0.6 of the diagonal."""
    return 0.6 * np.linalg.norm(rectangle[..., 2:] - rectangle[..., :2], axis=-1)


def mpjpe(predicted: Array, target: Array, layout: Layout) -> float:
    """Mean per joint position error with both pelvises moved to the origin (SPNET.md section 3.7).

    As in the released code the mean includes the pelvis itself, which is always right; scores over the other joints
    only are J / (J - 1) times this.

    Args:
        predicted, target: (N, J, 3) world or camera millimetres.
    """
    root = layout.index("pelvis")
    error = (predicted - predicted[:, root, None]) - (target - target[:, root, None])
    return float(np.linalg.norm(error, axis=-1).mean())
