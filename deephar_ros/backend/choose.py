"""Which backend runs a checkpoint here."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch

from deephar_ros.backend.base import Backend
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.settings import BACKENDS


class Choice(NamedTuple):
    """`reason`: a sentence for the log."""

    backend: Backend
    reason: str


def open_backend(folder: Path, name: str = "auto", device: str = "auto") -> Choice:
    """Loads a checkpoint folder.

    Args:
        name: one of BACKENDS; "auto" takes the fastest that works here: PyTorch on a GPU, ONNX Runtime on a CPU.
        device: "cpu", "cuda", "cuda:1", or "auto" for CUDA where it works, else CPU.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: there is no such backend or device here; the message says what to do.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend {name!r} is not one of {', '.join(BACKENDS)}")
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    missing = [package for package in ("onnx", "onnxruntime") if find_spec(package) is None]
    if name == "onnxruntime" and missing:
        raise ValueError(f"backend onnxruntime needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    if name == "onnxruntime" and not on_cpu:
        raise ValueError(f"backend onnxruntime runs on the CPU; device is {device!r}: use 'cpu', or backend 'torch'")
    if name == "torch" or not on_cpu:
        return Choice(TorchBackend(folder, device), "as asked for" if name == "torch" else "the fastest on a GPU")
    if missing:
        advice = f"pip install {' '.join(missing)} makes it faster"
        return Choice(TorchBackend(folder, "cpu"), f"{' and '.join(missing)} not installed here; {advice}")
    from deephar_ros.backend.onnx_backend import OnnxBackend  # needs packages that a machine may lack

    return Choice(OnnxBackend(folder), "as asked for" if name == "onnxruntime" else "the fastest on a CPU")
