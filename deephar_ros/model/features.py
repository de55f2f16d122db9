"""What the action path reads of one frame, packed into one row: what a ring buffer keeps and a graph passes on.

A row holds, for each action block in running order, its pose (J x D) and then its appearance (J x F), flattened; only
the poses for a network whose action path looks at nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import ActionFeatures


def section_sizes(config: SPNetConfig) -> list[int]:
    """Lengths of a row's parts, pose and appearance in turn; empty for a network without action blocks."""
    widths = [stage.channels for stage in config.stages if stage.action]
    kinds = ((config.dim, width) if config.sees_appearance else (config.dim,) for width in widths)
    return [config.num_joints * size for sizes in kinds for size in sizes]


def pack(features: list[ActionFeatures]) -> Tensor:
    """Per action block (N, J, D) and (N, J, F) or None -> rows (N, K); there must be an action block."""
    return torch.cat([part.flatten(1) for block in features for part in block if part is not None], 1)


def unpack(rows: Tensor, config: SPNetConfig) -> list[ActionFeatures]:
    """The inverse of `pack`, of frames (N, K) or clips (M, T, K)."""
    parts = [part.unflatten(-1, (config.num_joints, -1)) for part in rows.split(section_sizes(config), -1)]
    if not config.sees_appearance:
        return [ActionFeatures(pose, None) for pose in parts]
    return [ActionFeatures(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
