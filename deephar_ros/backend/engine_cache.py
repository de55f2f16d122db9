"""Which engine fits: what it is made of and made for, and where it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from deephar_ros.backend import tensorrt_build
from deephar_ros.backend.cache import Cache, Key, file_hash
from deephar_ros.backend.onnx_graphs import code_hash
from deephar_ros.checkpoint import CONFIG, WEIGHTS, ModelSpec

ENGINES = "engines"
"""Kind of the cache; no engine is loaded from elsewhere."""
WORDS = {
    "tensorrt": "TensorRT {}",
    "gpu": "the GPU {}",
    "precision": "{}",
    "size": "crops of {} pixels",
    "profile": "batches of {}",
    "cut": "{} pyramids",
    "weights": "other weights",
    "code": "another version of this package",
    "builder": "another version of this package",
    "torch": "a graph from PyTorch {}",
}
"""What an engine was made for, in words; the first that differs is told."""


class Gpu(NamedTuple):
    """A kind of GPU: engines of another one do not run."""

    name: str
    capability: str

    @staticmethod
    def of(device: torch.device) -> Gpu:
        major, minor = torch.cuda.get_device_capability(device)
        return Gpu(torch.cuda.get_device_name(device), f"{major}.{minor}")


def why_no_engine(cache: Cache, key: Key) -> str:
    """Why the cache has none for this key, a sentence; of others it names what the nearest was built for."""
    if cache.path(key).exists():
        return cache.why_not(key)
    what = f"{key['graph']} of {key['model']}"
    same = [other for other in cache.others(key) if all(other.get(name) == key[name] for name in ("graph", "model"))]
    if not same:
        return f"there is no engine for {what} in {cache.folder}"
    nearest = min(same, key=lambda other: sum(other.get(name) != key[name] for name in WORDS))
    name = next(name for name in WORDS if nearest.get(name) != key[name])
    there, here = (WORDS[name].format(values.get(name, "?")) for values in (nearest, key))
    return f"the engine for {what} was built for {there}" + (f", not for {here}" if there != here else "")


def engine_key(
    folder: Path, spec: ModelSpec, graph: str, precision: str, profile: str, tensorrt: str, gpu: Gpu
) -> dict[str, str]:
    """All that an engine depends on.

    Instead of the graph, which takes seconds to make, what makes it: the checkpoint's files, the cut, the size, our
    code and PyTorch's version.

    Args:
        folder: checkpoint folder.
        spec: of the network as cut.
        profile: batch sizes.
        tensorrt: its version.
    """
    return {
        "model": spec.name,
        "graph": graph,
        "weights": file_hash(folder / WEIGHTS, folder / CONFIG),
        "cut": str(spec.network.stages[-1].pyramid),
        "size": str(spec.input_size),
        "precision": precision,
        "profile": profile,
        "tensorrt": tensorrt,
        "gpu": f"{gpu.name} ({gpu.capability})",
        "torch": torch.__version__,
        "code": code_hash(),
        "builder": file_hash(Path(tensorrt_build.__file__)),
    }
