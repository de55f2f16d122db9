"""The network in ONNX Runtime, on the CPU: two to three times as fast there as PyTorch's own operators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.backend.base import Prediction, first_pyramids
from deephar_ros.backend.onnx_export import InputShape, export_graph
from deephar_ros.checkpoint import ModelSpec, load_checkpoint
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

    Raises:
        CheckpointError: the folder cannot be used.
    """

    name, device = "onnxruntime", "cpu"

    def __init__(self, folder: Path) -> None:
        self._net, self.spec = load_checkpoint(folder)
        self._made: dict[int, _Sessions] = {}
        self.set_cut(self.spec.network.num_pyramids)
        self.predict(np.zeros((1, self.spec.input_size, self.spec.input_size, 3), np.uint8))  # first call is slow

    spec: ModelSpec

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`. A cut that is new takes about half a second for each of its pyramids."""
        if pyramids not in self._made:
            net = first_pyramids(self._net, pyramids)
            self._made[pyramids] = _make(net, replace(self.spec, network=net.config))
        self._sessions = self._made[pyramids]

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """See `Backend.predict`."""
        images = normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)).contiguous().numpy()
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
