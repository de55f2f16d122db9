"""Batches of several data sets in fixed shares, in an order that depends on one integer only.

So training goes on where it stopped, and N processes together see what one would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from deephar_ros.data.clips import ActionClips
from deephar_ros.data.frames import PoseFrames
from deephar_ros.data.samples import DatasetError

MOST_BROKEN = 10
"""Items after one another that may be unreadable before training stops."""

Key = tuple[int, int]
"""Which data set, and which of its items."""


class Mix(Dataset[tuple[tuple[str, ...], tuple[Any, ...]]]):
    """Data sets of one kind (frames or clips, of the same size and layout) with their shares of every batch.

    A share that makes no whole number of a batch is met in the long run: 0.8 of 32 is 25 or 26, 128 in any 5 batches.

    Args:
        parts: data sets and shares, which may have any sum. 4, 3 and 1 are 50, 37.5 and 12.5 %.
        batch: items of one batch, over all processes.
        on_device: `batches` renders the crops on the trainer's device, all of a batch at once.
    """

    def __init__(
        self,
        parts: Sequence[tuple[PoseFrames | ActionClips, float]],
        batch: int,
        seed: int = 0,
        on_device: bool = False,
    ) -> None:
        shares = [Fraction(share).limit_denominator(1000) for _, share in parts]
        self.datasets = [dataset for dataset, _ in parts]
        self.ends = [batch * sum(shares[: i + 1]) / sum(shares) for i in range(len(parts))]
        self.batch, self.seed, self.on_device = batch, seed, on_device
        for part, (dataset, share) in enumerate(zip(self.datasets, shares, strict=True)):
            if batch * share < sum(shares):
                raise ValueError(f"part {part}: a batch of {batch} has less than one item for a share of {share}")
            if not len(dataset):
                raise ValueError(f"part {part}: the data set is empty")

    def __getitem__(self, key: Key) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Why items cannot be read, if so, and the item, or the next one that can."""
        part, k = key
        dataset = self.datasets[part]
        broken: list[str] = []
        while True:
            try:
                return tuple(broken), dataset.unrendered(k) if self.on_device else dataset[k]
            except DatasetError as error:
                broken.append(str(error))
                if len(broken) == MOST_BROKEN:
                    raise
                k += 1

    def keys(self, number: int) -> list[Key]:
        """The items of batch `number`, part by part."""
        keys = []
        for part, dataset in enumerate(self.datasets):
            first, last = self._drawn(part, number), self._drawn(part, number + 1)
            keys += [(part, item_at(m, len(dataset), self.seed + part)) for m in range(first, last)]
        return keys

    def _drawn(self, part: int, batches: int) -> int:
        """How many items of the part the first batches have, so that never more than one is missing."""
        before = self.ends[part - 1] if part else Fraction(0)
        return floor(batches * self.ends[part]) - floor(batches * before)


def item_at(m: int, length: int, seed: int) -> int:
    """The m-th item of an endless sequence: every data set of `length` once in each epoch, in a fresh order."""
    epoch, within = divmod(m, length)
    return epoch * length + int(_order(length, seed, epoch)[within])


@lru_cache(maxsize=16)
def _order(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(length)


class BatchKeys(Sampler[list[Key]]):
    """Keys of one process's part of the batches from `first` on, without end.

    Process `rank` of `world` has every `world`-th item, so that all have about the same shares.
    """

    def __init__(self, mix: Mix, first: int, rank: int = 0, world: int = 1) -> None:
        if mix.batch % world:
            raise ValueError(f"a batch of {mix.batch} cannot be split evenly over {world} processes")
        self.mix, self.first, self.rank, self.world = mix, first, rank, world

    def __iter__(self) -> Iterator[list[Key]]:
        number = self.first
        while True:
            yield self.mix.keys(number)[self.rank :: self.world]
            number += 1
