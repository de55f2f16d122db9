"""Measures of pose and action accuracy, on arrays; which of them a protocol takes is in `protocols`."""

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
    return _percent_within(distance, threshold)


def pckh_by_joint(
    predicted: Array, target: Array, head: Array, layout: Layout, threshold: float = 0.5
) -> NDArray[np.float64]:
    """`pckh` joint by joint: (J,) percentages; NaN for a joint that is not scored or that no person has."""
    distance = np.linalg.norm(predicted - target, axis=-1) / head[:, None]
    distance[:, [joint for joint in range(len(layout)) if joint not in _scored(layout)]] = np.nan
    return _percent_within(distance, threshold)


def pckh(predicted: Array, target: Array, head: Array, layout: Layout, threshold: float = 0.5) -> float:
    """Percentage of correct keypoints by the head's size, as MPII's is reported (SPNET.md section 3.7).

    Args:
        predicted, target: (N, J, 2) pixels of the pictures; NaN in `target` where not annotated.
        head: (N,) sizes from `head_size`; NaN leaves a person out.
        threshold: in head sizes; 0.5 for the usual PCKh, 0.1 for the strict one.

    Returns:
        Percentage over all annotated joints of all persons but pelvis and thorax, which MPII does not score.
    """
    scored = _scored(layout)
    distance = np.linalg.norm(predicted[:, scored] - target[:, scored], axis=-1) / head[:, None]
    return 100.0 * float((distance <= threshold)[np.isfinite(distance)].mean())


def head_size(rectangle: Array) -> Array:
    """(..., 4) head rectangles x1, y1, x2, y2 of MPII -> (...) sizes in pixels: 0.6 of the diagonal."""
    return 0.6 * np.linalg.norm(rectangle[..., 2:] - rectangle[..., :2], axis=-1)


def joint_errors(predicted: Array, target: Array, layout: Layout) -> Array:
    """(N, J) distances, mm, with both pelvises moved to the origin; NaN where `target` is.

    Args:
        predicted, target: (N, J, 3) world or camera millimetres.
    """
    root = layout.index("pelvis")
    error = (predicted - predicted[:, root, None]) - (target - target[:, root, None])
    return np.linalg.norm(error, axis=-1)


def mpjpe(predicted: Array, target: Array, layout: Layout) -> float:
    """Mean per joint position error: the mean of `joint_errors` (SPNET.md section 3.7).

    As in the released code the mean includes the pelvis itself, which is always right; scores over the other joints
    only are J / (J - 1) times this.
    """
    return float(joint_errors(predicted, target, layout).mean())


def aligned_errors(predicted: Array, target: Array) -> Array:
    """(N, J) distances, mm, after `align`: their mean is PA-MPJPE, the field's protocol 2."""
    return np.linalg.norm(align(predicted, target) - target, axis=-1)


def align(points: Array, target: Array) -> NDArray[np.float64]:
    """Moves, turns and scales each set of points onto its target, as near as can be in the mean square; no mirroring.

    Args:
        points, target: (N, J, 3), finite.

    Returns:
        (N, J, 3) the points moved. A set whose points all coincide lands on the centre of its target.

    Source: Umeyama, Least-squares estimation of transformation parameters between two point patterns, PAMI 1991.
    """
    from_centre, to_centre = points.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    source, goal = points - from_centre, target - to_centre
    left, sizes, right = np.linalg.svd(np.swapaxes(source, -1, -2) @ goal)
    signs = np.ones(sizes.shape)
    signs[..., -1] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = left @ (signs[..., None] * right)
    spread = (source**2).sum((-1, -2))
    scale = (sizes * signs).sum(-1) / np.where(spread > 0, spread, 1)
    return scale[..., None, None] * (source @ rotation) + to_centre


def confusion_matrix(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts; rows are the true labels, columns the predicted ones."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def accuracy(confusion: NDArray[np.integer]) -> float:
    """Percentage of clips with the right label; NaN without clips."""
    total = int(confusion.sum())
    return 100.0 * float(np.trace(confusion)) / total if total else float("nan")


def class_accuracy(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """(classes,) percentages of each class' clips that got its label; NaN for a class without clips."""
    with np.errstate(invalid="ignore"):
        return 100.0 * confusion.diagonal() / confusion.sum(1)


def _scored(layout: Layout) -> list[int]:
    return [joint for joint, name in enumerate(layout.joints) if name not in ("pelvis", "thorax")]


def _percent_within(distance: Array, threshold: float) -> NDArray[np.float64]:
    """(N, J) distances, NaN if unknown -> (J,) percentages of the known ones that are small enough."""
    known = np.isfinite(distance)
    hits = ((distance <= threshold) & known).sum(0)
    with np.errstate(invalid="ignore"):
        return 100.0 * hits / known.sum(0)
