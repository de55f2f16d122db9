"""A network for running only: its batch norms, whose numbers are fixed, go into convolutions or become one pass.

The network activates *before* it convolves (BN, ReLU, convolution), and what a BN reads is in most places read raw by a
shortcut, too. So a BN can go backwards into a convolution only where that convolution alone feeds it and nothing else
reads the sum:

- `bn2` of a `ResidualUnit` of kind "normal", into its `conv1`;
- `entry.res0.bn1` into `entry.conv1`, if the unit's shortcut convolves (growth other than 64).

Forwards through the ReLU into the next convolution would need as much as a border of another value per channel, and a
large sum of which little remains, which half precision does not bear. All others become `ScaleShift`.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from deephar_ros.model.blocks import BatchNorm, Conv, ResidualUnit
from deephar_ros.model.spnet import SPNet


class ScaleShift(nn.Module):
    """(B, C, H, W) times a number plus a number per channel: one pass, where a BN computes its scale anew."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.reshape(1, -1, 1, 1))
        self.register_buffer("shift", shift.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():  # which makes an addcmul a product with 1.0, and so float32 of half
            return x * self.scale + self.shift
        return torch.addcmul(self.shift, x, self.scale)


def folded(net: SPNet) -> SPNet:
    """A copy that gives what the network gives in evaluation mode, without batch norms; it cannot be trained."""
    net = copy.deepcopy(net).eval().requires_grad_(False)
    for unit in [module for module in net.modules() if isinstance(module, ResidualUnit)]:
        if isinstance(unit.bn2, BatchNorm) and isinstance(unit.conv1, Conv):
            _fold(unit.conv1, unit.bn2)
            unit.add_module("bn2", nn.Identity())
    if net.entry.res0.shortcut_conv is not None:
        _fold(net.entry.conv1, net.entry.res0.bn1)
        net.entry.res0.add_module("bn1", nn.Identity())
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, BatchNorm):
                parent.add_module(name, ScaleShift(*_affine(child)))
    return net


def _fold(conv: Conv, bn: BatchNorm) -> None:
    scale, shift = _affine(bn)
    conv.weight = nn.Parameter(conv.weight * scale.reshape(-1, 1, 1, 1), requires_grad=False)
    conv.bias = nn.Parameter(shift, requires_grad=False)


def _affine(bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """(C,) scale and shift, computed in float64."""
    assert bn.running_mean is not None
    assert bn.running_var is not None
    mean, variance = bn.running_mean.double(), bn.running_var.double()
    scale = bn.weight.double() / (variance + bn.eps).sqrt()
    return scale.to(bn.weight.dtype), (bn.bias.double() - mean * scale).to(bn.weight.dtype)
