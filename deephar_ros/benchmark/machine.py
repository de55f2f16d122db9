"""What figures depend on: the machine, the versions of libraries, the checkpoint."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from deephar_ros.backend.cache import file_hash
from deephar_ros.checkpoint import CONFIG, WEIGHTS, ModelSpec

LIBRARIES = ("numpy", "opencv-python-headless", "torch", "onnx", "onnxruntime", "tensorrt")


def machine() -> dict[str, Any]:
    """Processor, memory, GPU, threads and versions."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    found: dict[str, Any] = {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(models),
        "threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        **{name: where for name in LIBRARIES if (where := _version(name))},
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
    return found


def about(folder: Path, spec: ModelSpec) -> dict[str, Any]:
    """Of a checkpoint: its name, and the SHA-256 of its weights and configuration."""
    return {"name": spec.name, "sha256": file_hash(folder / WEIGHTS, folder / CONFIG)}


def document(results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Ready for JSON: the machine, the command that measured, the results."""
    command = "python -m deephar_ros.cli.benchmark " + " ".join(sys.argv[1:])
    return {"command": command, "machine": machine(), **more, "results": results}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
