"""TensorRT engines from ONNX graphs. One code path for 8.6 (JetPack 6.0), 10 and 11.

Precision stands in the graph. From 10 on networks can be strongly typed, and 11 knows nothing else: what the graph has
in half runs in half, the rest in float32. 8.6 takes types as a proposal, so there half is allowed and every layer that
the graph has in float32 is pinned to it.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from deephar_ros.backend.engine_error import EngineError
from deephar_ros.backend.progress import Ticker
from deephar_ros.files import brief

OLDEST = (8, 6)
MESSAGES = 3
"""Of TensorRT's own messages, so many are passed on."""


@dataclass(frozen=True)
class Profile:
    """Batch sizes of an engine: it takes `least` to `most`, and its kernels are chosen for `best`."""

    least: int = 1
    best: int = 4
    most: int = 16

    def __str__(self) -> str:
        return f"{self.least} to {self.most}, best at {self.best}"


def load_tensorrt() -> Any:
    """The module tensorrt; EngineError if it cannot be imported or is too old."""
    try:
        trt = importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise EngineError(f"TensorRT cannot be imported: {brief(error)}") from error
    if tuple(map(int, trt.__version__.split(".")[:2])) < OLDEST:
        raise EngineError(f"TensorRT {trt.__version__} is too old: 8.6 or later is needed")
    return trt


def build_engine(trt: Any, graph: bytes, profile: Profile, what: str, say: Callable[[str], None]) -> bytes:
    """Builds for the GPU that is current; takes minutes, and says so every 5 seconds.

    Args:
        trt: the module tensorrt.
        graph: ONNX with one input, whose batch alone is dynamic.
        what: the engine's name for people.

    Raises:
        EngineError: it cannot be built; nothing was written.
    """
    log, said = collecting_log(trt)
    try:
        builder = trt.Builder(log)
    except TypeError as error:  # what the binding makes of a null pointer
        raise EngineError(f"TensorRT {trt.__version__} cannot use this GPU ({_last(said)})") from error
    network = builder.create_network(network_flags(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(graph):
        errors = [str(parser.get_error(i)) for i in range(parser.num_errors)]
        raise EngineError(f"TensorRT {trt.__version__} cannot read {what} ({_last(errors)})")
    config = builder.create_builder_config()
    _set_profile(builder, network, config, profile)
    _set_precision(trt, network, config, graph)
    with Ticker(f"building the engine {what}, once", say) as ticker:
        monitor = progress_monitor(trt, ticker)
        if monitor is not None:
            config.progress_monitor = monitor
        engine = builder.build_serialized_network(network, config)
        seconds = ticker.seconds
    if engine is None:
        raise EngineError(f"TensorRT {trt.__version__} cannot build {what} ({_last(said)})")
    say(f"the engine {what} was built in {seconds:.0f} s")
    return bytes(engine)


def is_strongly_typed(trt: Any) -> bool:
    """Whether this TensorRT can take every type from the graph."""
    return "STRONGLY_TYPED" in trt.NetworkDefinitionCreationFlag.__members__


def network_flags(trt: Any) -> int:
    """What `create_network` is to be given: 10 ignores EXPLICIT_BATCH, and 11 does not know it any more."""
    known = trt.NetworkDefinitionCreationFlag.__members__
    wanted = "STRONGLY_TYPED" if is_strongly_typed(trt) else "EXPLICIT_BATCH"
    return 1 << int(known[wanted]) if wanted in known else 0


def collecting_log(trt: Any) -> tuple[Any, deque[str]]:
    """A logger for TensorRT that prints nothing, and the last of its warnings and errors."""
    said: deque[str] = deque(maxlen=MESSAGES)
    levels = trt.ILogger.Severity
    heard = (levels.INTERNAL_ERROR, levels.ERROR, levels.WARNING)

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in heard:
                said.append(message)

    return Log(), said


def progress_monitor(trt: Any, ticker: Ticker) -> Any | None:
    """What tells the ticker how far a build is; None before TensorRT 10, which does not tell."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):
        """Called from TensorRT's threads; a phase without a parent is what people want to know about."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._phases: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if not parent_phase:
                self._phases[phase_name] = num_steps
                ticker.detail = phase_name

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._phases:
                ticker.detail = f"{phase_name}, step {step + 1} of {self._phases[phase_name]}"
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            self._phases.pop(phase_name, None)

    return Monitor()


def float32_nodes(graph: bytes) -> set[str]:
    """Names of the nodes whose results a graph has in float32."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph))
    values = (*model.graph.value_info, *model.graph.output)
    wide = {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    return {node.name for node in model.graph.node if wide & set(node.output)}


def _set_profile(builder: Any, network: Any, config: Any, profile: Profile) -> None:
    images = network.get_input(0)
    rest = tuple(images.shape)[1:]
    shapes = [(batch, *rest) for batch in (profile.least, profile.best, profile.most)]
    made = builder.create_optimization_profile()
    made.set_shape(images.name, *shapes)
    config.add_optimization_profile(made)


def _set_precision(trt: Any, network: Any, config: Any, graph: bytes) -> None:
    config.clear_flag(trt.BuilderFlag.TF32)  # on by default, and float32 is to be float32
    if is_strongly_typed(trt):
        return
    # Contexts of several batch sizes share the one profile; from 10 on they always may.
    config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)
    half = onnx.TensorProto.FLOAT16
    if not any(tensor.data_type == half for tensor in onnx.load_from_string(graph).graph.initializer):
        return
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    pinned = float32_nodes(graph)
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        if layer.name in pinned:
            layer.precision = trt.float32
            for i in range(layer.num_outputs):
                layer.set_output_type(i, trt.float32)


def _last(messages: Sequence[str]) -> str:
    """The last messages on one line."""
    return "; ".join(" ".join(message.split()) for message in list(messages)[-MESSAGES:]) or "no reason given"
