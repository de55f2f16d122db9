"""Losses of the localizer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def heat_loss(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy where the answer is still wrong: focal loss for soft targets (Li et al. 2020, equation 4).

    Args:
        logits, heat: (B, H, W), found and true.
        weight: (B, H, W) in [0, 1], how much a cell counts where there is no heat.
    """
    wrong = (logits.sigmoid() - heat) ** 2
    loss = wrong * binary_cross_entropy_with_logits(logits, heat, reduction="none")
    return (loss * torch.where(heat > 0.05, 1.0, weight)).sum() / heat.sum().clamp(min=1)


def body_loss(logits: Tensor, body: Tensor) -> Tensor:
    """Cross entropy of where bodies are: (B, H, W), found and true; NaN in `body` counts nothing."""
    known = body.isfinite()
    return binary_cross_entropy_with_logits(logits[known], body[known])


def side_loss(log_sides: Tensor, sides: Tensor, heat: Tensor, least_heat: float = 0.3) -> Tensor:
    """1 - generalised intersection over union (Rezatofighi et al. 2019) of the cells near the middle of a person.

    Both boxes hold the middle of their cell, so distances to the sides are all that is needed.

    Args:
        log_sides, sides: (B, 4, H, W): found, in logarithms, and true; left, top, right, bottom.
        heat: (B, H, W) by which cells above `least_heat` are weighed.
    """
    weight = torch.where(heat > least_heat, heat, 0.0)
    found = log_sides.clamp(-4, 5).exp()
    low, high = torch.minimum(found, sides), torch.maximum(found, sides)
    common = (low[:, 0] + low[:, 2]) * (low[:, 1] + low[:, 3])
    hull = (high[:, 0] + high[:, 2]) * (high[:, 1] + high[:, 3])
    areas = [(s[:, 0] + s[:, 2]) * (s[:, 1] + s[:, 3]) for s in (found, sides)]
    union = areas[0] + areas[1] - common
    giou = common / union - (hull - union) / hull
    return ((1 - giou) * weight).sum() / weight.sum().clamp(min=1)
