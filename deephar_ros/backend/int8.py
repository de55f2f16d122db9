"""Convolutions in 8-bit integers, for processors that multiply those faster (AVX512-VNNI, AVX-VNNI).

Weights get a scale for each output channel, activations one for each tensor: the range that it took in over pictures
like those to come (`python -m deephar_ros.cli.calibrate`), kept beside the weights in `int8.json`. The first
convolution, the maps and all that follows them, and the action path stay in float32: they cost little, and it is there
that 8 bits would be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deephar_ros.backend.cache import file_hash
from deephar_ros.backend.fold import folded
from deephar_ros.checkpoint import WEIGHTS, CheckpointError
from deephar_ros.files import FileError, read_json, whole_file
from deephar_ros.model.blocks import Conv
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise

RANGES = "int8.json"
"""In a checkpoint folder: the ranges, and the SHA-256 of the weights that they belong to."""
FLOAT_PARTS = ("entry.conv1", "actions.", "action_units.")
"""What stays in float32, besides the maps: beginnings of names."""


class Range(NamedTuple):
    """Smallest and largest values that go into a convolution and that come out of it; all include 0."""

    least_in: float
    most_in: float
    least_out: float
    most_out: float

    def with_values(self, given: Tensor, out: Tensor) -> Range:
        low_in, high_in, low_out, high_out = (
            float(edge) for tensor in (given, out) for edge in (tensor.min(), tensor.max())
        )
        return Range(
            min(self.least_in, low_in),
            max(self.most_in, high_in),
            min(self.least_out, low_out),
            max(self.most_out, high_out),
        )


Ranges = dict[str, Range]
"""By the convolution's name in the network."""


class QuantisedConv(nn.Module):
    """A convolution of rounded values with rounded weights, as integers would give it; exported, it is one of them."""

    scales: Tensor
    zeros: Tensor

    def __init__(self, conv: Conv, measured: Range) -> None:
        super().__init__()
        self.conv = conv
        self._given, self._out = _steps(measured.least_in, measured.most_in), _steps(*measured[2:])
        self.register_buffer("scales", conv.weight.detach().abs().amax((1, 2, 3)).clamp_min(1e-12) / 127)
        self.register_buffer("zeros", torch.zeros(len(conv.weight), dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        x = torch.fake_quantize_per_tensor_affine(x, *self._given, 0, 255)
        weight = torch.fake_quantize_per_channel_affine(conv.weight, self.scales, self.zeros, 0, -128, 127)
        out = F.conv2d(x, weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        return torch.fake_quantize_per_tensor_affine(out, *self._out, 0, 255)


def measure_ranges(net: SPNet, batches: Iterable[NDArray[np.uint8]]) -> Ranges:
    """What the convolutions see while the network looks at batches of (N, S, S, 3) RGB crops."""
    net = folded(net)
    found: Ranges = {}

    def note(name: str, module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        found[name] = found.get(name, Range(0.0, 0.0, 0.0, 0.0)).with_values(given[0], out)

    for name in _names(net):
        net.get_submodule(name).register_forward_hook(partial(note, name))
    with torch.inference_mode():
        for crops in batches:
            net.frames(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)))
    return found


def quantised(net: SPNet, ranges: Ranges) -> SPNet:
    """A copy whose convolutions are those of 8-bit integers; its batch norms are folded, it cannot be trained."""
    net = folded(net)
    for name in _names(net):
        parent, _, child = name.rpartition(".")
        conv = net.get_submodule(name)
        assert isinstance(conv, Conv)
        net.get_submodule(parent).add_module(child, QuantisedConv(conv, ranges[name]))
    return net.eval()


def write_ranges(folder: Path, ranges: Ranges, crops: int) -> None:
    """Puts the ranges, measured on so many crops, beside the weights; OSError if that fails."""
    document = {"weights": file_hash(folder / WEIGHTS), "crops": crops, "ranges": ranges}
    with whole_file(folder / RANGES) as file:
        file.write(json.dumps(document, indent=1).encode() + b"\n")


def read_ranges(folder: Path, net: SPNet) -> Ranges:
    """The ranges of this network; CheckpointError, with the remedy, if they are not there or not of these weights."""
    remedy = f"python -m deephar_ros.cli.calibrate {folder} PICTURES makes it"
    if not (folder / RANGES).is_file():
        raise CheckpointError(f"precision int8 needs {folder / RANGES}, which is not there; {remedy}")
    try:
        document = read_json(folder / RANGES)
        ranges = {str(name): Range(*map(float, edges)) for name, edges in document["ranges"].items()}
        weights = document["weights"]
    except (FileError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{folder / RANGES} cannot be read ({error}); {remedy}") from error
    whole = all(np.isfinite(edges).all() and edges[0] <= 0 <= edges[1] for edges in ranges.values())
    if weights != file_hash(folder / WEIGHTS) or set(ranges) != set(_names(net)) or not whole:
        raise CheckpointError(f"{folder / RANGES} is not of these weights; {remedy} anew")
    return ranges


def _names(net: SPNet) -> list[str]:
    return [
        name
        for name, module in net.named_modules()
        if isinstance(module, Conv) and not name.startswith(FLOAT_PARTS) and "maps" not in name
    ]


def _steps(least: float, most: float) -> tuple[float, int]:
    """Size of a step, and which of 0..255 stands for zero."""
    step = max((most - least) / 255, 1e-12)
    return step, round(-least / step)
