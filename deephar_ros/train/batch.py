"""What goes through the network in one step; batches are those of `data.batches`.

For the action path alone `images` holds rows of `model.features` (B, T, K) instead of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from deephar_ros.data.batches import Batch


class Source(Protocol):
    """Where the batches of a run come from."""

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        """What each step of a stage takes from step `first` on, by "pose" and "action"; the same in every run."""


def parts(batch: Batch, count: int) -> list[Batch]:
    """The batch cut into `count` equal parts, or into single samples if there are not as many."""
    count = min(count, len(batch["images"]))
    names, values = zip(*tensors(batch).items(), strict=True)
    return [dict(zip(names, part, strict=True)) for part in zip(*(v.chunk(count) for v in values), strict=True)]


def tensors(batch: Batch) -> dict[str, Tensor]:
    """The tensors of a batch by name."""
    return {name: value.contiguous() for name, value in batch.items() if isinstance(value, Tensor)}
