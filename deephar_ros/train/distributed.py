"""Data-parallel training by torchrun: every process takes its part of each batch, gradients are averaged by hand.

Averaging by hand, not DistributedDataParallel, because a step runs the network once or twice, accumulates, and leaves
weights without gradient as its stage wants. Running statistics are averaged along with the gradients, so that all
processes always hold the same network. Batch normalisation itself works on each process's part of the batch, unless
`runtime.synchronise_norm` is set (GPUs only): then, as with `fixed_norm`, the result is that of one process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

LONGEST_WAIT = timedelta(hours=2)
"""For a process that evaluates while the others wait."""


@dataclass(frozen=True)
class Group:
    """The processes of a run; `rank` is this one's number, 0 the one that writes."""

    rank: int = 0
    size: int = 1

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replaces float32 tensors, equal in number and shapes in all processes, by their averages over these."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def join(device: str) -> tuple[Group, torch.device]:
    """Joins the processes that torchrun started, if it did, and tells on which device to work.

    Args:
        device: "cpu" or "cuda"; with "cuda" every process of a machine takes the GPU of its local number.
    """
    if "RANK" not in os.environ:
        return Group(), torch.device(device)
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device == "cpu" else "nccl", timeout=LONGEST_WAIT)
    return Group(dist.get_rank(), dist.get_world_size()), torch.device(device)


def leave(group: Group) -> None:
    """Ends what `join` began."""
    if group.size > 1 or dist.is_initialized():
        dist.destroy_process_group()
