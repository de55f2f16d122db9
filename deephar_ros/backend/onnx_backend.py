"""The network in ONNX Runtime, on the CPU: two to three times as fast there as PyTorch's own operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from deephar_ros.backend.base import DEFAULT_START, Crops, Prediction, Start, first_cuts, first_pyramids, load_network
from deephar_ros.backend.onnx_export import InputShape, export_graph
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array
from deephar_ros.model.features import section_sizes
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise


class _Sessions(NamedTuple):
    """The graphs of one cut; `actions` is None without action blocks."""

    frame: Any
    actions: Any | None


class OnnxBackend:
    """A checkpoint folder run by ONNX Runtime in float32. Its graphs are made when they are first needed.

    Args:
        folder: checkpoint folder.
        start: what is made ready at once.

    Raises:
        CheckpointError: the folder cannot be used.
    """

    name, device, precision = "onnxruntime", "cpu", "float32"

    def __init__(self, folder: Path, start: Start = DEFAULT_START) -> None:
        self._net, self.spec = load_network(folder, start.input_size)
        self._made: dict[int, _Sessions] = {}
        for pyramids in first_cuts(start, self.spec):
            self.set_cut(pyramids)
        self.predict(np.zeros((1, self.spec.input_size, self.spec.input_size, 3), np.uint8))  # first call is slow

    spec: ModelSpec
    cut: int

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`. A cut that is new takes about half a second for each of its pyramids."""
        if pyramids not in self._made:
            net = first_pyramids(self._net, pyramids)
            self._made[pyramids] = _make(net, replace(self.spec, network=net.config))
        self.cut, self._sessions = pyramids, self._made[pyramids]

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`."""
        return cut_all(cutouts, self.spec.input_size)

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`."""
        images = normalise(torch.as_tensor(crops).permute(0, 3, 1, 2)).contiguous().numpy()
        poses, *features = self._sessions.frame.run(None, {"images": images})
        return Prediction(poses, features[0] if features else np.zeros((len(crops), 0), np.float32))

    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`; an empty list from a network without action blocks."""
        if self._sessions.actions is None:
            return []
        probabilities: list[Array] = self._sessions.actions.run(None, {"features": clips})
        return probabilities


def _make(net: SPNet, spec: ModelSpec) -> _Sessions:
    shape = InputShape(frames=spec.clip_frames, height=spec.input_size, width=spec.input_size, dynamic_batch=True)
    acts = bool(section_sizes(net.config))
    return _Sessions(
        _session(export_graph(net, spec, "frame", shape)),
        _session(export_graph(net, spec, "actions", shape)) if acts else None,
    )


def _session(graph: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads that spin while they wait for the next image would keep the cores busy between images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
