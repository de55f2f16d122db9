"""What the choices made for speed bring on this GPU. The figures are printed; one that does not pay fails."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.benchmark.network import checkpoint_of
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.share import default_checkpoint

REPEATS = 50


def median(call: Callable[[], object]) -> float:
    """Milliseconds of a call that waits for the device itself."""
    for _ in range(5):
        call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


@pytest.fixture(scope="module")
def half() -> TorchBackend:
    return TorchBackend(default_checkpoint(), "cuda", "float16")


def test_a_recorded_graph_is_faster_than_the_same_calls_one_by_one(half: TorchBackend, crops: np.ndarray) -> None:
    plain = TorchBackend(default_checkpoint(), "cuda", "float16", graphs=False)
    graph, eager = (median(lambda backend=backend: backend.predict(crops[:1])) for backend in (half, plain))
    print(f"\none crop of {half.spec.name}, float16: graph {graph:.2f} ms, without {eager:.2f} ms")
    assert graph < eager


@pytest.mark.parametrize("count", [1, 4, 16])
def test_cutting_on_the_device_costs_no_more_than_on_the_host(
    half: TorchBackend, cutouts: list[Cutout], count: int
) -> None:
    chosen, size = cutouts[:count], half.spec.input_size
    device = median(lambda: half.predict(half.crop(chosen)))
    host = median(lambda: half.predict(cut_all(chosen, size)))
    print(f"\n{count} windows, cut and run: on the device {device:.2f} ms, on the host {host:.2f} ms")
    assert device < 1.2 * host


def test_a_streamed_step_with_actions_is_short() -> None:
    with checkpoint_of("ntu_published", 256) as folder:
        backend = TorchBackend(folder, "cuda", "float16")
    crop = np.zeros((1, 256, 256, 3), np.uint8)
    clips = np.stack([backend.predict(crop).features] * backend.spec.clip_frames, 1)
    frame, actions = median(lambda: backend.predict(crop)), median(lambda: backend.classify(clips))
    print(f"\nntu_published, float16: a frame {frame:.2f} ms, its actions {actions:.2f} ms more")
    assert actions < 5  # the goal is 0.5 ms; beyond this, something else than the network takes the time
