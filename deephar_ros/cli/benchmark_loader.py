"""Measures how many training crops one core makes in a second, of pictures of LSP-extended; writes JSON.

Times are CPU times of one process with one thread, so that a busy machine changes them little; the ways are taken in
turns. "batch" is what workers do for crops that are rendered on the trainer's device; its own part is told apart.

Example:
    python -m deephar_ros.cli.benchmark_loader --data ../shared/data --cached --out bench/loader.json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from deephar_ros.benchmark.machine import machine
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.batch_augment import Unrendered, collect, render_batch
from deephar_ros.data.crops_cache import CropsCache, make_cache, wanted_of_samples
from deephar_ros.data.frames import PoseFrames
from deephar_ros.data.lsp import load_lsp
from deephar_ros.data.paper_augment import MPII
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import Picture, Sample
from deephar_ros.data.view import Augmentation
from deephar_ros.data.windows import CropWindow

BATCH = 32
ROUNDS = 5


def enlarged(samples: list[Sample], height: int, folder: Path) -> list[Sample]:
    """The samples with pictures of that height, as JPEG files in the folder."""
    large = []
    for sample in samples:
        pixels = read(sample.picture)
        factor = height / pixels.shape[0]
        path = folder / f"{sample.name}.jpg"
        picture = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), picture[..., ::-1])
        w = sample.window
        window = CropWindow(w.x * factor, w.y * factor, w.width * factor, w.height * factor)
        large.append(replace(sample, picture=Picture(path), window=window, joints=sample.joints * (factor, factor, 1)))
    return large


def worker_batch(dataset: PoseFrames, items: range) -> Unrendered:
    """What a worker does for crops that are rendered on the device."""
    pairs = []
    for k in items:
        (cut,), view, _ = dataset.unrendered(k)
        pairs.append((cut, view))
    return collect(pairs, dataset.size)


def ways(samples: list[Sample], size: int, cache: CropsCache | None) -> dict[str, Callable[[range], object]]:
    """What to time: calls that make the items of a range."""
    files: dict[str, Augmentation] = {
        "files": MPII,
        "files, as released (Pillow)": replace(MPII, exact=True),
        "files, ours": AugmentConfig(),
    }
    datasets = {name: PoseFrames(samples, size, augmentation) for name, augmentation in files.items()}
    if cache is not None:
        datasets["cache"] = PoseFrames(samples, size, MPII, cache=cache)

    def one_by_one(dataset: PoseFrames) -> Callable[[range], object]:
        return lambda items: [dataset[k] for k in items]

    calls: dict[str, Callable[[range], object]] = {"decoding alone": lambda items: [_decode(samples, k) for k in items]}
    calls |= {name: one_by_one(dataset) for name, dataset in datasets.items()}
    calls["files, batch"] = lambda items: worker_batch(datasets["files"], items)
    if cache is not None:
        calls["cache, batch"] = lambda items: worker_batch(datasets["cache"], items)
    return calls


def rates(calls: dict[str, Callable[[range], object]], images: int) -> dict[str, float]:
    """Images per second of CPU time of each call: the median of the rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS):
        for name, call in calls.items():
            started = time.process_time()
            for first in range(0, images, BATCH):
                call(range(first, first + BATCH))
            seconds[name].append(time.process_time() - started)
        print(f"round {round_ + 1} of {ROUNDS}", end="\r", file=sys.stderr, flush=True)
    done = BATCH * math.ceil(images / BATCH)
    return {name: round(done / float(np.median(times)), 1) for name, times in seconds.items()}


def device_rate(samples: list[Sample], size: int, device: torch.device) -> float:
    """Crops per second that the device renders of batches which are on it already."""
    batch = worker_batch(PoseFrames(samples, size, MPII), range(BATCH)).to(device)
    times = []
    for _ in range(ROUNDS + 2):
        _synchronise(device)
        started = time.perf_counter()
        render_batch(batch, size)
        _synchronise(device)
        times.append(time.perf_counter() - started)
    return round(BATCH / float(np.median(times[2:])), 1)


def measure(samples: list[Sample], size: int, images: int, cached: bool, device: torch.device) -> dict[str, Any]:
    """All figures of one size of crops."""
    result: dict[str, Any] = {"size": size, "picture_size": list(read(samples[0].picture).shape[1::-1])}
    with tempfile.TemporaryDirectory() as folder:
        cache = make_cache(Path(folder), wanted_of_samples(samples, MPII), size) if cached else None
        result["images_per_core_second"] = rates(ways(samples, size, cache), images)
        if cache is not None:
            stored = sum(file.stat().st_size for file in Path(folder).iterdir())
            result["cache_kilobytes_per_image"] = round(stored / len(samples) / 1000, 1)
    result[f"images_per_second_rendered_on_{device.type}"] = device_rate(samples, size, device)
    return result


def show(result: dict[str, Any], gpu_rate: float) -> None:
    width, height = result["picture_size"]
    print(f"crops of {result['size']} px, first picture {width} x {height}:")
    for name, rate in result["images_per_core_second"].items():
        cores = math.ceil(gpu_rate / rate)
        print(f"  {name:28} {rate:8.0f} images/s per core   {cores:3} cores for {gpu_rate:.0f} images/s")
    for name, value in result.items():
        if name.startswith(("images_per_second", "cache_")):
            print(f"  {name.replace('_', ' ')}: {value:.0f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with lspet_compact")
    parser.add_argument("--size", type=int, nargs="+", default=[256, 128], help="sides of the crops (256 and 128)")
    parser.add_argument("--images", type=int, default=320, help="how many pictures (320)")
    parser.add_argument(
        "--height", type=int, nargs="*", default=[], help="also with pictures enlarged to these heights"
    )
    parser.add_argument("--cached", action="store_true", help="also from a cache of decoded crops, made beforehand")
    parser.add_argument("--gpu-rate", type=float, default=1000, help="images/s that the GPU trains with (1000)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    device = torch.device(args.device)
    host = machine() | {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"}
    samples = load_lsp(args.data / "lspet_compact", extended=True)[: args.images]
    results = []
    for height in [None, *args.height]:
        with _pictures(samples, height) as pictures:
            for size in args.size:
                results.append(measure(pictures, size, args.images, args.cached, device))
                show(results[-1], args.gpu_rate)
    if args.out:
        args.out.write_text(
            json.dumps({"machine": host, "gpu_rate": args.gpu_rate, "results": results}, indent=1) + "\n"
        )
    return 0


@contextmanager
def _pictures(samples: list[Sample], height: int | None) -> Iterator[list[Sample]]:
    with tempfile.TemporaryDirectory() as folder:
        yield samples if height is None else enlarged(samples, height, Path(folder))


def _decode(samples: list[Sample], k: int) -> object:
    return read(samples[k % len(samples)].picture)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    raise SystemExit(main())
