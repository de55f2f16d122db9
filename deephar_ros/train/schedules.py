"""Optimizers and learning rates, the paper's and today's (SPNET.md section 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from deephar_ros.train.config import OptimizerConfig, ScheduleConfig


def make_optimizer(cfg: OptimizerConfig, weights: Iterable[nn.Parameter]) -> Optimizer:
    """The optimizer, with Keras 2.1.4's constants for those of the paper."""
    if cfg.kind == "rmsprop":
        return RMSprop(weights, cfg.learning_rate, alpha=0.9, eps=1e-7, weight_decay=cfg.weight_decay)
    if cfg.kind == "sgd":
        return SGD(weights, cfg.learning_rate, momentum=0.9, nesterov=True, weight_decay=cfg.weight_decay)
    return AdamW(weights, cfg.learning_rate, weight_decay=cfg.weight_decay)


def rate_factor(cfg: ScheduleConfig, epoch: float, epochs: float) -> float:
    """By what the learning rate is multiplied `epoch` (fraction included) epochs into a stage of `epochs`."""
    if epoch < cfg.warm_up:
        return epoch / cfg.warm_up
    if cfg.kind == "steps":
        return cfg.factor ** sum(epoch >= drop for drop in cfg.drops)
    if cfg.kind == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / epochs)))
    return 1.0
