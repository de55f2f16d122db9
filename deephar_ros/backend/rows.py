"""The network as functions from one tensor to one tensor, so that one copy brings back all of a frame."""

from __future__ import annotations

import torch
from torch import Tensor

from deephar_ros.backend.base import Prediction
from deephar_ros.geometry import Array
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack, unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise


def frame_rows(net: SPNet, crops: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, J*(D+1) + K) float32: each crop's last pose, then its features as `pack` lays them."""
    images = normalise(crops.permute(0, 3, 1, 2))  # of (N, S, S, 3): so it is channels-last already
    poses, features = net.frames(images.to(net.entry.conv1.weight.dtype))
    return torch.cat([poses[-1].flatten(1), *([pack(features)] if features else [])], 1)


def action_rows(net: SPNet, clips: Tensor) -> Tensor:
    """(M, T, K) float32 features -> (M, sum of num_actions) float32: the last block's probabilities, set after set."""
    return torch.cat(net.clip_actions(unpack(clips, net.config))[-1], 1)


def split_frame_rows(rows: Array, config: SPNetConfig) -> Prediction:
    """The inverse of what `frame_rows` puts together."""
    width = config.num_joints * (config.dim + 1)
    return Prediction(rows[:, :width].reshape(-1, config.num_joints, config.dim + 1), rows[:, width:])


def split_action_rows(rows: Array, config: SPNetConfig) -> list[Array]:
    """Per action set (M, num_actions)."""
    ends = [sum(config.num_actions[: i + 1]) for i in range(len(config.num_actions))]
    return [rows[:, end - count : end] for end, count in zip(ends, config.num_actions, strict=True)]
