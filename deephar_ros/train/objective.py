"""What a run minimises: the losses of all supervised prediction blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import PredictionBlock, SPNet
from deephar_ros.train.config import LossConfig
from deephar_ros.train.losses import CoordinateWeights, action_loss, heat_map_loss, pose_loss


class Objective:
    """Sums of losses over the supervised blocks.

    Raises:
        ValueError: `cfg.blocks` names a block that the network does not have.
    """

    def __init__(self, network: SPNetConfig, cfg: LossConfig) -> None:
        self.cfg, self.dim = cfg, network.dim
        self.weights = CoordinateWeights(cross_entropy=cfg.coordinates, depth=cfg.depth)
        stages = network.stages
        names = [f"p{stage.pyramid}_l{stage.level}" for stage in stages]
        chosen = {"all": names, "last": names[-1:]}.get(cfg.blocks[0], list(cfg.blocks))
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise ValueError(f"loss.blocks: the network has no block {unknown[0]}; there are all, last, {names}")
        self.poses = [i for i, name in enumerate(names) if name in chosen]
        acting = [name for name, stage in zip(names, stages, strict=True) if stage.action]
        self.actions = [i for i, name in enumerate(acting) if name in chosen]

    def pose(self, poses: Sequence[Tensor], target: Tensor, maps: Sequence[Tensor] = ()) -> Tensor:
        """Loss of poses (..., J, D+1) of each block, against targets (..., J, 2 or 3), NaN where unknown.

        Args:
            maps: of each block the heat maps' logits (N, J, H, W), if they are supervised, N frames in all.
        """
        target = target[..., : self.dim]
        losses = [pose_loss(poses[i].float(), target, self.cfg.confidence, self.weights) for i in self.poses]
        if maps:
            frames = target.reshape(-1, *target.shape[-2:])
            losses += [self.cfg.maps * heat_map_loss(maps[i], frames) for i in self.poses]
        return torch.stack(losses).sum()

    def action(self, actions: Sequence[Sequence[Tensor]], labels: Tensor) -> Tensor:
        """Weighted loss of probabilities (B, num_actions) per action block and set; labels (B, sets), -1: none."""
        losses = [
            action_loss(probabilities.float(), labels[:, number])
            for i in self.actions
            for number, probabilities in enumerate(actions[i])
        ]
        return self.cfg.action * torch.stack(losses).sum()


class HeatMaps:
    """Keeps the heat maps' logits of a network's forward pass; the network itself only gives coordinates."""

    def __init__(self, net: SPNet) -> None:
        self._kept: list[Tensor] = []
        for block in net.modules():
            if isinstance(block, PredictionBlock):
                block.heatmaps_conv1.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: object, logits: Tensor) -> None:
        if module.training:
            self._kept.append(logits)

    def take(self) -> list[Tensor]:
        """Those of the last pass in training mode, a tensor (N, J, H, W) per block in running order; then none."""
        kept, self._kept = self._kept, []
        return kept
