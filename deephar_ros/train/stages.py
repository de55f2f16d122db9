"""What a stage of training does to the network: which weights move, and how batch normalisation works meanwhile.

The released code freezes every layer whose name lacks 'action' for the action stage, so the replica poses too. Keras
2.1.4 lets a frozen batch normalisation still normalise by the batch and only stops its running statistics, so that what
the action path learns from is not what it will see in use. `frozen_norm: running` is the clean way: the frozen part
works as in use. Both are offered; the paper's files take the released way.
"""

from __future__ import annotations

import torch
from torch import nn

from deephar_ros.model.spnet import PredictionBlock, SPNet
from deephar_ros.train.config import StageConfig


def is_action_weight(name: str) -> bool:
    """Whether a weight or module of SPNet belongs to the action path."""
    return name.startswith(("actions.", "action_units."))


def trained_weights(net: SPNet, stage: StageConfig) -> list[nn.Parameter]:
    """Marks and returns the weights that the stage trains."""
    for name, weight in net.named_parameters():
        weight.requires_grad_(stage.train == "all" or is_action_weight(name))
    return [weight for weight in net.parameters() if weight.requires_grad]


def set_mode(net: SPNet, stage: StageConfig) -> None:
    """Training mode, with each batch normalisation as the stage wants it."""
    net.train()
    for name, module in net.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            frozen = stage.train == "action" and not is_action_weight(name)
            module.momentum = 0.0 if frozen else stage.norm_momentum  # 0: running statistics stay
            module.train(not stage.fixed_norm and not (frozen and stage.frozen_norm == "running"))


@torch.no_grad()
def copy_replica(net: SPNet) -> None:
    """Copies the maps' weights to those that the action path reads, which from then on go their own way."""
    for block in net.modules():
        if isinstance(block, PredictionBlock) and block.has_replica:
            block.heatmaps_conv1_replica.load_state_dict(block.heatmaps_conv1.state_dict())
            if block.depthmaps_conv1 is not None and block.depthmaps_conv1_replica is not None:
                block.depthmaps_conv1_replica.load_state_dict(block.depthmaps_conv1.state_dict())
