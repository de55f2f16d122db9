"""From maps to numbers: soft-argmax coordinates, depth and confidence (paper section 3.1; SPNET.md section 1.6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """In float32 whatever comes in as half: what is summed up or put in an exponent."""
    return x if x.dtype == torch.float64 else x.float()


def spatial_softmax(logits: Tensor) -> Tensor:
    """Probability maps (..., J, H, W) that sum to 1 over each map; computed in float32 whatever comes in as half."""
    return widened(logits).flatten(-2).softmax(-1).reshape_as(logits)


def soft_argmax(heatmaps: Tensor) -> Tensor:
    """Expected position of each map.

    Args:
        heatmaps: (..., J, H, W) probability maps.

    Returns:
        (..., J, 2) x, y; 0 is the centre of the first and 1 the centre of the last cell of the map.
    """
    x = (heatmaps.sum(-2) * _grid(heatmaps.shape[-1], heatmaps)).sum(-1)
    y = (heatmaps.sum(-1) * _grid(heatmaps.shape[-2], heatmaps)).sum(-1)
    return torch.stack([x, y], -1)


def _grid(cells: int, like: Tensor) -> Tensor:
    # The released code keeps the grid in float32; rounding it the same way makes float64 runs agree to 1e-13.
    return (torch.arange(cells, device=like.device) / (cells - 1)).to(like.dtype)


def expected_depth(depth_logits: Tensor, heatmaps: Tensor) -> Tensor:
    """Depth (..., J) in [0, 1] read from the depth maps where the heat maps say the joint is; root = 0.5, 1 = 2 m."""
    return (depth_logits.to(heatmaps.dtype).sigmoid() * heatmaps).sum((-2, -1))


def confidence(heatmaps: Tensor) -> Tensor:
    """Confidence (..., J) in [0, 1]: the largest probability found in a window of 2x2 cells (not in one cell)."""
    if heatmaps.dim() > 4:
        return confidence(heatmaps.flatten(0, -4)).unflatten(0, heatmaps.shape[:-3])
    return 4 * F.avg_pool2d(heatmaps, 2, stride=1).amax((-2, -1))
