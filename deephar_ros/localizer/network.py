"""The localizer's network: a small residual network with a top-down path, one output per 8 x 8 pixels.

"Objects as points" (Zhou et al. 2019): a heat map that peaks at the middle of each box. Beside it, as in FCOS (Tian et
al. 2019), the distances from the cell to the four sides of the box, which say size and offset at once. Plain 3x3
convolutions: depthwise-separable ones took as long per frame on CPUs and twice as long to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu
from torch.nn.utils.fusion import fuse_conv_bn_eval

STRIDE = 8
"""Pixels per cell of the output."""

MULTIPLE = 32
"""The sides of the input are multiples of this."""

_RARE = -4.6
"""Logit of 1 %: a new network expects hardly any person anywhere, else the first steps blow up (RetinaNet)."""


@dataclass(frozen=True)
class NetworkConfig:
    """Channels at strides 2, 4, 8, 16, 32; residual blocks at strides 4 to 32; channels of the top-down path."""

    channels: tuple[int, int, int, int, int] = (16, 24, 48, 96, 128)
    blocks: tuple[int, int, int, int] = (0, 2, 2, 2)
    features: int = 48


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, and ReLU unless `linear`."""

    def __init__(self, cin: int, cout: int, kernel: int = 3, stride: int = 1, linear: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(cout)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.linear else relu(x, inplace=True)


class Residual(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.second(self.first(x)), inplace=True)


class Outputs(NamedTuple):
    """What the network says of each cell of 8 x 8 pixels.

    Attributes:
        heat: (B, H/8, W/8) logits: how near it is to the middle of a person's box.
        log_sides: (B, 4, H/8, W/8) logarithms of the distances from its middle to the left, top, right and bottom side
            of that box, in cells.
        body: (B, H/8, W/8) logits: how much of it people's bodies cover. Trained beside the others because it teaches
            more per picture than a few boxes do; nothing reads it at run time.
    """

    heat: Tensor
    log_sides: Tensor
    body: Tensor


class LocalizerNet(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1], H and W multiples of 32 -> `Outputs`."""

    def __init__(self, cfg: NetworkConfig) -> None:
        super().__init__()
        self.stem = ConvNorm(3, cfg.channels[0], stride=2)
        steps = zip(cfg.channels[:-1], cfg.channels[1:], cfg.blocks, strict=True)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNorm(cin, cout, stride=2), *(Residual(cout) for _ in range(blocks)))
            for cin, cout, blocks in steps
        )
        levels, features = cfg.channels[2:], cfg.features
        self.lateral = nn.ModuleList(ConvNorm(channels, features, 1, linear=True) for channels in levels)
        self.merge = nn.ModuleList(ConvNorm(features, features) for _ in levels)
        self.head = ConvNorm(features, features)
        self.out = nn.Conv2d(features, 6, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias.copy_(torch.tensor([_RARE, 1.0, 1.0, 1.0, 1.0, _RARE]))

    def forward(self, pictures: Tensor) -> Outputs:
        x = self.stem(pictures)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        top: Tensor | None = None
        for level, lateral, merge in zip(levels[:0:-1], reversed(self.lateral), reversed(self.merge), strict=True):
            side = lateral(level)
            top = merge(relu(side if top is None else side + interpolate(top, scale_factor=2.0)))
        out = self.out(self.head(top))
        return Outputs(out[:, 0], out[:, 1:5], out[:, 5])


def fold(net: LocalizerNet) -> LocalizerNet:
    """Draws each normalisation into the convolution before it, in place: the same outputs in less time."""
    net.eval()
    for module in net.modules():
        if isinstance(module, ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return net
