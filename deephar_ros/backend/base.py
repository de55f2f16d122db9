"""What a backend is: crops in, poses and action features out; clips of features in, action probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol, Union

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.checkpoint import ModelSpec, load_checkpoint
from deephar_ros.cutout import Cutout
from deephar_ros.geometry import Array
from deephar_ros.model.spnet import SPNet

Crops = Union[NDArray[np.uint8], torch.Tensor]  # noqa: UP007  evaluated, and an array type has no | in NumPy 1.21
"""(N, S, S, 3) uint8 RGB, S = spec.input_size: on the host or, as `Backend.crop` may give them, on its device."""


class Start(NamedTuple):
    """What a backend makes ready when it is opened.

    Attributes:
        input_size: side of the crops, pixels; 0: the checkpoint's.
        cut: pyramids that run at first; 0: all.
        every_cut: later, `set_cut` is to be quick for all cuts; else one that is new is made ready when asked for.
        largest_batch: batches of up to so many crops are to be quick from the first on.
    """

    input_size: int = 0
    cut: int = 0
    every_cut: bool = False
    largest_batch: int = 1


DEFAULT_START = Start()


class Prediction(NamedTuple):
    """Of N crops.

    Attributes:
        poses: (N, J, D+1) x, y[, z], confidence in [0, 1], joints in network order.
        features: (N, K) what the action path reads of each crop, packed; opaque to all but the backend.
    """

    poses: Array
    features: Array


class Backend(Protocol):
    """One loaded network. Not safe for calls from several threads at once."""

    @property
    def spec(self) -> ModelSpec:
        """Of the checkpoint; `input_size` is the one that it was opened with."""
        ...

    @property
    def name(self) -> str:
        """What runs it, one of BACKENDS."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0"."""
        ...

    @property
    def precision(self) -> str:
        """Of the convolutions, one of PRECISIONS; soft-argmax, sums under the heat maps and softmax are float32."""
        ...

    @property
    def cut(self) -> int:
        """Pyramids that run."""
        ...

    def set_cut(self, pyramids: int) -> None:
        """Ends the network after that many of its `spec.network.num_pyramids` pyramids, from the next call on.

        Feature rows get as long as the action blocks that remain need; they are the beginning of the whole rows.

        Raises:
            ValueError: the network has not as many.
        """
        ...

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """Resamples N >= 1 windows, where the backend does that best; for the next call of `predict` only."""
        ...

    def predict(self, crops: Crops) -> Prediction:
        """Runs the single-frame path."""
        ...

    def classify(self, clips: Array) -> list[Array]:
        """Runs the action path on (M, T, K) features of M clips; per action set (M, num_actions), rows sum to 1."""
        ...


def first_cuts(start: Start, spec: ModelSpec) -> list[int]:
    """The cuts that are made ready, the one that runs at first in the last place; ValueError if there is no such."""
    whole = spec.network.num_pyramids
    if start.cut > whole:
        raise ValueError(f"cut is {start.cut}, but the model {spec.name} has {whole} pyramids")
    others = range(1, whole + 1) if start.every_cut else ()
    return [*(pyramids for pyramids in others if pyramids != (start.cut or whole)), start.cut or whole]


def load_network(folder: Path, input_size: int = 0) -> tuple[SPNet, ModelSpec]:
    """A checkpoint's network and specification, with crops of another size than it was trained on if not 0.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: the network cannot take that size.
    """
    net, spec = load_checkpoint(folder)
    if not input_size:
        return net, spec
    try:
        return net, replace(spec, input_size=input_size)
    except ValueError as error:
        step = spec.network.size_multiple
        raise ValueError(f"input_size {input_size}: {spec.name} takes multiples of {step} up to 1024") from error


def first_pyramids(net: SPNet, pyramids: int) -> SPNet:
    """The network ended after that many of its pyramids; it shares the weights. ValueError if it has not as many."""
    if not 1 <= pyramids <= net.config.num_pyramids:
        raise ValueError(f"cut {pyramids}: the network has {net.config.num_pyramids} pyramids")
    last = [stage for stage in net.config.stages if stage.pyramid <= pyramids][-1]
    if last.is_last:
        return net
    with torch.device("meta"):  # no memory, no initialisation
        smaller = SPNet(replace(net.config, cut=(last.pyramid, last.level)))
    for name, module in list(smaller.named_modules()):
        if name and not list(module.children()):  # layers are shared as they are, so it works for a folded network, too
            parent, _, child = name.rpartition(".")
            smaller.get_submodule(parent).add_module(child, net.get_submodule(name))
    return smaller.train(net.training)
