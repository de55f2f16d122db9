"""What goes wrong with TensorRT engines; importable without TensorRT and ONNX."""

from __future__ import annotations


class EngineError(RuntimeError):
    """An engine cannot be built or run; the message says what TensorRT said."""


class NoEngine(EngineError):
    """There is no engine that fits, and none was to be built; the message says why."""
