"""Losses of SPNet (paper section 3.3; SPNET.md section 3.6)."""

from __future__ import annotations

import torch
from torch import Tensor

CONFIDENCE_WEIGHT = 0.01
"""Weight of the confidence term, from the paper."""


def elastic_net(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of absolute and squared errors over the known coordinates, divided by their number.

    Args:
        predicted: (B, J, D) coordinates.
        target: (B, J, D); NaN where unknown.

    Returns:
        (B,) loss of each sample, 0 where nothing is known.
    """
    known = target.isfinite()
    error = torch.where(known, predicted - torch.where(known, target, 0.0), 0.0)
    return (error.abs() + error.square()).sum((-2, -1)) / known.sum((-2, -1)).clamp(min=1)


def pose_loss(pose: Tensor, target: Tensor, confidence_weight: float = CONFIDENCE_WEIGHT) -> Tensor:
    """Loss of one prediction block, averaged over the batch.

    Args:
        pose: (B, J, D+1) prediction, confidence last.
        target: (B, J, D') with D' <= D coordinates, NaN where unknown; coordinates beyond D' are not supervised.
    """
    visible = target.isfinite().all(-1)
    confidence = pose[..., -1].clamp(1e-7, 1 - 1e-7)
    seen = -torch.where(visible, confidence, 1 - confidence).log().mean(-1)  # binary cross-entropy
    return (elastic_net(pose[..., : target.shape[-1]], target) + confidence_weight * seen).mean()
