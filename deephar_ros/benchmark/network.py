"""Latency and throughput of the network alone, as a backend gives it: crops in, poses and features out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch

from deephar_ros.backend.base import Start, first_pyramids, load_network
from deephar_ros.backend.choose import open_backend
from deephar_ros.backend.int8 import measure_ranges, write_ranges
from deephar_ros.benchmark.limits import WIDTHS, Limits, measure_limits, work_of
from deephar_ros.benchmark.timing import for_seconds, percentiles
from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet


class Way(NamedTuple):
    """How the network is run."""

    backend: str
    precision: str


@contextmanager
def checkpoint_of(preset: str, size: int, frames: int = 8) -> Iterator[Path]:
    """A folder with random weights, and ranges for int8; it is gone afterwards."""
    config = PRESETS[preset]
    torch.manual_seed(0)
    labels = tuple(tuple(map(str, range(count))) for count in config.num_actions)
    net = SPNet(config).eval()
    crops = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    with TemporaryDirectory() as folder:
        spec = ModelSpec(config, size, labels, clip_frames=frames, name=preset)
        save_checkpoint(Path(folder), net, spec, "", half=False)
        write_ranges(Path(folder), measure_ranges(net, [crops]), len(crops))
        yield Path(folder)


def measure_network(
    folder: Path,
    ways: Sequence[Way],
    device: str,
    size: int,
    cuts: Sequence[int],
    batches: Sequence[int],
    seconds: float,
) -> Iterator[dict[str, Any]]:
    """A row for each way, cut and batch: those of the same cut and batch are timed in turns, beside their limits.

    Args:
        size: of the input; 0: the checkpoint's.
        seconds: for each row.

    Raises:
        ValueError: a backend or precision is not there.
    """
    start = Start(input_size=size, largest_batch=max(batches))
    backends = {way: open_backend(folder, way.backend, device, way.precision, start).backend for way in ways}
    net, spec = load_network(folder, size)
    rng = np.random.default_rng(0)
    for cut in cuts:
        work = work_of(first_pyramids(net, cut), spec.input_size)
        for backend in backends.values():
            backend.set_cut(cut)
        for batch in batches:
            crops = rng.integers(0, 256, (batch, spec.input_size, spec.input_size, 3), np.uint8)
            limits = _limits(backends.values())
            times = for_seconds(
                {way: partial(backend.predict, crops) for way, backend in backends.items()},  # type: ignore[misc]
                seconds * len(ways),
            )
            limits = _better(limits, _limits(backends.values()))
            for way, backend in backends.items():
                precision = backend.precision
                found = percentiles(times[way])  # type: ignore[index]
                least = work.milliseconds(limits[precision], batch, WIDTHS[precision])
                yield {
                    "backend": backend.name,
                    "device": backend.device,
                    "precision": precision,
                    "pyramids": cut,
                    "batch": batch,
                    "size": spec.input_size,
                    "gmac_per_frame": round(work.products / 1e9, 3),
                    "milliseconds": found,
                    "frames_per_second": round(1e3 * batch / found["p50"], 1),
                    "limit_products_ms": round(least[0], 3),
                    "limit_bytes_ms": round(least[1], 3),
                    "gmac_per_second_limit": round(limits[precision].products / 1e9, 1),
                    "gb_per_second_limit": round(limits[precision].copies / 1e9, 1),
                    "of_limit": round(max(least) / found["p50"], 3),
                }


def _limits(backends: Any) -> dict[str, Limits]:
    pairs = {(backend.precision, backend.device) for backend in backends}
    return {precision: measure_limits(torch.device(device), precision) for precision, device in sorted(pairs)}


def _better(a: dict[str, Limits], b: dict[str, Limits]) -> dict[str, Limits]:
    return {key: Limits(*map(max, a[key], b[key])) for key in a}
