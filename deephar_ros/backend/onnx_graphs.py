"""The ONNX graphs that the node runs, made once for each checkpoint and kept in the user's cache folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import onnx

from deephar_ros.backend.base import first_pyramids
from deephar_ros.backend.cache import Cache, CacheError, file_hash
from deephar_ros.backend.int8 import RANGES, quantised, read_ranges
from deephar_ros.backend.onnx_export import GraphPrecision, InputShape, export_graph
from deephar_ros.checkpoint import CONFIG, WEIGHTS, ModelSpec
from deephar_ros.model import spnet
from deephar_ros.model.features import section_sizes
from deephar_ros.model.spnet import SPNet

Precision = Literal["float32", "float16", "int8"]


class Graphs(NamedTuple):
    """Of one cut, serialised.

    Attributes:
        frame: `crops` (N, S, S, 3) uint8 RGB -> the last pose, and `features` if there are action blocks.
        actions: `features` (M, T, K) -> probabilities, one output per action set; empty without action blocks.
    """

    frame: bytes
    actions: bytes


class GraphMaker:
    """Makes the graphs of a checkpoint folder, or takes them from the cache.

    Args:
        net, spec: what `load_network` gave for the folder.
        precision: "float32"; "int8" for CPUs, "float16" for GPUs.
        say: called with a sentence if nothing can be kept.
    """

    def __init__(
        self,
        folder: Path,
        net: SPNet,
        spec: ModelSpec,
        precision: Precision,
        say: Callable[[str], None],
    ) -> None:
        self._net, self._spec, self._precision, self._say = net, spec, precision, say
        self._ranges = read_ranges(folder, net) if precision == "int8" else {}
        self._cache = Cache("graphs")
        self._key = {
            "checkpoint": file_hash(folder / WEIGHTS, folder / CONFIG),
            "code": code_hash(),
            "input_size": str(spec.input_size),
            "precision": precision,
            "ranges": file_hash(folder / RANGES) if self._ranges else "",
            **{package: version(package) for package in ("torch", "onnx")},
        }

    def __call__(self, pyramids: int) -> Graphs:
        """The graphs of the network ended after that many pyramids; ValueError if it has not as many."""
        net = first_pyramids(self._net, pyramids)
        return Graphs(
            self._kept(pyramids, "frame", net),
            self._kept(pyramids, "actions", net) if section_sizes(net.config) else b"",
        )

    def _kept(self, pyramids: int, graph: Literal["frame", "actions"], net: SPNet) -> bytes:
        key = {**self._key, "cut": str(pyramids), "graph": graph}
        found = self._cache.read(key)
        if found is not None:
            return found
        spec = replace(self._spec, network=net.config)
        shape = InputShape(frames=spec.clip_frames, height=spec.input_size, width=spec.input_size, dynamic_batch=True)
        precision: GraphPrecision = "float16" if self._precision == "float16" else "float32"
        net = quantised(net, self._ranges) if self._ranges else net
        made = export_graph(net, spec, graph, shape, precision=precision)
        if graph == "frame":
            made = from_pixels(made)
        try:
            self._cache.write(key, made)
        except CacheError as error:
            self._say(str(error))
        return made


def from_pixels(graph: bytes) -> bytes:
    """A graph that takes `crops` (N, H, W, 3) uint8 where the given one takes `images` (N, 3, H, W) in [-1, 1]."""
    model = onnx.load_from_string(graph)
    (images,) = model.graph.input
    batch, channels, height, width = images.type.tensor_type.shape.dim
    steps = [
        onnx.helper.make_node("Transpose", ["crops"], ["planes"], perm=[0, 3, 1, 2]),
        onnx.helper.make_node("Cast", ["planes"], ["wide"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Div", ["wide", "half_range"], ["scaled"]),
        onnx.helper.make_node("Sub", ["scaled", "one"], [images.name]),
    ]
    nodes = [*steps, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for name, value in (("half_range", 127.5), ("one", 1.0)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
    crops = onnx.helper.make_tensor_value_info("crops", onnx.TensorProto.UINT8, [None] * 4)
    for axis, dim in zip(crops.type.tensor_type.shape.dim, (batch, height, width, channels), strict=True):
        axis.CopyFrom(dim)
    model.graph.input[0].CopyFrom(crops)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def code_hash() -> str:
    """Of the source that says what a graph computes; a version number stays the same while somebody works on it."""
    here, model = Path(__file__).parent, Path(spnet.__file__).parent
    files = [*here.glob("onnx_*.py"), here / "fold.py", here / "int8.py", *model.glob("*.py")]
    return file_hash(*sorted(files, key=lambda file: (file.parent.name, file.name)))  # wherever the package lies
