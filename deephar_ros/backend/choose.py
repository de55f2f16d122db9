"""Which backend runs a checkpoint here."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from deephar_ros.backend.base import DEFAULT_START, Backend, Start
from deephar_ros.backend.device import find_device
from deephar_ros.backend.engine_error import EngineError, NoEngine
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.files import brief
from deephar_ros.settings import BACKENDS, PRECISIONS

OFFERED = {
    ("torch", "cuda"): ("float16", "float32", "bfloat16"),
    ("torch", "cpu"): ("float32", "bfloat16"),
    ("onnxruntime", "cpu"): ("float32", "int8"),
    ("onnxruntime", "cuda"): ("float16", "float32"),
    ("tensorrt", "cuda"): ("float16", "float32"),
}
"""Precisions by backend and kind of device; the first is what "auto" takes."""


class Choice(NamedTuple):
    """`reason`: a sentence for the log."""

    backend: Backend
    reason: str


def open_backend(
    folder: Path,
    name: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    start: Start = DEFAULT_START,
    say: Callable[[str], None] = print,
) -> Choice:
    """Loads a checkpoint folder.

    Args:
        name: one of BACKENDS; "auto" takes the fastest that works here at once. On a GPU that is TensorRT if its engine
            has been built (`export --engine`), else PyTorch; on a CPU it is ONNX Runtime.
        device: "cpu", "cuda", "cuda:1", or "auto" for CUDA where it works, else CPU.
        precision: one of PRECISIONS; "auto" is half on a GPU and float32 on a CPU.
        start: what is made ready at once.
        say: called with a sentence about what takes long or has gone wrong.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: there is no such backend, device or precision here; the message says what to do.
    """
    for what, value, known in (("backend", name, BACKENDS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise ValueError(f"{what} {value!r} is not one of {', '.join(known)}")
    where = find_device(device)
    if name == "auto":
        return _fastest(folder, where, precision, start, say)
    try:
        return Choice(_open(name, folder, where, precision, start, say), "as asked for")
    except EngineError as error:
        raise ValueError(f"backend {name} does not work here: {error}; use backend 'torch'") from error


def _fastest(folder: Path, where: torch.device, precision: str, start: Start, say: Callable[[str], None]) -> Choice:
    if where.type == "cuda":
        return _fastest_on_cuda(folder, where, precision, start, say)
    if where.type != "cpu":
        return Choice(_open("torch", folder, where, precision, start, say), f"the one that runs on {where.type}")
    missing = missing_packages("onnxruntime")
    if missing:
        advice = f"pip install {' '.join(missing)} makes it faster"
        reason = f"{' and '.join(missing)} not installed here; {advice}"
        return Choice(_open("torch", folder, where, precision, start, say), reason)
    if precision not in ("auto", *OFFERED["onnxruntime", "cpu"]):
        return Choice(_open("torch", folder, where, precision, start, say), f"the one with {precision} on a CPU")
    return Choice(_open("onnxruntime", folder, where, precision, start, say), "the fastest on a CPU")


def _fastest_on_cuda(
    folder: Path, where: torch.device, precision: str, start: Start, say: Callable[[str], None]
) -> Choice:
    """TensorRT if it can run at once; it builds nothing, as nobody asked for minutes of waiting."""
    if missing_packages("tensorrt"):
        why = "TensorRT is not installed"
    elif precision not in ("auto", *OFFERED["tensorrt", "cuda"]):
        why = f"TensorRT has no {precision} here"
    else:
        try:
            return Choice(_open("tensorrt", folder, where, precision, start, say, build=False), "its engines are built")
        except NoEngine as error:
            why = f"{error}; `export {folder} --engine` builds TensorRT's"
        except EngineError as error:
            why = f"TensorRT does not work here: {error}"
            say(f"{why}; PyTorch runs the network instead")
    return Choice(_open("torch", folder, where, precision, start, say), why)


def missing_packages(name: str) -> list[str]:
    """Packages that a backend needs and that are not installed here."""
    needed = {"onnxruntime": ("onnx", "onnxruntime"), "tensorrt": ("onnx", "tensorrt")}.get(name, ())
    return [package for package in needed if find_spec(package) is None]


def _open(
    name: str,
    folder: Path,
    where: torch.device,
    precision: str,
    start: Start,
    say: Callable[[str], None],
    build: bool = True,
) -> Backend:
    missing = missing_packages(name)
    if missing:
        raise ValueError(f"backend {name} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    precision = _precision(name, where, precision)
    if name == "torch":
        return _open_torch(folder, where, precision, start, say)
    graph_precision: Literal["float32", "float16"] = "float16" if precision == "float16" else "float32"
    if name == "tensorrt":
        from deephar_ros.backend.tensorrt_backend import TensorRtBackend  # needs packages that a machine may lack

        return TensorRtBackend(folder, where, graph_precision, start, say, build)
    from deephar_ros.backend.onnx_backend import OnnxBackend

    return OnnxBackend(folder, str(where), "int8" if precision == "int8" else graph_precision, start, say)


def _open_torch(
    folder: Path, where: torch.device, precision: str, start: Start, say: Callable[[str], None]
) -> TorchBackend:
    try:
        return TorchBackend(folder, str(where), precision, start)
    except RuntimeError as error:
        if where.type == "cpu" or "out of memory" in str(error).lower():
            raise
        say(f"no CUDA graphs ({brief(error)}): the network runs without them, slower")
    return TorchBackend(folder, str(where), precision, start, graphs=False)


def _precision(name: str, where: torch.device, precision: str) -> str:
    """The one that "auto" stands for; ValueError for one that the backend has not on that device."""
    offered = OFFERED.get((name, where.type))
    if offered is None:
        raise ValueError(f"backend {name} does not run on {where.type}: use device 'auto', or backend 'torch'")
    if precision not in ("auto", *offered):
        raise ValueError(f"backend {name} on {where} has no precision {precision!r}: use {' or '.join(offered)}")
    return offered[0] if precision == "auto" else precision
