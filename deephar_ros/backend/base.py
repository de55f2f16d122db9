"""What a backend is: crops in, poses and action features out; clips of features in, action probabilities out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.geometry import Array
from deephar_ros.model.spnet import SPNet


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
    def spec(self) -> ModelSpec: ...

    @property
    def name(self) -> str:
        """What runs it, one of BACKENDS."""
        ...

    @property
    def device(self) -> str:
        """Where it runs: "cpu", "cuda:0"."""
        ...

    def set_cut(self, pyramids: int) -> None:
        """Ends the network after that many of its `spec.network.num_pyramids` pyramids, from the next call on.

        Feature rows get as long as the action blocks that remain need; they are the beginning of the whole rows.

        Raises:
            ValueError: the network has not as many.
        """
        ...

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """Runs the single-frame path on (N, S, S, 3) RGB crops, S = spec.input_size."""
        ...

    def classify(self, clips: Array) -> list[Array]:
        """Runs the action path on (M, T, K) features of M clips; per action set (M, num_actions), rows sum to 1."""
        ...


def first_pyramids(net: SPNet, pyramids: int) -> SPNet:
    """The network ended after that many of its pyramids; it shares the weights. ValueError if it has not as many."""
    stages = [stage for stage in net.config.stages if stage.pyramid == pyramids]
    if not stages:
        raise ValueError(f"cut {pyramids}: the network has {net.config.num_pyramids} pyramids")
    last = stages[-1]
    if last.is_last:
        return net
    with torch.device("meta"):  # no memory, no initialisation
        smaller = SPNet(replace(net.config, cut=(last.pyramid, last.level)))
    for name, module in list(smaller.named_modules()):
        if name and not list(module.children()):  # layers are shared as they are, so it works for a folded network, too
            parent, _, child = name.rpartition(".")
            smaller.get_submodule(parent).add_module(child, net.get_submodule(name))
    return smaller.train(net.training)
