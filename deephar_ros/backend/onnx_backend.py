"""The network in ONNX Runtime: on a CPU twice as fast as PyTorch's own operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch

from deephar_ros.backend.base import DEFAULT_START, Crops, Prediction, Start, first_cuts, load_network
from deephar_ros.backend.onnx_graphs import GraphMaker, Precision
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array

CUDA = "CUDAExecutionProvider"


class _Sessions(NamedTuple):
    """The graphs of one cut; `actions` is None without action blocks."""

    frame: Any
    actions: Any | None


class OnnxBackend:
    """A checkpoint folder run by ONNX Runtime. Its graphs are made when they are first needed, and kept.

    Threads on the CPU: as many as PyTorch has (OMP_NUM_THREADS, else one per core).

    Args:
        folder: checkpoint folder.
        device: "cpu", "cuda:0".
        precision: "float32"; on a CPU also "int8" (backend/int8.py), on CUDA "float16".
        start: what is made ready at once.
        say: called with a sentence if the graphs cannot be kept.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: the ONNX Runtime that is installed here cannot use the device.
    """

    name = "onnxruntime"

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        precision: Precision = "float32",
        start: Start = DEFAULT_START,
        say: Callable[[str], None] = print,
    ) -> None:
        self.device, self.precision = device, precision
        self._providers = _providers(device)
        net, self.spec = load_network(folder, start.input_size)
        self._graphs = GraphMaker(folder, net, self.spec, precision, say)
        self._made: dict[int, _Sessions] = {}
        for pyramids in first_cuts(start, self.spec):
            self.set_cut(pyramids)
        size = self.spec.input_size
        self.predict(np.zeros((1, size, size, 3), np.uint8))  # the first call is slow

    cut: int

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`. A cut that is new takes about half a second for each of its pyramids, the first time
        that this user asks for it."""
        if pyramids not in self._made:
            graphs = self._graphs(pyramids)
            actions = self._session(graphs.actions) if graphs.actions else None
            self._made[pyramids] = _Sessions(self._session(graphs.frame), actions)
        self.cut, self._sessions = pyramids, self._made[pyramids]

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`."""
        return cut_all(cutouts, self.spec.input_size)

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`."""
        poses, *features = self._sessions.frame.run(None, {"crops": np.asarray(crops)})
        return Prediction(poses, features[0] if features else np.zeros((len(crops), 0), np.float32))

    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`; an empty list from a network without action blocks."""
        if self._sessions.actions is None:
            return []
        probabilities: list[Array] = self._sessions.actions.run(None, {"features": clips})
        return probabilities

    def _session(self, graph: bytes) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that wait for their part of an image spin, those that wait for the next image do not: faster than
        # both always and never, and the cores are free between images (docs/speed.md).
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        if self.precision == "int8" and not has_vnni():  # there sums of products of 8 bits overflow
            options.add_session_config_entry("session.x64quantprecision", "1")
        session = onnxruntime.InferenceSession(graph, options, providers=self._providers)
        if self.device != "cpu" and CUDA not in session.get_providers():
            raise ValueError(f"onnxruntime could not use {self.device}, its log says why: use backend 'torch'")
        return session


def has_vnni() -> bool:
    """Whether the processor adds products of 8 bits without overflow (x86); elsewhere the question does not arise."""
    info = Path("/proc/cpuinfo")
    return "vnni" in info.read_text() if info.is_file() else True


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if CUDA not in onnxruntime.get_available_providers():
        raise ValueError(f"the onnxruntime here runs on the CPU alone, not on {device}: pip install onnxruntime-gpu")
    number = device.partition(":")[2] or "0"
    return [(CUDA, {"device_id": number, "use_tf32": "0"}), "CPUExecutionProvider"]
