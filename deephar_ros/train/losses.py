"""Losses of SPNet (paper section 3.3; SPNET.md section 3.6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CONFIDENCE_WEIGHT = 0.01
"""Weight of the confidence term, from the paper."""


@dataclass(frozen=True)
class CoordinateWeights:
    """What the loss of a coordinate is the sum of.

    Attributes:
        absolute: weight of the absolute error.
        squared: weight of the squared error.
        cross_entropy: weight of the binary cross-entropy between true and predicted coordinate, taken for
            probabilities. Not in the paper.
    """

    absolute: float = 1.0
    squared: float = 1.0
    cross_entropy: float = 0.0


ELASTIC_NET = CoordinateWeights()
"""The paper's loss."""

RELEASED_CODE = CoordinateWeights(cross_entropy=0.01)
"""What the authors' training scripts use."""


def elastic_net(predicted: Tensor, target: Tensor, weights: CoordinateWeights = ELASTIC_NET) -> Tensor:
    """Sum of absolute and squared errors over the known coordinates, divided by their number.

    Args:
        predicted: (..., J, D) coordinates.
        target: (..., J, D); NaN where unknown.
        weights: of the two errors, and of a third that the released code adds.

    Returns:
        (...) loss of each sample (or frame of a clip), 0 where nothing is known.
    """
    known = target.isfinite()
    truth = torch.where(known, target, 0.0)
    error = torch.where(known, predicted - truth, 0.0)
    cost = weights.absolute * error.abs() + weights.squared * error.square()
    if weights.cross_entropy:
        cost = cost + weights.cross_entropy * torch.where(known, _binary_cross_entropy(predicted, truth), 0.0)
    return cost.sum((-2, -1)) / known.sum((-2, -1)).clamp(min=1)


def pose_loss(
    pose: Tensor,
    target: Tensor,
    confidence_weight: float = CONFIDENCE_WEIGHT,
    weights: CoordinateWeights = ELASTIC_NET,
    visible: Tensor | None = None,
) -> Tensor:
    """Loss of one prediction block, averaged over the batch (and the frames of clips).

    Args:
        pose: (..., J, D+1) prediction, confidence last; (B, ...) for frames, (B, T, ...) for clips.
        target: (..., J, D') with D' <= D coordinates, NaN where unknown; coordinates beyond D' are not supervised.
        confidence_weight: of the cross-entropy between confidence and visibility.
        weights: `ELASTIC_NET` for the paper's loss, `RELEASED_CODE` for the authors' code's.
        visible: (..., J) whether the joint can be seen; by default where x and y are known.
    """
    if visible is None:
        visible = target[..., :2].isfinite().all(-1)
    seen = _binary_cross_entropy(pose[..., -1], visible.to(pose.dtype)).mean(-1)
    return (elastic_net(pose[..., : target.shape[-1]], target, weights) + confidence_weight * seen).mean()


def action_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Categorical cross-entropy of one action set at one block, summed over the labelled clips, divided by all clips.

    Args:
        probabilities: (B, num_actions), rows sum to 1.
        labels: (B,) numbers of the true actions; -1 where a clip has none of this set.
    """
    labelled = labels >= 0
    right = probabilities.gather(1, labels.clamp(min=0)[:, None])[:, 0].clamp(min=1e-7)
    return -torch.where(labelled, right.log(), 0.0).sum() / len(labels)


def _binary_cross_entropy(probability: Tensor, truth: Tensor) -> Tensor:
    """Elementwise; clipped so that a wrong certainty costs much and not infinitely much."""
    clipped = probability.clamp(1e-7, 1 - 1e-7)
    return -(truth * clipped.log() + (1 - truth) * (1 - clipped).log())
