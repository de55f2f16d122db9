"""What a run shows of itself: a progress bar, log.jsonl, TensorBoard."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.files import append_line, whole_file

LOG = "log.jsonl"


class Monitor:
    """Collects losses between two reports. Use as a context manager. A silent one neither shows nor writes anything.

    Args:
        total, done: pictures of the whole run, and those that were seen before.
        interval: what `interval` was when the run stopped.
        tensorboard: also write event files into `out`.
    """

    def __init__(
        self,
        out: Path,
        total: int,
        done: int,
        tensorboard: bool,
        silent: bool = False,
        interval: Mapping[str, Any] | None = None,
    ) -> None:
        self.out, self.silent = out, silent
        self._bar = tqdm(total=total, initial=done, unit="img", smoothing=0.05, mininterval=2, disable=silent)
        self._writer = _event_writer(out) if tensorboard and not silent else None
        self._named: set[str] = set()
        self._start_interval(interval or {})

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def step(self, losses: dict[str, float], pictures: int, broken: Iterable[str]) -> None:
        """Counts one step.

        Args:
            losses: by name.
            pictures: of all processes, frames of clips counted.
            broken: names of pictures that could not be read.
        """
        for name, loss in losses.items():
            self._losses[name] = self._losses.get(name, 0.0) + loss
            self._steps[name] += 1
        for name in broken:
            if name not in self._named:
                self.say(f"skipped, as it cannot be read: {name}")
            self._named.add(name)
            self._broken[name] += 1
        self._pictures += pictures
        self._bar.set_postfix({name: f"{loss:.4g}" for name, loss in losses.items()}, refresh=False)
        self._bar.update(pictures)

    def report(self, line: dict[str, Any], metrics: dict[str, float], images: int) -> dict[str, Any]:
        """Appends a line to the log: what is given, mean losses, speed and what was broken since the last report."""
        scalars = {f"{name}_loss": round(total / self._steps[name], 5) for name, total in self._losses.items()}
        scalars["images_per_second"] = round(self._pictures / (time.monotonic() - self._began), 1)
        line = {**line, **scalars, **{name: round(value, 3) for name, value in metrics.items()}}
        if self._broken:
            line["broken"] = dict(self._broken)
        self._start_interval({})
        if not self.silent:
            append_line(self.out / LOG, json.dumps(line))
            self.say(json.dumps(line))
        if self._writer is not None:
            for name, value in {**scalars, **metrics, "learning_rate": line["learning_rate"]}.items():
                self._writer.add_scalar(name, value, images)
        return line

    @property
    def shows_pictures(self) -> bool:
        return self._writer is not None

    def picture(self, picture: NDArray[np.uint8], images: int) -> None:
        """Puts (H, W, 3) RGB on TensorBoard; needs `shows_pictures`."""
        assert self._writer is not None
        self._writer.add_image("predictions", picture, images, dataformats="HWC")

    def say(self, text: str) -> None:
        """Prints a line above the bar."""
        if not self.silent:
            tqdm.write(text)

    @property
    def interval(self) -> dict[str, Any]:
        """What was collected since the last report, for JSON."""
        return {"losses": self._losses, "steps": self._steps, "broken": self._broken}

    def _start_interval(self, before: Mapping[str, Any]) -> None:
        self._losses: dict[str, float] = dict(before.get("losses", {}))
        self._steps: Counter[str] = Counter(before.get("steps", {}))
        self._broken: Counter[str] = Counter(before.get("broken", {}))
        self._pictures, self._began = 0, time.monotonic()


def cut_log(out: Path, images: int) -> None:
    """Takes out of the log what a run wrote after `images` pictures, where it goes on from, and half a line."""
    log = out / LOG
    if log.is_file():
        lines = [line for line in log.read_text().splitlines() if _images(line) <= images]
        with whole_file(log) as file:
            file.write("".join(line + "\n" for line in lines).encode())


def _images(line: str) -> float:
    try:
        return float(json.loads(line)["images"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _event_writer(out: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        tqdm.write("logging.tensorboard is on, but TensorBoard is not installed (pip install tensorboard): going on")
        return None
    return SummaryWriter(str(out))
