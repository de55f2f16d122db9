"""The action path: from per-frame pose and appearance features to action probabilities (paper section 3.2, figure 5).

Features of a clip are laid out as an image, rows = time (T) and columns = joints (J), and 2D convolutions run over it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deephar_ros.model.blocks import BatchNorm, Conv, ResidualUnit, max_pool_same, upsample2
from deephar_ros.model.config import SPNetConfig, Stage
from deephar_ros.model.softargmax import widened


def max_min_pool(x: Tensor) -> Tensor:
    """Maximum plus minimum of each 2x2 window: both strong evidence for and against survives."""
    return F.max_pool2d(x, 2) - F.max_pool2d(-x, 2)


def global_max_min(x: Tensor) -> Tensor:
    """Global maximum plus global minimum over rows and columns: (B, C, H, W) -> (B, C)."""
    return x.amax((-2, -1)) + x.amin((-2, -1))


class ActionHead(nn.Module):
    """Aggregation and prediction part of one action block ('act{k}_action_*' in the released code).

    `first`: no action features arrive from an earlier block. `last`: nothing is re-injected into a later one.
    """

    def __init__(self, cfg: SPNetConfig, stage: Stage) -> None:
        super().__init__()
        np_, nv, n = cfg.num_pose_features, cfg.num_visual_features, cfg.num_action_features
        self.sees_pose, self.sees_appearance = cfg.action_input != "appearance", cfg.sees_appearance
        width = n if stage.action > 1 else 0  # of what arrives from the earlier block
        if self.sees_pose:
            self.p_conv0a = Conv(cfg.dim, np_ // 16, (3, 1))
            self.p_conv0b = Conv(cfg.dim, np_ // 8, (3, 3))
            self.p_conv0c = Conv(cfg.dim, np_ // 4, (3, 5))
            self.r1 = ResidualUnit(np_ // 16 + np_ // 8 + np_ // 4, np_, 3, "normal")
            width += np_
        if self.sees_appearance:
            self.v_conv0 = Conv(stage.channels, nv, 1)
            width += nv
        self.r2 = ResidualUnit(width, n, 3, "normal", div=4)
        self.pred = ActionPrediction(n, cfg.num_actions, last=stage.is_last_action)

    def forward(self, pose: Tensor, appearance: Tensor | None, xa: Tensor | None) -> tuple[Tensor | None, list[Tensor]]:
        """
        Args:
            pose: (B, dim, T, J) joint coordinates times confidence.
            appearance: (B, F, T, J) visual features seen at each joint; None if the action path does not look at them.
            xa: (B, N, T', J') action features of the earlier block, or None for the first block.

        Returns:
            The action features for the next block (None from the last block), and per action set the probabilities
            (B, num_actions).
        """
        parts = []
        if self.sees_pose:
            p = self.r1(torch.cat([self.p_conv0a(pose), self.p_conv0b(pose), self.p_conv0c(pose)], 1))
            parts.append(shrink_clip(p))
        if self.sees_appearance and appearance is not None:
            parts.append(shrink_clip(self.v_conv0(appearance)))
        if xa is not None:
            parts.append(xa)
        return self.pred(self.r2(torch.cat(parts, 1)))


def shrink_clip(x: Tensor) -> Tensor:
    """Zero-pads (T, J) to what two poolings divide evenly, and max-pools: joints by 2, from 16 frames on time by 2."""
    frames, joints = x.shape[-2:]
    time_stride = 2 if frames >= 16 else 1
    pad_t, pad_j = -frames % (2 * time_stride), -joints % 4
    x = F.pad(x, (pad_j // 2, (pad_j + 1) // 2, pad_t // 2, (pad_t + 1) // 2))
    return max_pool_same(x, 2, (time_stride, 2))


class ActionPrediction(nn.Module):
    """Prediction of the action block and re-injection of its heat maps over (time, joints)."""

    def __init__(self, n: int, num_actions: tuple[int, ...], last: bool) -> None:
        super().__init__()
        self.bn1 = BatchNorm(n)
        self.conv1 = Conv(n, n, 3)
        self.bn2 = BatchNorm(n)
        self.conv2h = nn.ModuleList(Conv(n, count, 3) for count in num_actions)
        self.conv3 = None if last else Conv(sum(num_actions), n, 3)

    def forward(self, f: Tensor) -> tuple[Tensor | None, list[Tensor]]:
        u = self.conv1(F.relu(self.bn1(f)))
        v = F.relu(self.bn2(max_min_pool(u)))
        maps = [conv(v) for conv in self.conv2h]
        probabilities = [widened(global_max_min(m)).softmax(-1) for m in maps]
        if self.conv3 is None:
            return None, probabilities
        return f + u + self.conv3(F.relu(upsample2(torch.cat(maps, 1)))), probabilities
