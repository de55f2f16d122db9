"""Depthwise convolutions that train fast on a CPU.

oneDNN's gradient of the weights of a depthwise convolution took 150 of the 430 ms of a training step (growth 64, four
pyramids, 32 crops of 128 pixels, bfloat16, two cores); the loop below, compiled by numba, takes about a tenth of that.
It sums in float32, so that its results are those of a float32 convolution of the same inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deephar_ros.model.blocks import Conv


def speed_up(net: nn.Module) -> int:
    """Lets the depthwise convolutions of a network that trains on a CPU use the fast gradient; how many those are.

    The weights, their names and the results stay. Nothing happens where numba is not installed.
    """
    try:
        weight_gradient = _compiled()
    except ImportError:
        return 0
    depthwise = [m for m in net.modules() if isinstance(m, Conv) and m.groups == m.in_channels > 1 and m.stride[0] == 1]
    for module in depthwise:
        module.forward = _Forward(module, weight_gradient)  # type: ignore[method-assign]
    return len(depthwise)


class _Forward:
    """What replaces the forward method of one depthwise convolution."""

    def __init__(self, module: Conv, weight_gradient: Any) -> None:
        self.module, self.weight_gradient = module, weight_gradient

    def __call__(self, x: Tensor) -> Tensor:
        weight = self.module.weight
        if torch.is_autocast_enabled("cpu"):
            half = torch.get_autocast_dtype("cpu")
            x, weight = x.to(half), weight.to(half)
        return _Depthwise.apply(x, weight, self.weight_gradient)  # type: ignore[no-untyped-call]


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, weight_gradient: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.weight_gradient = weight_gradient
        return _convolve(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        k = weight.shape[-1] // 2
        padded = _rows(F.pad(x, (k, k, k, k)))
        by_weight = ctx.weight_gradient(padded, _rows(gradients[0]), weight.shape[-1])
        grad = torch.from_numpy(by_weight).permute(2, 0, 1)[:, None].to(weight.dtype)
        # The transposed convolution of stride 1 is a convolution with the mirrored kernel.
        return _convolve(gradients[0], weight.flip(-1, -2)), grad, None


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=len(weight))


def _rows(x: Tensor) -> NDArray[np.float32]:
    """(B, C, H, W) -> (B, H, W, C) float32, C contiguous."""
    return x.permute(0, 2, 3, 1).float().contiguous().numpy()


def _compiled() -> Any:
    """Gradient of depthwise weights; numba caches the machine code, so that this is slow only once.

    Raises:
        ImportError: numba is not installed.
    """
    from numba import get_num_threads, njit, prange, set_num_threads

    threads = torch.get_num_threads()
    set_num_threads(min(threads, get_num_threads()))  # its own default is every core
    torch.set_num_threads(threads)  # where both use OpenMP, numba has just given it every core, too

    @njit(parallel=True, fastmath=True, cache=True)
    def weight_gradient(padded, gradient, size):  # type: ignore[no-untyped-def]  # pragma: no cover  # machine code
        """(B, H+k-1, W+k-1, C), (B, H, W, C) -> (k, k, C): the sum over all pictures and places."""
        batch, height, width, channels = gradient.shape
        parts = np.zeros((batch, size, size, channels), np.float32)
        for b in prange(batch):
            for row in range(height):
                for column in range(width):
                    for i in range(size):
                        for j in range(size):
                            for c in range(channels):
                                parts[b, i, j, c] += padded[b, row + i, column + j, c] * gradient[b, row, column, c]
        return parts.sum(0)

    return weight_gradient
