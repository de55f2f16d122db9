"""One streamed step, a new frame and the actions of the clip that it ends, against the clip run whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.backend.base import Start
from deephar_ros.backend.choose import open_backend
from deephar_ros.benchmark.timing import in_turns
from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.clip import ClipBuffer
from deephar_ros.pixels import normalise


def measure_streaming(folder: Path, frames: int, size: int, repeats: int, backend: str = "torch") -> dict[str, Any]:
    """Times of the whole clip in PyTorch and of a streamed step of one person in a backend, float32 on CPU."""
    runner = open_backend(folder, backend, "cpu", "float32", Start(input_size=size)).backend
    net, spec = load_checkpoint(folder)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    crops = np.random.default_rng(0).integers(0, 255, (frames, size, size, 3), np.uint8)
    buffer = ClipBuffer(frames, spec.clip_spacing)

    def push(t: int, crop: NDArray[np.uint8]) -> None:
        buffer.push(round(t * spec.clip_spacing * 1e9), runner.predict(crop[None]).features[0])

    for t, crop in enumerate(crops):
        push(t, crop)
    now = iter(range(frames, 10**9))

    def step() -> None:
        push(next(now), crops[0])
        clip = buffer.clip()
        assert clip is not None
        runner.classify(clip.features[None])

    @torch.inference_mode()
    def whole() -> None:
        net(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)[None]))

    times = in_turns({"whole": whole, "step": step}, repeats)
    quartiles = {name: np.percentile(ms, [25, 50, 75]).round(1).tolist() for name, ms in times.items()}
    return {
        "network": spec.name,
        "backend": runner.name,
        "frames": frames,
        "size": size,
        "repeats": repeats,
        "milliseconds_quartiles": quartiles,
        "ratio": round(quartiles["whole"][1] / quartiles["step"][1], 2),
        "bytes_per_person": buffer.nbytes,
    }
