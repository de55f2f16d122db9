"""SPNet (Luvizon, Picard, Tabia, TPAMI 2020): 3D pose and action from one network that can be cut at any block.

Reads in the paper's order: entry flow, pyramids of down- and up-scaling units, at every step a prediction block (PB)
whose predictions are re-injected into the features, and an action path that runs over the clip's joints.
Shapes: B batch, T frames, J joints, D coordinates, F features of a level, H x W map. Source: SPNET.md sections 1.3-1.8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deephar_ros.model.action import ActionHead
from deephar_ros.model.blocks import (
    BatchNorm,
    Conv,
    DownUnit,
    EntryFlow,
    ResidualUnit,
    SeparableConv,
    TransposedUpUnit,
    UpUnit,
)
from deephar_ros.model.config import SPNetConfig, Stage
from deephar_ros.model.softargmax import confidence, expected_depth, soft_argmax, spatial_softmax


class ActionFeatures(NamedTuple):
    """All that the action path needs of one frame at one block."""

    pose: Tensor  # B J D   coordinates times confidence
    appearance: Tensor | None  # B J F   visual features averaged under each joint's heat map; None if not looked at


class FrameOutput(NamedTuple):
    """What one pass over single frames gives."""

    poses: list[Tensor]  # per prediction block: B J D+1 = x, y[, z], confidence, all in [0, 1]
    features: list[ActionFeatures]  # per action block


class ClipOutput(NamedTuple):
    """What one pass over whole clips gives."""

    poses: list[Tensor]  # per prediction block: B T J D+1
    actions: list[list[Tensor]]  # per action block, per action set: B num_actions, rows sum to 1


class MapReader(nn.Module):
    """Reads x, y[, z] and confidence from a block's maps; it has no weights."""

    def forward(self, heat_logits: Tensor, depth_logits: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits B J H W -> coordinates B J D, confidence B J 1, heat maps B J H W."""
        h = spatial_softmax(heat_logits)
        coordinates = [soft_argmax(h)]
        if depth_logits is not None:
            coordinates.append(expected_depth(depth_logits, h).unsqueeze(-1))
        return torch.cat(coordinates, -1), confidence(h).unsqueeze(-1), h


class PredictionBlock(nn.Module):
    """A prediction block, PB (paper figure 4): poses of this level, re-injected into the features."""

    def __init__(self, cfg: SPNetConfig, stage: Stage) -> None:
        super().__init__()
        channels, joints, k = stage.channels, cfg.num_joints, cfg.kernel_size
        self.r1 = ResidualUnit(channels, channels, k, "depthwise")
        self.bn1 = BatchNorm(channels)
        self.conv1 = SeparableConv(channels, channels, k)
        self.bn2 = BatchNorm(channels)
        self.heatmaps_conv1 = Conv(channels, joints, 1)
        self.depthmaps_conv1 = Conv(channels, joints, 1) if cfg.dim == 3 else None
        self.reinjects = not stage.is_last
        if self.reinjects:
            self.heatmaps_fw_maps = Conv(channels, joints, 1)
            self.heatmaps_conv2 = Conv(2 * joints, channels, 1)
            if cfg.dim == 3:
                self.depthmaps_conv2 = Conv(joints, channels, 1)
        self.has_replica = cfg.pose_replica and stage.action > 0
        if self.has_replica:
            self.heatmaps_conv1_replica = Conv(channels, joints, 1)
            self.depthmaps_conv1_replica = Conv(channels, joints, 1) if cfg.dim == 3 else None
        self.acts, self.sees_appearance = stage.action > 0, cfg.sees_appearance
        self.read = MapReader()

    def forward(self, x: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, ActionFeatures | None]:
        """
        Args:
            x: B F H W features.
            visual: B F H W features of this level from the first pyramid, which the action path looks at.

        Returns:
            Features with the predictions re-injected (B F H W), pose (B J D+1), and what the action path reads.
        """
        r1 = self.r1(x)
        s1 = self.conv1(F.relu(self.bn1(r1)))
        a = F.relu(self.bn2(s1))
        heat = self.heatmaps_conv1(a)
        depth = None if self.depthmaps_conv1 is None else self.depthmaps_conv1(a)
        coordinates, conf, h = self.read(heat, depth)
        pose = torch.cat([coordinates, conf], -1)

        features = None
        if self.acts:
            if self.has_replica:
                replica_depth = None if self.depthmaps_conv1_replica is None else self.depthmaps_conv1_replica(a)
                coordinates, conf, h = self.read(self.heatmaps_conv1_replica(a), replica_depth)
            appearance = None
            if self.sees_appearance:
                appearance = torch.einsum("bjhw,bfhw->bjf", h, visual.to(h.dtype))  # float32, as the maps are
            features = ActionFeatures(coordinates * conf, appearance)

        out = r1 + s1
        if self.reinjects:
            out = out + self.heatmaps_conv2(F.relu(torch.cat([self.heatmaps_fw_maps(a), heat], 1)))
            if depth is not None:
                out = out + self.depthmaps_conv2(depth)
        return out, pose, features


class SPNet(nn.Module):
    """The multi-task network. Images are RGB in [-1, 1], channels first, sides multiples of `config.size_multiple`."""

    def __init__(self, config: SPNetConfig) -> None:
        super().__init__()
        self.config = config
        pool = config.downsampling == "maxpooling"
        self.entry = EntryFlow(config.growth, config.image_div, pool)
        self.resize, self.blocks, self.action_units, self.actions = (nn.ModuleDict() for _ in range(4))
        channels = config.entry_channels
        for stage in config.stages:
            self.resize[stage.resize_name] = _resize_unit(config, stage, channels)
            self.blocks[stage.block_name] = PredictionBlock(config, stage)
            channels = stage.channels
            if stage.action:
                self.actions[f"act{stage.action}"] = ActionHead(config, stage)
            if stage.action > 1:
                n = config.num_action_features
                self.action_units[f"{stage.resize_name}_action_r0"] = ResidualUnit(n, n, 3, "depthwise")

    def forward(self, images: Tensor) -> FrameOutput | ClipOutput:
        """Single frames B 3 H W, or clips B T 3 H W."""
        if images.dim() == 4:
            return self.frames(images)
        batch = images.shape[0]
        poses, features = self.frames(images.flatten(0, 1))

        def unfold(x: Tensor) -> Tensor:
            return x.unflatten(0, (batch, -1))

        clip = [
            ActionFeatures(unfold(f.pose), None if f.appearance is None else unfold(f.appearance)) for f in features
        ]
        return ClipOutput([unfold(p) for p in poses], self.clip_actions(clip))

    def frames(self, images: Tensor) -> FrameOutput:
        """The single-frame path: B 3 H W -> poses and, per action block, what the action path needs."""
        multiple = self.config.size_multiple
        if images.shape[-1] % multiple or images.shape[-2] % multiple:
            raise ValueError(f"image size {tuple(images.shape[-2:])} is not a multiple of {multiple}")
        x = self.entry(images)
        lateral, visual = {1: x}, {1: x}  # by level: last PB output; first pyramid's features
        poses, features = [], []
        for stage in self.config.stages:
            x = self.resize[stage.resize_name](x)
            visual.setdefault(stage.level, x)  # taken before the lateral sum, and never again
            if stage.level in lateral:
                x = x + lateral[stage.level]
            x, pose, feature = self.blocks[stage.block_name](x, visual[stage.level])
            lateral[stage.level] = x
            poses.append(pose)
            if feature is not None:
                features.append(feature)
        return FrameOutput(poses, features)

    def clip_actions(self, features: list[ActionFeatures]) -> list[list[Tensor]]:
        """The action path: per action block B T J D and B T J F (or None) -> per block and set B num_actions."""
        xa: Tensor | None = None
        lateral: dict[int, Tensor] = {}  # by level: last action features
        outputs: list[list[Tensor]] = []
        for stage in self.config.stages:
            if stage.action:
                if xa is not None:
                    xa = self.action_units[f"{stage.resize_name}_action_r0"](xa)
                    xa = xa + lateral[stage.level] if stage.level in lateral else xa
                f = features[stage.action - 1]
                precision = self.entry.conv1.weight.dtype  # what is under the heat maps was summed up in float32
                planes = [None if part is None else part.permute(0, 3, 1, 2).to(precision) for part in f]  # B C T J
                xa, probabilities = self.actions[f"act{stage.action}"](*planes, xa)
                outputs.append(probabilities)
            if xa is not None:
                lateral[stage.level] = xa
        return outputs

    def cut(self, pyramid: int, level: int) -> SPNet:
        """A network that ends with the prediction block (pyramid, level); it shares the weights that it keeps."""
        with torch.device("meta"):  # no memory, no initialisation
            smaller = SPNet(replace(self.config, cut=(pyramid, level)))
        smaller.load_state_dict(self.state_dict(), strict=False, assign=True)  # what is cut off has no place
        return smaller.train(self.training)


def _resize_unit(cfg: SPNetConfig, stage: Stage, channels: int) -> nn.Module:
    pool = cfg.downsampling == "maxpooling"
    if stage.goes_down:
        return DownUnit(channels, stage.channels, cfg.kernel_size, pool)
    return UpUnit(channels, stage.channels, cfg.kernel_size) if pool else TransposedUpUnit(channels, stage.channels)
