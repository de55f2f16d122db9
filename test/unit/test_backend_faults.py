"""A device that runs out of memory, or is lost: real networks behind a backend that fails when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deephar_ros.backend import careful
from deephar_ros.backend.base import Prediction
from deephar_ros.backend.careful import BatchLimit, CarefulBackend, DeviceError
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array, Window

CUDA_ERROR = "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later"


class Faulty:
    """The real network of a checkpoint folder, on a device with room for `room` inputs that may break."""

    def __init__(self, folder: Path) -> None:
        self.inner = TorchBackend(folder, "cpu")
        self.name, self.spec, self.device, self.precision = "faulty", self.inner.spec, "cuda:0", "float32"
        self.room = 100
        self.broken = False
        self.sizes: list[int] = []

    @property
    def cut(self) -> int:
        return self.inner.cut

    def set_cut(self, pyramids: int) -> None:
        self.inner.set_cut(pyramids)

    def crop(self, cutouts: Sequence[Cutout]) -> torch.Tensor:
        self._check(len(cutouts))
        return torch.from_numpy(cut_all(cutouts, self.spec.input_size))

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        self._check(len(crops))
        return self.inner.predict(crops)

    def classify(self, clips: Array) -> list[Array]:
        self._check(len(clips))
        return self.inner.classify(clips)

    def _check(self, size: int) -> None:
        self.sizes.append(size)
        if self.broken:
            raise RuntimeError(CUDA_ERROR)
        if size > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def faulty(tiny_checkpoint: Path) -> Faulty:
    return Faulty(tiny_checkpoint)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of the clock, in a list of one."""
    now = [1000.0]
    monkeypatch.setattr(careful.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def crops(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 255, (7, 64, 64, 3), np.uint8)


def never() -> TorchBackend:
    raise ValueError("no such device")


def test_batches_that_do_not_fit_are_halved_and_the_results_are_those_of_the_whole(
    faulty: Faulty, crops: NDArray[np.uint8]
) -> None:
    said: list[str] = []
    backend = CarefulBackend(faulty, never, None, said.append)
    whole = faulty.inner.predict(crops)
    faulty.room = 2
    poses, features = backend.predict(crops)
    np.testing.assert_allclose(poses, whole.poses, atol=1e-5)
    np.testing.assert_allclose(features, whole.features, atol=1e-5)
    assert faulty.sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert said == [
        "cuda:0 is out of memory with 7 people at once, going on with 3 at a time",
        "cuda:0 is out of memory with 3 people at once, going on with 1 at a time",
    ]
    assert "1 people go through the network at a time" in backend.trouble
    clips = np.stack([features] * 4, 1)
    expected = faulty.inner.classify(clips)
    for got, wanted in zip(backend.classify(clips), expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_windows_that_do_not_fit_are_halved_too(faulty: Faulty, rng: np.random.Generator) -> None:
    picture = rng.integers(0, 255, (90, 90, 3), np.uint8)
    cutouts = [Cutout(picture, (0, 1, 2), Window(i, i, 40 + i)) for i in range(5)]
    faulty.room = 2
    crops = CarefulBackend(faulty, never, None, print).crop(cutouts)
    assert faulty.sizes == [5, 2, 2, 1]
    np.testing.assert_array_equal(np.asarray(crops), cut_all(cutouts, 64))


def test_the_smaller_batch_is_kept_and_larger_ones_are_tried_later_and_ever_less_often(
    faulty: Faulty, crops: NDArray[np.uint8], clock: list[float]
) -> None:
    backend = CarefulBackend(faulty, never, None, print)
    faulty.room = 4
    backend.predict(crops)
    faulty.sizes.clear()
    backend.predict(crops)
    assert faulty.sizes == [3, 3, 1]
    clock[0] += careful.HOLD
    faulty.sizes.clear()
    backend.predict(crops)
    assert faulty.sizes == [6, 3, 3, 1]  # tried, still too large
    clock[0] += careful.HOLD
    faulty.sizes.clear()
    backend.predict(crops)
    assert faulty.sizes == [3, 3, 1]  # not tried again so soon
    clock[0] += careful.HOLD
    faulty.room = 100
    faulty.sizes.clear()
    backend.predict(crops)
    assert faulty.sizes == [7]
    assert backend.trouble == ""


def test_no_memory_for_one_person_is_an_error_that_says_so_and_passes(faulty: Faulty, crops: NDArray[np.uint8]) -> None:
    backend = CarefulBackend(faulty, never, None, print)
    faulty.room = 0
    with pytest.raises(DeviceError, match="cuda:0 has no memory left, not even for one person at a time"):
        backend.predict(crops)
    faulty.room = 1
    assert len(backend.predict(crops).poses) == 7


def test_the_time_between_trials_has_an_end() -> None:
    limit, now = BatchLimit(), 0.0
    for _ in range(12):
        limit.shrink(8, now)
        limit.grow(now)
        assert limit.size == 4
        now += careful.LONGEST_HOLD
        limit.grow(now)
        assert limit.size is None


def test_a_lost_device_is_opened_again_with_the_same_cut(
    faulty: Faulty, crops: NDArray[np.uint8], tiny_checkpoint: Path
) -> None:
    said: list[str] = []
    backend = CarefulBackend(faulty, lambda: Faulty(tiny_checkpoint), None, said.append)
    backend.set_cut(1)
    expected = backend.predict(crops)
    faulty.broken = True
    for _ in range(careful.FAILURES):
        with pytest.raises(DeviceError, match=r"cuda:0 fails .CUDA error: an illegal memory access was encountered.$"):
            backend.predict(crops)
        assert "cuda:0 fails" in backend.trouble
    got = backend.predict(crops)
    np.testing.assert_array_equal(got.features, expected.features)  # as short as the cut makes them
    assert said == ["cuda:0 was lost; the network was loaded again and runs on cuda:0"]
    assert backend.trouble == ""


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("CUDA error: device-side assert triggered", careful.LOST),
        ("the engine did not run (1: [runner.cpp] Error Code 1: Cuda Runtime (misaligned address))", careful.LOST),
        ("the engine did not run (Error Code 1: Cuda Runtime (out of memory))", careful.OUT_OF_MEMORY),
        ("[ONNXRuntimeError] : 1 : FAIL : CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED", careful.LOST),
    ],
)
def test_what_libraries_write_is_understood(
    faulty: Faulty, crops: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, said: str, kind: tuple[str, ...]
) -> None:
    def fail(crops: NDArray[np.uint8]) -> Prediction:
        raise RuntimeError(said)

    monkeypatch.setattr(faulty, "predict", fail)
    with pytest.raises(DeviceError, match="fails" if kind is careful.LOST else "no memory left"):
        CarefulBackend(faulty, never, None, print).predict(crops)


def test_one_failure_that_does_not_repeat_loads_nothing_again(faulty: Faulty, crops: NDArray[np.uint8]) -> None:
    backend = CarefulBackend(faulty, never, None, print)
    for _ in range(3):
        faulty.broken = True
        with pytest.raises(DeviceError):
            backend.predict(crops)
        faulty.broken = False
        backend.predict(crops)


def lose(backend: CarefulBackend, faulty: Faulty, crops: NDArray[np.uint8]) -> None:
    faulty.broken = True
    for _ in range(careful.FAILURES):
        with pytest.raises(DeviceError):
            backend.predict(crops)


def test_a_device_that_stays_lost_is_tried_at_growing_intervals(
    faulty: Faulty, crops: NDArray[np.uint8], clock: list[float]
) -> None:
    tried: list[float] = []

    def load() -> TorchBackend:
        tried.append(clock[0] - 1000)
        return never()

    backend = CarefulBackend(faulty, load, None, print)
    lose(backend, faulty, crops)
    for _ in range(130):
        with pytest.raises(DeviceError, match=r"cuda:0 is lost and cannot be opened again .no such device."):
            backend.predict(crops)
        clock[0] += 1
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123]


def test_without_the_device_the_network_goes_on_where_else_it_can(
    faulty: Faulty, crops: NDArray[np.uint8], tiny_checkpoint: Path
) -> None:
    said: list[str] = []
    backend = CarefulBackend(faulty, never, lambda: TorchBackend(tiny_checkpoint, "cpu"), said.append)
    lose(backend, faulty, crops)
    assert len(backend.predict(crops).poses) == 7
    assert backend.device == "cpu"
    assert said == ["cuda:0 was lost; the network was loaded again and runs on cpu"]


def test_other_errors_pass_through(faulty: Faulty) -> None:
    backend = CarefulBackend(faulty, never, None, print)
    with pytest.raises(RuntimeError) as caught:
        backend.predict(np.zeros((1, 64, 64, 5), np.uint8))
    assert not isinstance(caught.value, DeviceError)
    assert backend.trouble == ""
