"""Measures one streamed step (a new frame, and the actions of the clip that it ends) against running the clip whole.

Both are timed in turns in one process; prints a table and writes JSON.

Example:
    python -m deephar_ros.cli.benchmark --preset ntu_published --frames 8 16 --out bench/streaming.json
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.clip import ClipBuffer
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise

SPACING = 0.2


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(models),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def in_turns(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each call, taken alternately after one warm-up, so that a busy machine slows all of them."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in tqdm(range(repeats + 1), file=sys.stderr, leave=False):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if repeat:
                times[name].append(1e3 * (time.perf_counter() - started))
    return times


def measure(preset: str, frames: int, size: int, repeats: int) -> dict[str, Any]:
    """Times of the whole clip and of a streamed step of one person, float32 on CPU."""
    torch.manual_seed(0)
    config = PRESETS[preset]
    labels = tuple(tuple(map(str, range(count))) for count in config.num_actions)
    spec = ModelSpec(config, size, labels, clip_frames=frames, clip_spacing=SPACING)
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), SPNet(config), spec, "", half=False)
        backend = TorchBackend(Path(folder), "cpu")
        net = load_checkpoint(Path(folder))[0].to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    crops = np.random.default_rng(0).integers(0, 255, (frames, size, size, 3), np.uint8)
    buffer = ClipBuffer(frames, SPACING)

    def push(t: int, crop: NDArray[np.uint8]) -> None:
        buffer.push(round(t * SPACING * 1e9), backend.predict(crop[None]).features[0])

    for t, crop in enumerate(crops):
        push(t, crop)
    now = iter(range(frames, 10**9))

    def step() -> None:
        push(next(now), crops[0])
        clip = buffer.clip()
        assert clip is not None
        backend.classify(clip.features[None])

    @torch.inference_mode()
    def whole() -> None:
        net(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)[None]))

    times = in_turns({"whole": whole, "step": step}, repeats)
    quartiles = {name: np.percentile(ms, [25, 50, 75]).round(1).tolist() for name, ms in times.items()}
    return {
        "preset": preset,
        "frames": frames,
        "size": size,
        "repeats": repeats,
        "milliseconds_quartiles": quartiles,
        "ratio": round(quartiles["whole"][1] / quartiles["step"][1], 2),
        "bytes_per_person": buffer.nbytes,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", nargs="+", default=["ntu_published"], choices=sorted(PRESETS), metavar="NAME")
    parser.add_argument("--frames", type=int, nargs="+", default=[8, 16], help="clip lengths")
    parser.add_argument("--size", type=int, default=256, help="input size (256)")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    host = machine()
    print(", ".join(f"{key} {value}" for key, value in host.items()))
    print(f"{'preset':24} {'T':>3} {'whole clip, ms (quartiles)':>28} {'streamed step, ms':>24}", end=" ")
    print(f"{'ratio':>6} {'kB/person':>10}")
    results = []
    for preset in args.preset:
        for frames in args.frames:
            row = measure(preset, frames, args.size, args.repeats)
            results.append(row)
            ms = row["milliseconds_quartiles"]
            print(f"{preset:24} {frames:3} {ms['whole']!s:>28} {ms['step']!s:>24} {row['ratio']:6}", end=" ")
            print(f"{row['bytes_per_person'] / 1000:10.0f}", flush=True)
    if args.out:
        args.out.write_text(json.dumps({"machine": host, "results": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
