"""A network without batch norms gives what the network gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deephar_ros.backend.base import first_pyramids
from deephar_ros.backend.fold import ScaleShift, folded
from deephar_ros.model.blocks import BatchNorm, ResidualUnit
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import ClipOutput, SPNet

EXACT = 1e-12
"""Float64 rounding, on outputs of the order of 1."""


def used(config: SPNetConfig) -> SPNet:
    """A network in float64 whose batch norms have seen something; scales of both signs, as training makes them."""
    torch.manual_seed(0)
    net = SPNet(config)
    with torch.no_grad():
        net.train()(torch.rand(2, 4, 3, 64, 64) * 2 - 1)
        for module in net.modules():
            if isinstance(module, BatchNorm):
                module.weight.uniform_(-1.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return net.eval().double()


def outputs(net: SPNet) -> list[torch.Tensor]:
    torch.manual_seed(1)
    images = torch.rand(2, 4, 3, 64, 64, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        clip = net(images)
        features = [part for block in net.frames(images[0]).features for part in block]
    assert isinstance(clip, ClipOutput)
    return [*clip.poses, *(p for sets in clip.actions for p in sets), *features]


@pytest.mark.parametrize("growth", [8, 64])  # 64: the first unit's shortcut is its raw input
@pytest.mark.parametrize("downsampling", ["maxpooling", "conv"])
def test_a_folded_network_gives_the_same(tiny_config: SPNetConfig, growth: int, downsampling: str) -> None:
    net = used(replace(tiny_config, growth=growth, downsampling=downsampling, num_pyramids=2))
    without = folded(net)
    assert not [module for module in without.modules() if isinstance(module, BatchNorm)]
    for got, wanted in zip(outputs(without), outputs(net), strict=True):
        assert torch.isfinite(wanted).all()
        torch.testing.assert_close(got, wanted, atol=EXACT, rtol=EXACT)


def test_the_network_itself_stays_as_it_was(tiny_config: SPNetConfig) -> None:
    net = used(tiny_config)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded(net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_batch_norms_that_follow_a_convolution_cost_nothing(tiny_config: SPNetConfig) -> None:
    net = used(tiny_config)
    units = [module for module in folded(net).modules() if isinstance(module, ResidualUnit)]
    assert not [unit for unit in units if isinstance(unit.bn2, ScaleShift)]
    assert len([unit for unit in units if unit.bn2 is not None]) > 5


def test_a_cut_of_a_folded_network_is_the_folded_cut_and_shares_its_weights(
    tiny_config: SPNetConfig,
) -> None:
    net = used(tiny_config)
    whole = folded(net)
    smaller = first_pyramids(whole, 1)
    for got, wanted in zip(outputs(smaller), outputs(folded(first_pyramids(net, 1))), strict=True):
        torch.testing.assert_close(got, wanted, atol=EXACT, rtol=EXACT)
    weights = {value.data_ptr() for value in whole.state_dict().values()}
    assert {value.data_ptr() for value in smaller.state_dict().values()} <= weights


def test_a_folded_network_stays_channels_last(tiny_config: SPNetConfig) -> None:
    x = torch.rand(2, 8, 4, 4).to(memory_format=torch.channels_last)
    assert ScaleShift(torch.rand(8), torch.rand(8))(x).is_contiguous(memory_format=torch.channels_last)
    assert ScaleShift(torch.rand(8), torch.rand(8))(x[:1]).is_contiguous(memory_format=torch.channels_last)
