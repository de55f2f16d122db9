"""A backend that goes on when its device runs out of memory, and comes back when the device was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Union

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.backend.base import Backend, Crops, Prediction
from deephar_ros.cutout import Cutout
from deephar_ros.geometry import Array

R = TypeVar("R")
Inputs = Union[NDArray[Any], torch.Tensor, Sequence[Cutout]]  # noqa: UP007  see `Crops`

OUT_OF_MEMORY = ("out of memory", "outofmemory", "not enough memory", "failed to allocate", "alloc_failed")
LOST = ("cuda error", "cuda runtime", "cuda driver error", "cudnn", "cublas", "hip error")
"""What libraries write, in lower case, when memory is short and when a device does not work any more."""
HOLD, LONGEST_HOLD = 10.0, 600.0
"""Seconds after an out-of-memory error before larger batches are tried; doubled each time that they do not fit."""
WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two attempts to open a lost device, doubled each time."""
FAILURES = 2
"""Errors of the device in a row after which it counts as lost."""


class DeviceError(RuntimeError):
    """The device could not compute this batch; the message says what is done about it."""


class BatchLimit:
    """How many inputs go through the network at once: halved when they do not fit, doubled again after a while."""

    def __init__(self) -> None:
        self.size: int | None = None  # no limit
        self._failed = 0
        self._hold = HOLD
        self._changed = 0.0

    def shrink(self, failed: int, now: float) -> None:
        """A batch of `failed` inputs did not fit; `now`: seconds of a monotonic clock."""
        if self._failed:
            self._hold = min(2 * self._hold, LONGEST_HOLD)
        self.size, self._failed, self._changed = max(1, failed // 2), failed, now

    def grow(self, now: float) -> None:
        """Doubles the batch if it is time to try that, up to no limit at all."""
        if self.size is None or now - self._changed < self._hold:
            return
        self.size = 2 * self.size if 2 * self.size < self._failed else None
        self._changed = now


class CarefulBackend:
    """Wraps another backend; one that works is only passed through.

    Out of memory: the cache is emptied and the batch halved until it fits; the results are those of the whole batch.
    Lost device: the backend is loaded again, at growing intervals; until that succeeds, every call raises DeviceError.

    Args:
        backend: the one to begin with.
        load: opens it again after the device was lost.
        fallback: opens another one if `load` fails; None: there is no other.
        say: called with a sentence about what has happened.

    Attributes:
        trouble: a sentence about what is wrong now; empty if nothing is.
    """

    def __init__(
        self,
        backend: Backend,
        load: Callable[[], Backend],
        fallback: Callable[[], Backend] | None,
        say: Callable[[str], None],
    ) -> None:
        self._load, self._fallback, self._say = load, fallback, say
        self._backend: Backend | None = backend
        self.name, self.spec = backend.name, backend.spec
        self.device, self.precision = backend.device, backend.precision
        self.trouble = ""
        self.cut = backend.cut
        self._cutouts, self._crops, self._clips = BatchLimit(), BatchLimit(), BatchLimit()
        self._failures = 0
        self._wait, self._next_try = WAIT, 0.0

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`."""
        if self._backend is not None:
            self._backend.set_cut(pyramids)
        self.cut = pyramids

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`; DeviceError as in `predict`."""
        parts = self._in_parts(lambda backend, part: backend.crop(part), cutouts, self._cutouts)
        if len(parts) == 1:
            return parts[0]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        return torch.cat(tensors) if tensors else np.concatenate([np.asarray(part) for part in parts])

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`; DeviceError if not even one crop fits, or while the device is lost."""
        parts = self._in_parts(lambda backend, part: backend.predict(part), crops, self._crops)
        return Prediction(*map(np.concatenate, zip(*parts, strict=True))) if len(parts) > 1 else parts[0]

    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`; DeviceError as in `predict`."""
        parts = self._in_parts(lambda backend, part: backend.classify(part), clips, self._clips)
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]

    def _in_parts(self, run: Callable[[Backend, Any], R], inputs: Inputs, limit: BatchLimit) -> list[R]:
        backend, done = self._open(), 0
        parts: list[R] = []
        limit.grow(time.monotonic())
        while done < len(inputs):
            part = inputs[done : done + (limit.size or len(inputs))]
            try:
                parts.append(run(backend, part))
                done += len(part)
                continue
            except (RuntimeError, MemoryError) as error:
                why = str(error)
                if not _is(OUT_OF_MEMORY, why) and not _is(LOST, why):
                    raise
            # Only here, where the error is gone, nothing holds the memory of the failed call any more.
            if _is(OUT_OF_MEMORY, why):
                self._shrink(limit, len(part), why)
            else:
                self._fail(why)
        self._failures = 0
        self.trouble = self._small_batches()
        return parts

    def _shrink(self, limit: BatchLimit, failed: int, why: str) -> None:
        _empty_cache()
        limit.shrink(failed, time.monotonic())
        if failed == 1:
            self.trouble = f"{self.device} has no memory left, not even for one person at a time ({_line(why)})"
            raise DeviceError(self.trouble)
        self._say(f"{self.device} is out of memory with {failed} people at once, going on with {limit.size} at a time")

    def _small_batches(self) -> str:
        size = min((limit.size for limit in (self._cutouts, self._crops, self._clips) if limit.size), default=0)
        if not size:
            return ""
        return f"{self.device} was out of memory: {size} people go through the network at a time, more are tried later"

    def _fail(self, why: str) -> None:
        """The device has failed; raises DeviceError."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._backend = None
            _empty_cache()
        self.trouble = f"{self.device} fails ({_line(why)})"
        raise DeviceError(self.trouble)

    def _open(self) -> Backend:
        """The backend, loaded again if it was lost."""
        if self._backend is not None:
            return self._backend
        now = time.monotonic()
        if now < self._next_try:
            raise DeviceError(f"{self.trouble}; it is tried again in {self._next_try - now:.0f} s")
        self._wait = WAIT if now - self._next_try > LONGEST_WAIT else min(2 * self._wait, LONGEST_WAIT)
        self._next_try = now + self._wait
        self._backend = self._reload()
        self._backend.set_cut(self.cut)
        self._failures = 0
        self._say(f"{self.device} was lost; the network was loaded again and runs on {self._backend.device}")
        self.name, self.device, self.precision = self._backend.name, self._backend.device, self._backend.precision
        return self._backend

    def _reload(self) -> Backend:
        try:
            return self._load()
        except (RuntimeError, ValueError, OSError) as error:
            why = _line(str(error))
        if self._fallback is not None:
            return self._fallback()
        self.trouble = f"{self.device} is lost and cannot be opened again ({why}); restarting the node may help"
        raise DeviceError(self.trouble)


def _is(signs: tuple[str, ...], text: str) -> bool:
    return any(sign in text.lower() for sign in signs)


def _line(text: str) -> str:
    return text.splitlines()[0] if text else "no reason given"


def _empty_cache() -> None:
    if torch.cuda.is_initialized():
        try:
            torch.cuda.empty_cache()
        except RuntimeError:  # of a lost device: there is nothing left to give back
            return
