"""The units that SPNet is built from. Everything is channels-first: (batch, channels, rows, columns).

No convolution has a bias; batch normalisation uses Keras' constants, and padding is TensorFlow's 'SAME', because the
published weights were trained with them. Attribute names are the weight names of the released code.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

Kernel = int | tuple[int, int]


def pad_same(x: Tensor, kernel: tuple[int, int], stride: int) -> Tensor:
    """Pads rows and columns as TensorFlow's 'SAME' does for sizes divisible by `stride`: the odd pixel comes last."""
    pads = []
    for k in reversed(kernel):  # F.pad starts with the last axis
        total = max(k - stride, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def max_pool_same(x: Tensor, kernel: int, stride: int | tuple[int, int]) -> Tensor:
    """Max pooling with 'SAME' padding by minus infinity."""
    rows, cols = (stride, stride) if isinstance(stride, int) else stride
    pads = (0, kernel - cols, 0, kernel - rows)  # kernel - stride is 0 or 1 wherever SPNet pools
    if any(pads):
        x = F.pad(x, pads, value=float("-inf"))
    return F.max_pool2d(x, kernel, (rows, cols))


class Conv(nn.Conv2d):
    """Convolution without bias, 'SAME' padding (the extra pixel of a stride-2 convolution at the bottom and right)."""

    def __init__(self, cin: int, cout: int, kernel: Kernel, stride: int = 1, groups: int = 1) -> None:
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (size[0] // 2, size[1] // 2) if stride == 1 else (0, 0)
        super().__init__(cin, cout, size, stride, padding, groups=groups, bias=False)
        nn.init.xavier_uniform_(self.weight)  # Keras' default, "glorot uniform"

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] > 1:
            x = pad_same(x, (self.kernel_size[0], self.kernel_size[1]), self.stride[0])
        return super().forward(x)


class SeparableConv(nn.Module):
    """Depthwise convolution directly followed by a pointwise one, nothing between them."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = Conv(cin, cin, kernel, stride, groups=cin)
        self.pointwise = Conv(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


BATCH_NORM_MOMENTUM = 0.01
"""Keras' 0.99, as PyTorch counts it."""


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation with Keras' epsilon 1e-3 and momentum."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=BATCH_NORM_MOMENTUM)


class ResidualUnit(nn.Module):
    """Pre-activation residual unit, RU in SPNET.md section 1.2; no activation after the sum.

    The shortcut is the raw input where shape allows, else a 1x1 convolution of the *activated* input.
    'depthwise': one separable convolution. 'normal': 1x1 to cout/div channels, BN, ReLU, then k x k to cout.
    """

    def __init__(
        self, cin: int, cout: int, kernel: int, kind: Literal["normal", "depthwise"], stride: int = 1, div: int = 2
    ) -> None:
        super().__init__()
        self.bn1 = BatchNorm(cin)
        self.shortcut_conv = Conv(cin, cout, 1, stride) if cin != cout or stride != 1 else None
        self.bn2: BatchNorm | None = None
        if kind == "depthwise":
            self.conv1: nn.Module = SeparableConv(cin, cout, kernel, stride)
        else:
            self.conv1 = Conv(cin, cout // div, 1)
            self.bn2 = BatchNorm(cout // div)
            self.conv2 = Conv(cout // div, cout, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.bn1(x))
        main = self.conv1(a)
        if self.bn2 is not None:
            main = self.conv2(F.relu(self.bn2(main)))
        return (x if self.shortcut_conv is None else self.shortcut_conv(a)) + main


class DownUnit(nn.Module):
    """Halves the resolution and adds channels (DU in the paper's figure 3)."""

    def __init__(self, cin: int, cout: int, kernel: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.r0 = ResidualUnit(cin, cout, kernel, "depthwise", stride=1 if pool else 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.r0(max_pool_same(x, 2, 2) if self.pool else x)


class UpUnit(nn.Module):
    """Doubles the resolution (nearest neighbour) and takes channels away (UU in the paper's figure 3)."""

    def __init__(self, cin: int, cout: int, kernel: int) -> None:
        super().__init__()
        self.r0 = ResidualUnit(cin, cout, kernel, "depthwise")

    def forward(self, x: Tensor) -> Tensor:
        return self.r0(upsample2(x))


class TransposedUpUnit(nn.Module):
    """The up-scaling unit of the 'conv' variant: BN, ReLU, transposed 2x2 convolution; no residual."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.bn1 = BatchNorm(cin)
        self.convtrans1 = nn.ConvTranspose2d(cin, cout, 2, 2, bias=False)
        nn.init.xavier_uniform_(self.convtrans1.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.convtrans1(F.relu(self.bn1(x)))


def upsample2(x: Tensor) -> Tensor:
    """Nearest-neighbour up-sampling by two."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class EntryFlow(nn.Module):
    """The stem: 256x256x3 in [-1, 1] to level 1, 32x32x288 at full width (SPNET.md section 1.3)."""

    def __init__(self, growth: int, image_div: int, pool: bool) -> None:
        super().__init__()
        g = growth
        self.conv1 = Conv(3, 64, 7, stride=2)
        self.res0 = ResidualUnit(64, g, 3, "normal")
        self.res1 = ResidualUnit(g, 2 * g, 3, "normal")
        self.res2 = ResidualUnit(2 * g, 2 * g, 3, "normal")
        channels, number, div = 2 * g, 3, 4
        self.reductions: list[tuple[str, str]] = []
        while div < image_div:
            pair = (f"res{number}", f"res{number + 1}")
            self.add_module(pair[0], ResidualUnit(channels, channels + g, 3, "normal", stride=1 if pool else 2))
            self.add_module(pair[1], ResidualUnit(channels + g, channels + g, 3, "normal"))
            self.reductions.append(pair)
            channels, number, div = channels + g, number + 2, div * 2
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool_same(self.res0(self.conv1(x)), 3, 2)
        x = self.res2(self.res1(x))
        for first, second in self.reductions:
            x = max_pool_same(x, 2, 2) if self.pool else x
            x = self.get_submodule(second)(self.get_submodule(first)(x))
        return x
