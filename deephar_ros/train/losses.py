"""Losses of SPNet (paper section 3.3; SPNET.md section 3.6)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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
        depth: what an error in z counts as against one in x or y. 1 in the paper.
    """

    absolute: float = 1.0
    squared: float = 1.0
    cross_entropy: float = 0.0
    depth: float = 1.0


ELASTIC_NET = CoordinateWeights()
"""The paper's loss."""

RELEASED_CODE = CoordinateWeights(cross_entropy=0.01)
"""What the authors' training scripts use."""


def elastic_net(predicted: Tensor, target: Tensor, weights: CoordinateWeights = ELASTIC_NET) -> Tensor:
    """Sum of absolute and squared errors over the known coordinates, divided by their number.

    Args:
        predicted: (..., J, D) coordinates.
        target: (..., J, D); NaN where unknown.
        weights: of the two errors, of a third that the released code adds, and of depth.

    Returns:
        (...) loss of each sample (or frame of a clip), 0 where nothing is known.
    """
    known = target.isfinite()
    truth = torch.where(known, target, 0.0)
    error = torch.where(known, predicted - truth, 0.0)
    cost = weights.absolute * error.abs() + weights.squared * error.square()
    if weights.cross_entropy:
        cost = cost + weights.cross_entropy * torch.where(known, _binary_cross_entropy(predicted, truth), 0.0)
    if cost.shape[-1] == 3:
        cost = cost * cost.new_tensor([1.0, 1.0, weights.depth])
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


def heat_map_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Divergence of the softmax of heat maps from the maps that say where the joints are, averaged over joints.

    The true map is 0 but for the 2x2 cells about the joint, weighted bilinearly: its soft-argmax is the joint and its
    confidence is 1. Coordinates alone are content with two places left and right of the joint; maps are not (Nibali et
    al. 2018, "Numerical coordinate regression", regularise for the same reason). Not in the paper.

    Args:
        logits: (N, J, H, W).
        target: (N, J, 2 or more), x and y in [0, 1], NaN where unknown.

    Returns:
        Scalar, 0 at best.
    """
    (height, width), known = logits.shape[-2:], target[..., :2].isfinite().all(-1)
    place = torch.where(known[..., None], target[..., :2], 0.5).clamp(0, 1)
    truth = _tent(place[..., 1], height)[..., None] * _tent(place[..., 0], width)[..., None, :]
    predicted = logits.float().flatten(2).log_softmax(-1)
    divergence = F.kl_div(predicted, truth.flatten(2), reduction="none").sum(-1)
    return torch.where(known, divergence, 0.0).sum() / known.sum().clamp(min=1)


def _tent(place: Tensor, cells: int) -> Tensor:
    """(...) in [0, 1] -> (..., cells) weights of the two nearest cells; the first is at 0, the last at 1."""
    grid = torch.arange(cells, device=place.device)
    return (1 - (place[..., None] * (cells - 1) - grid).abs()).clamp(min=0)


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
