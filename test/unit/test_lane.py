"""Batches of any size through calls of fixed sizes; the recording itself needs a GPU (test/gpu)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deephar_ros.backend.lane import Buckets, Function, Lane, StaticCall

CPU = Lane(torch.device("cpu"))


class Counted:
    """Doubles and sums rows; remembers the batch sizes that it was made for and called with."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.called: list[int] = []

    def make(self, size: int) -> Function:
        self.made.append(size)
        return self.run

    def run(self, rows: torch.Tensor) -> torch.Tensor:
        self.called.append(len(rows))
        return torch.stack([2 * rows.sum(1), rows[:, 0]], 1)


def expected(rows: np.ndarray) -> np.ndarray:
    return np.stack([2 * rows.sum(1), rows[:, 0]], 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 21])
@pytest.mark.parametrize("on_device", [False, True])
def test_every_row_gets_its_own_result_whatever_the_batch(
    count: int, on_device: bool, rng: np.random.Generator
) -> None:
    counted = Counted()
    buckets = Buckets(CPU, counted.make, (3,), torch.float32, sizes=(1, 2, 4, 8))
    for _ in range(2):  # what an earlier batch left behind does not matter
        rows = rng.random((count, 3), np.float32)
        np.testing.assert_allclose(buckets(torch.from_numpy(rows) if on_device else rows), expected(rows), rtol=1e-6)
    assert set(counted.called) <= {1, 2, 4, 8}


def test_what_is_prepared_is_not_made_again(rng: np.random.Generator) -> None:
    counted = Counted()
    buckets = Buckets(CPU, counted.make, (3,), torch.float32, sizes=(1, 2, 4, 8))
    buckets.prepare(3)
    assert counted.made == [1, 2, 4]
    buckets(rng.random((3, 3), np.float32))
    assert counted.made == [1, 2, 4]
    buckets(rng.random((5, 3), np.float32))
    assert counted.made == [1, 2, 4, 8]


def test_results_are_not_overwritten_by_the_next_call() -> None:
    call = StaticCall(CPU, Counted().run, (2, 3), torch.float32)
    first = call(np.ones((2, 3), np.float32))
    call(np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(first, [[6, 1], [6, 1]])


def test_rows_may_be_a_view_with_any_strides(rng: np.random.Generator) -> None:
    rows = rng.random((4, 6), np.float32)[::2, ::-2]
    call = StaticCall(CPU, Counted().run, (2, 3), torch.float32)
    np.testing.assert_allclose(call(rows), expected(rows), rtol=1e-6)
