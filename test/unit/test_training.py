"""Losses and metrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deephar_ros.skeleton import LSP14
from deephar_ros.train.losses import elastic_net, pose_loss
from deephar_ros.train.metrics import torso_pck


def test_elastic_net_by_hand() -> None:
    predicted = torch.tensor([[[0.5, 0.5], [0.1, 0.9]], [[0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.3, 0.6], [torch.nan, torch.nan]], [[torch.nan] * 2] * 2])
    torch.testing.assert_close(elastic_net(predicted, target), torch.tensor([(0.2 + 0.04 + 0.1 + 0.01) / 2, 0.0]))


def test_pose_loss_rewards_confidence_where_joints_are_seen() -> None:
    target = torch.tensor([[[0.5, 0.5], [torch.nan, torch.nan]]])
    right, wrong = (
        torch.tensor([[[0.5, 0.5, 0.9], [0.3, 0.3, 0.1]]]),
        torch.tensor([[[0.5, 0.5, 0.1], [0.3, 0.3, 0.9]]]),
    )
    assert pose_loss(right, target).item() == pytest.approx(0.01 * -np.log(0.9), rel=1e-4)
    assert pose_loss(wrong, target) > pose_loss(right, target)


def test_unknown_coordinates_have_no_gradient() -> None:
    pose = torch.rand(1, 2, 4, requires_grad=True)
    elastic_net(pose[..., :2], torch.tensor([[[0.5, 0.5], [torch.nan, torch.nan]]])).sum().backward()
    assert pose.grad is not None
    assert pose.grad[0, 0, :2].abs().min() > 0
    assert pose.grad[0, 1].abs().max() == 0
    assert pose.grad[0, :, 2:].abs().max() == 0


def test_pck_counts_joints_within_a_fifth_of_the_torso() -> None:
    truth = np.zeros((2, 14, 2))
    truth[:, LSP14.index("left_shoulder")] = [0, 0]
    truth[:, LSP14.index("right_hip")] = [0, 100]
    predicted = truth.copy()
    predicted[0, 0] += [19, 0]
    predicted[1, 0] += [21, 0]
    truth[:, 13] = np.nan
    pck = torso_pck(predicted, truth, LSP14)
    assert pck[0] == 50
    assert pck[1] == 100
    assert np.isnan(pck[13])
