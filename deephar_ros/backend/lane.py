"""Calls on a device over memory that stays in place: pinned on the host, recorded as CUDA graphs, in a few batch sizes.

Without a GPU the same code runs without graphs and without a stream, which is what its tests do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deephar_ros.geometry import Array

BUCKETS = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that are prepared; a batch is filled up to the next of them, and a larger one goes in parts."""
WARM_UPS = 3
"""Runs before a recording: libraries choose algorithms and take memory, which a recording does not allow."""

Function = Callable[[Tensor], Tensor]


class Lane:
    """What runs one after the other on one device: its stream, and the memory that its graphs share.

    Args:
        graphs: record what runs often as a CUDA graph; without effect on the CPU.
    """

    def __init__(self, device: torch.device, graphs: bool = True) -> None:
        self.device = device
        self._graphs = graphs
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._done = torch.cuda.Event() if self._stream is not None else None
        self._pool = torch.cuda.graph_pool_handle() if self._stream is not None and graphs else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """What is enqueued within goes to the stream of this lane."""
        stream = nullcontext() if self._stream is None else torch.cuda.stream(self._stream)
        with torch.no_grad(), stream:
            yield

    def host(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory on the host that copies to and from the device need not wait for."""
        return torch.empty(shape, dtype=dtype, pin_memory=self._stream is not None)

    def upload(self, parts: Sequence[NDArray[Any]]) -> list[Tensor]:
        """Copies of arrays of one type on the device, through one transfer that is not waited for.

        The pinned memory is PyTorch's, which uses it again only when the transfer is done.
        """
        sizes = [part.size for part in parts]
        staging = self.host((sum(sizes),), torch.from_numpy(np.empty(0, parts[0].dtype)).dtype)
        for part, place in zip(parts, staging.split(sizes), strict=True):
            np.copyto(place.numpy().reshape(part.shape), part)
        pieces = staging.to(self.device, non_blocking=True).split(sizes)
        return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]

    def wait(self) -> None:
        """Until all that was enqueued is done."""
        if self._done is not None:
            self._done.record(self._stream)
            self._done.synchronize()

    def record(self, function: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        """Makes a function ready to be called often, within `active`.

        Returns:
            What to call, and the tensor in which its result stands afterwards.
        """
        if self._stream is None:
            return self._plain(function)
        # Shapes are fixed, so it pays to measure algorithms once; float32 is to be float32.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            for _ in range(WARM_UPS):
                function()
            self._stream.synchronize()
            if self._pool is None:
                return self._plain(function)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                output = function()
        return graph.replay, output

    def _plain(self, function: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        output = function()
        return lambda: output.copy_(function()), output


class StaticCall:
    """A function of one batch size: (B, ...) -> (B, W).

    Args:
        function: of a tensor on the lane's device; allocates nothing but through PyTorch, and waits for nothing.
        shape: of its input, batch first.
    """

    def __init__(self, lane: Lane, function: Function, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self._lane, self._function = lane, function  # a recorded graph works in memory that the function may own
        with lane.active():
            self._staging = lane.host(shape, dtype)
            self._input = torch.zeros(shape, dtype=dtype, device=lane.device)
            self._run, self._output = lane.record(lambda: function(self._input))
            self._result = lane.host(tuple(self._output.shape), self._output.dtype)
        lane.wait()

    def __call__(self, rows: NDArray[Any] | Tensor) -> Array:
        """Of n <= B rows, on the host or on the device, the n results: one copy up, if at all, and one back."""
        count = len(rows)
        with self._lane.active():
            if not isinstance(rows, Tensor):
                np.copyto(self._staging[:count].numpy(), rows)
                rows = self._staging[:count]
            self._input[:count].copy_(rows, non_blocking=True)
            self._run()
            self._result[:count].copy_(self._output[:count], non_blocking=True)
            self._lane.wait()
        return self._result[:count].numpy().copy()


class Buckets:
    """A function of batches of any size, as calls of a few sizes.

    Args:
        make: gives the function for a batch size.
        shape: of one row of its input.
        sizes: batch sizes, rising.
    """

    def __init__(
        self,
        lane: Lane,
        make: Callable[[int], Function],
        shape: tuple[int, ...],
        dtype: torch.dtype,
        sizes: tuple[int, ...] = BUCKETS,
    ) -> None:
        self._lane, self._make, self._shape, self._dtype, self._sizes = lane, make, shape, dtype, sizes
        self._calls: dict[int, StaticCall] = {}

    def prepare(self, largest: int) -> None:
        """Makes ready for batches of up to `largest` rows; others are made ready when they come."""
        for size in self._sizes:
            self._call(size)
            if size >= largest:
                break

    def __call__(self, rows: NDArray[Any] | Tensor) -> Array:
        """(N, ...) -> (N, W), N >= 1."""
        most = self._sizes[-1]
        parts = [rows[start : start + most] for start in range(0, len(rows), most)]
        results = [self._call(next(size for size in self._sizes if size >= len(part)))(part) for part in parts]
        return results[0] if len(results) == 1 else np.concatenate(results)

    def _call(self, size: int) -> StaticCall:
        if size not in self._calls:
            self._calls[size] = StaticCall(self._lane, self._make(size), (size, *self._shape), self._dtype)
        return self._calls[size]
