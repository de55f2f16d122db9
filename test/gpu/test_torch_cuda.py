"""PyTorch on CUDA: recorded graphs, batch sizes, crops on the device, and all of it against float32 on the CPU."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.backend.base import Start
from deephar_ros.backend.careful import CarefulBackend
from deephar_ros.backend.choose import open_backend
from deephar_ros.backend.lane import BUCKETS
from deephar_ros.backend.tolerances import TOLERANCES, beyond, difference
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Box, Window
from deephar_ros.people import Frame
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import node_settings
from deephar_ros.share import default_checkpoint

PRECISIONS = ("float32", "float16", "bfloat16")
SAME = 2e-3
"""Between two batch sizes in half precision, whose sums run in another order."""


@pytest.fixture(scope="module", params=PRECISIONS)
def backend(request: pytest.FixtureRequest) -> TorchBackend:
    return TorchBackend(default_checkpoint(), "cuda", request.param)


@pytest.fixture(scope="module")
def half() -> TorchBackend:
    return TorchBackend(default_checkpoint(), "cuda", "float16")


def test_every_precision_stays_within_its_tolerance(
    backend: TorchBackend, reference: TorchBackend, crops: np.ndarray
) -> None:
    found = difference(backend, reference, crops)
    print(f"\n{backend.name} {backend.precision}: {found}")
    assert beyond(found, TOLERANCES[backend.precision]) == []
    assert backend.device == "cuda:0"


def test_a_recorded_graph_gives_what_the_same_kernels_give_unrecorded(backend: TorchBackend, crops: np.ndarray) -> None:
    plain = TorchBackend(default_checkpoint(), "cuda", backend.precision, graphs=False)
    ours, theirs = backend.predict(crops[:4]), plain.predict(crops[:4])
    np.testing.assert_allclose(ours.poses, theirs.poses, atol=SAME)
    np.testing.assert_allclose(ours.features, theirs.features, atol=SAME * np.abs(theirs.features).max())


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, BUCKETS[-1] + 3])
def test_the_batch_does_not_matter(half: TorchBackend, crops: np.ndarray, count: int) -> None:
    rows = np.resize(crops, (count, *crops.shape[1:]))
    together = half.predict(rows)
    alone = np.concatenate([half.predict(row[None]).poses for row in rows[:5]])
    assert len(together.poses) == len(together.features) == count
    np.testing.assert_allclose(together.poses[:5], alone, atol=SAME)
    clips = np.stack([np.resize(together.features, (half.spec.clip_frames, together.features.shape[1]))] * count)
    for probabilities in half.classify(clips):
        assert probabilities.shape[0] == count
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
        np.testing.assert_allclose(probabilities, probabilities[:1].repeat(count, 0), atol=SAME)


def test_results_of_one_call_survive_the_next(half: TorchBackend, crops: np.ndarray) -> None:
    first = half.predict(crops[:2])
    before = first.poses.copy()
    half.predict(crops[-2:])
    np.testing.assert_array_equal(first.poses, before)


def test_windows_are_cut_on_the_device_as_on_the_host(half: TorchBackend, cutouts: list[Cutout]) -> None:
    blanked = Cutout(cutouts[0].pixels, (2, 1, 0), Window(-50, -20, 700), (Box(10, 20, 200, 150),))
    chosen = [*cutouts, blanked]
    ours = half.crop(chosen)
    assert isinstance(ours, torch.Tensor)
    assert ours.is_cuda
    host = cut_all(chosen, half.spec.input_size).astype(int)
    assert np.abs(ours.cpu().numpy() - host).max() <= 2  # two where the host halves first
    moved = np.abs(half.predict(ours).poses - half.predict(host.astype(np.uint8)).poses)
    assert np.median(moved) < 0.002  # where nobody is, joints are anywhere


def test_every_cut_runs_and_its_features_begin_the_whole_ones(tiny_checkpoint: Path) -> None:
    backend = TorchBackend(tiny_checkpoint, "cuda", "float32", Start(cut=1, every_cut=True))
    crops = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)
    assert backend.cut == 1
    short = backend.predict(crops).features
    backend.set_cut(2)
    long = backend.predict(crops).features
    np.testing.assert_allclose(long[:, : short.shape[1]], short, atol=1e-4)
    assert long.shape[1] > short.shape[1] > 0
    assert len(backend.classify(np.stack([long] * 4, 1))) == 2


def test_another_thread_than_the_one_that_opened_it_may_use_it(half: TorchBackend, crops: np.ndarray) -> None:
    found: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: found.append(half.predict(crops[:3]).poses))
    thread.start()
    thread.join()
    np.testing.assert_allclose(found[0], half.predict(crops[:3]).poses, atol=SAME)


def test_people_are_found_as_on_the_cpu(frames: list[np.ndarray], reference: TorchBackend) -> None:
    half, single = (
        [Pipeline(backend, node_settings())(Frame(frame, stamp=i * 10**8)) for i, frame in enumerate(frames[:12])]
        for backend in (TorchBackend(default_checkpoint(), "cuda", "float16"), reference)
    )
    assert [len(result.people) for result in half] == [len(result.people) for result in single]
    for ours, theirs in zip(half, single, strict=True):
        for one, other in zip(ours.people, theirs.people, strict=True):
            assert one.id == other.id
            assert np.median(np.abs(one.joints - other.joints)) < 2  # pixels of the picture


def test_memory_does_not_grow_with_the_frames(half: TorchBackend, cutouts: list[Cutout]) -> None:
    for count in (1, 4, 8):
        half.predict(half.crop(cutouts[:count]))
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    for i in range(200):
        half.predict(half.crop(cutouts[: 1 + i % 8]))
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() <= before


def test_auto_takes_the_gpu_in_half_precision(tiny_checkpoint: Path) -> None:
    said: list[str] = []
    backend, reason = open_backend(tiny_checkpoint, say=said.append)
    print(f"\nauto: {backend.name} in {backend.precision} on {backend.device}: {reason}")
    assert (backend.device, backend.precision) == ("cuda:0", "float16")
    assert backend.name in ("torch", "tensorrt")


def test_a_batch_that_does_not_fit_is_halved(tiny_checkpoint: Path, crops: np.ndarray) -> None:
    backend = TorchBackend(default_checkpoint(), "cuda", "float32")
    said: list[str] = []
    careful = CarefulBackend(backend, lambda: backend, None, said.append)
    expected = careful.predict(crops[:1]).poses
    torch.cuda.empty_cache()
    rows = np.resize(crops, (BUCKETS[-1], *crops.shape[1:]))
    free, total = torch.cuda.mem_get_info()
    # Leaves 60 MB: enough for a frame or two, not for 64 of them.
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 60e6) / total)
    try:
        poses = careful.predict(rows).poses
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert free > 0
    assert said
    assert len(poses) == len(rows)
    np.testing.assert_allclose(poses[:1], expected, atol=1e-3)
