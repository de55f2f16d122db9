"""Heat maps supervised as maps, and the fast gradient of depthwise convolutions."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from deephar_ros.model.blocks import Conv
from deephar_ros.model.softargmax import confidence, soft_argmax, spatial_softmax
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import LossConfig
from deephar_ros.train.depthwise import speed_up
from deephar_ros.train.losses import heat_map_loss
from deephar_ros.train.objective import HeatMaps, Objective


def descend(target: Tensor, size: int) -> Tensor:
    """Logits that were moved until the loss no longer falls."""
    logits = torch.zeros(*target.shape[:2], size, size, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.5)
    for _ in range(300):
        optimizer.zero_grad()
        heat_map_loss(logits, target).backward()
        optimizer.step()
    return logits.detach()


@pytest.mark.parametrize("size", [2, 4, 16])
def test_the_best_map_has_the_joint_as_its_soft_argmax_and_full_confidence(size: int) -> None:
    target = torch.tensor([[[0.3, 0.8], [0.0, 1.0], [0.47, 0.52]]])
    logits = descend(target, size)
    assert heat_map_loss(logits, target) < 0.01
    maps = spatial_softmax(logits)
    torch.testing.assert_close(soft_argmax(maps), target, atol=0.01, rtol=0)
    assert confidence(maps).min() > 0.99


def test_two_places_left_and_right_of_the_joint_satisfy_coordinates_but_not_maps() -> None:
    target = torch.tensor([[[0.5, 0.5]]])
    split = torch.full((1, 1, 5, 5), -20.0)
    split[0, 0, 2, 0] = split[0, 0, 2, 4] = 0.0
    torch.testing.assert_close(soft_argmax(spatial_softmax(split)), target)
    one = torch.full((1, 1, 5, 5), -20.0)
    one[0, 0, 2, 2] = 0.0
    assert heat_map_loss(one, target) < 1e-6 < 10 < heat_map_loss(split, target)


def test_unknown_joints_do_not_count() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    target = torch.full((2, 3, 3), torch.nan)
    assert heat_map_loss(logits, target) == 0
    target[1, 2, :2] = 0.5
    heat_map_loss(logits, target).backward()
    moved = logits.grad.abs().sum((-2, -1)) > 0
    assert moved.nonzero().tolist() == [[1, 2]]


def test_maps_are_those_of_every_block_of_the_last_training_pass(tiny_net: SPNet) -> None:
    net = copy.deepcopy(tiny_net).train()
    maps = HeatMaps(net)
    images = torch.randn(2, 3, 64, 64)
    net.frames(images)
    poses = net.frames(images).poses
    kept = maps.take()[-len(poses) :]
    for logits, pose in zip(kept, poses, strict=True):
        torch.testing.assert_close(soft_argmax(spatial_softmax(logits)), pose[..., :2])
    assert not maps.take()
    net.eval().frames(images)
    assert not maps.take()


def test_the_objective_adds_the_weighted_divergence_of_each_block(tiny_net: SPNet) -> None:
    net = copy.deepcopy(tiny_net).train()
    maps, images = HeatMaps(net), torch.randn(2, 3, 64, 64)
    poses = net.frames(images).poses
    kept, target = maps.take(), torch.rand(2, net.config.num_joints, 3)
    objective = Objective(net.config, LossConfig(maps=0.25))
    plain, both = objective.pose(poses, target), objective.pose(poses, target, kept)
    expected = 0.25 * sum(heat_map_loss(logits, target) for logits in kept)
    torch.testing.assert_close(both - plain, expected)


@pytest.mark.parametrize(("kernel", "size"), [(3, 8), (5, 16), (5, 2)])
def test_fast_gradients_are_those_of_the_convolution(kernel: int, size: int) -> None:
    pytest.importorskip("numba")
    torch.manual_seed(0)
    plain = Conv(24, 24, kernel, groups=24)
    fast = copy.deepcopy(plain)
    assert speed_up(fast) == 1
    images = torch.randn(3, 24, size, size).contiguous(memory_format=torch.channels_last)
    inputs = [images.clone().requires_grad_() for _ in range(2)]
    outputs = [net(x) for net, x in zip((plain, fast), inputs, strict=True)]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        (output * torch.arange(output.numel()).view_as(output).sin()).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad, atol=1e-4, rtol=1e-4)


def test_only_depthwise_convolutions_are_sped_up(tiny_net: SPNet) -> None:
    pytest.importorskip("numba")
    net = copy.deepcopy(tiny_net)
    depthwise = [m for m in net.modules() if isinstance(m, Conv) and m.groups > 1]
    assert speed_up(net) == len(depthwise) > 0
    assert net.state_dict().keys() == tiny_net.state_dict().keys()


def test_pytorch_keeps_the_threads_it_was_given() -> None:
    pytest.importorskip("numba")
    code = """
import torch
from deephar_ros.model.blocks import Conv
from deephar_ros.train.depthwise import speed_up
net = Conv(8, 8, 3, groups=8)
assert speed_up(net) == 1
net(torch.randn(1, 8, 4, 4)).sum().backward()
print(torch.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "1\n"
