"""The network in TensorRT, on CUDA: engines from the cache, or built once and kept there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from deephar_ros.backend.base import DEFAULT_START, Crops, Start, load_network
from deephar_ros.backend.cache import Cache
from deephar_ros.backend.cuts import Cut, CutBackend
from deephar_ros.backend.device_crop import DeviceCropper
from deephar_ros.backend.engine_cache import ENGINES, Gpu, engine_key, why_no_engine
from deephar_ros.backend.engine_error import EngineError, NoEngine
from deephar_ros.backend.lane import BUCKETS, Buckets, Function, Lane
from deephar_ros.backend.onnx_export import GraphName, GraphPrecision, InputShape, export_graph
from deephar_ros.backend.tensorrt_build import Profile, build_engine, load_tensorrt
from deephar_ros.backend.tensorrt_engine import Engine
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.cutout import Cutout
from deephar_ros.model.features import section_sizes
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise

PROFILE = Profile()


class TensorRtBackend(CutBackend):
    """A checkpoint folder run by TensorRT, as recorded CUDA graphs, crops included. A cut whose engines are not in the
    cache is built when it is asked for, which takes minutes.

    Args:
        folder: checkpoint folder.
        device: a CUDA device.
        precision: of the convolutions, "float16" or "float32".
        start: what is made ready at once.
        say: called with a sentence about engines that are built, every 5 seconds while that goes on.
        build: build engines that are missing, which takes minutes.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: the network has no such cut or size.
        EngineError: there is no GPU, or TensorRT cannot build or run an engine.
        NoEngine: an engine is missing, and `build` is False.
    """

    name = "tensorrt"

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        precision: GraphPrecision = "float16",
        start: Start = DEFAULT_START,
        say: Callable[[str], None] = print,
        build: bool = True,
    ) -> None:
        if device.type != "cuda":
            raise EngineError(f"TensorRT runs on CUDA devices, not on {device}")
        self._trt = load_tensorrt()
        net, self.spec = load_network(folder, start.input_size)
        self._folder, self._where, self._say, self._build = folder, device, say, build
        self.device = str(device)
        self.precision: GraphPrecision = precision
        self._largest = start.largest_batch
        self._lane = Lane(device)
        self._cropper = DeviceCropper(self._lane, self.spec.input_size, torch.float16)
        self._open(net, start)

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`."""
        return self._cropper(cutouts)

    def _make(self, net: SPNet) -> Cut:
        size, sizes = self.spec.input_size, tuple(size for size in BUCKETS if size <= PROFILE.most)
        engine = self._engine(net, "frame")
        frame = Buckets(
            self._lane, lambda batch: _on_pixels(engine.function(batch)), (size, size, 3), torch.uint8, sizes
        )
        frame.prepare(self._largest)
        if not section_sizes(net.config):
            return Cut(net.config, frame, None)
        shape = (self.spec.clip_frames, sum(section_sizes(net.config)))
        actions = Buckets(self._lane, self._engine(net, "actions").function, shape, torch.float32, sizes)
        actions.prepare(self._largest)
        return Cut(net.config, frame, actions)

    def _engine(self, net: SPNet, graph: GraphName) -> Engine:
        """From the cache, or built and put there."""
        spec = replace(self.spec, network=net.config)
        gpu = Gpu.of(self._where)
        key = engine_key(self._folder, spec, graph, self.precision, str(PROFILE), self._trt.__version__, gpu)
        cache = Cache(ENGINES)
        content = cache.read(key)
        if content is not None:
            try:
                return Engine(self._trt, content, self._where)
            except EngineError as error:
                why = str(error)
        else:
            why = why_no_engine(cache, key)
        if not self._build:
            raise NoEngine(why)
        what = f"{graph} of {spec.name} in {self.precision} for {gpu.name}"
        self._say(f"{why}: the engine {what} is built, which takes minutes")
        built = self._built(net, spec, graph, what)
        try:
            cache.write(key, built)
        except OSError as error:
            self._say(f"the engine is not kept, and is built again at the next start: {error}")
        return Engine(self._trt, built, self._where)

    def _built(self, net: SPNet, spec: ModelSpec, graph: GraphName, what: str) -> bytes:
        size = spec.input_size
        shape = InputShape(frames=spec.clip_frames, height=size, width=size, dynamic_batch=True)
        exported = export_graph(net, spec, graph, shape, precision=self.precision, device=self.device)
        with torch.cuda.device(self._where):
            return build_engine(self._trt, exported, PROFILE, what, self._say)


def _on_pixels(function: Function) -> Function:
    """The function of images, as one of crops (N, S, S, 3) uint8."""

    def run(crops: Tensor) -> Tensor:
        return function(normalise(crops.permute(0, 3, 1, 2)))

    return run
