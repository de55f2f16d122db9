"""From a mix of data sets to batches on the trainer's device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from deephar_ros.data.batch_augment import Unrendered, collect, render_batch
from deephar_ros.data.mix import BatchKeys, Mix

Batch = dict[str, Any]
"""`images` uint8 (B, 3, S, S), or (B, T, 3, S, S) of clips; `pose` (B, [T,] J, 3) with NaN where unknown; of clips
`labels` (B, action sets), -1 where a clip has none; `broken`, why other items took the place of some."""


def batches(
    mix: Mix,
    first: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Endless batches from batch `first` on, on the device; the same whatever the number of workers.

    OpenCV gets one thread in the whole process if there are workers: a fork of its running threads would hang.
    """
    if workers:
        _one_thread(0)
    loader = DataLoader(
        mix,
        batch_sampler=BatchKeys(mix, first, rank, world),
        num_workers=workers,
        collate_fn=_Collate(mix.datasets[0].size, mix.on_device),
        pin_memory=torch.device(device).type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
    )
    for batch in loader:
        yield _on_device(batch, device, mix.datasets[0].size)


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)  # as many workers as cores: more threads would only wait for each other


class _Collate:
    """Items to a batch; what is rendered later, to crops of `size`."""

    def __init__(self, size: int, on_device: bool) -> None:
        self.size, self.on_device = size, on_device

    def __call__(self, found: list[tuple[tuple[str, ...], tuple[Any, ...]]]) -> Batch:
        broken, items = zip(*found, strict=True)
        columns = [list(column) for column in zip(*items, strict=True)]
        if self.on_device:
            cuts, views = columns.pop(0), columns.pop(0)
            pairs = [(cut, view) for frames, view in zip(cuts, views, strict=True) for cut in frames]
            tensors = [collect(pairs, self.size), *map(torch.stack, columns)]
        else:
            tensors = [torch.stack(column) for column in columns]
        return {**dict(zip(("images", "pose", "labels"), tensors, strict=False)), "broken": sum(broken, ())}


def _on_device(batch: Batch, device: torch.device | str, size: int) -> Batch:
    moved = {name: value.to(device, non_blocking=True) for name, value in batch.items() if isinstance(value, Tensor)}
    if isinstance(batch["images"], Unrendered):
        images = render_batch(batch["images"].to(device), size)
        moved["images"] = images.view(*batch["pose"].shape[:-2], 3, size, size)
    return {**moved, "broken": batch["broken"]}
