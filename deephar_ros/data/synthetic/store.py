"""Folders that are filled part by part, so that work can be stopped and gone on with, by several processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.samples import DatasetError
from deephar_ros.files import read_json

Task = tuple[Any, int, int]
"""A job, the number of its first item, and how many."""


def picture_file(folder: Path, number: int, cutout: bool = False) -> Path:
    """Where a rendered picture is, or a cut-out."""
    return folder / "images" / f"{number:07d}{'.png' if cutout else '.jpg'}"


@dataclass(frozen=True)
class Store:
    """A folder with `metadata.json`, parts, and one file of all parts.

    Attributes:
        file: name of that file.
        tables: arrays by name whose first axis is the items.
    """

    folder: Path
    file: str
    tables: Sequence[str]

    def begin(self, made: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """Makes the folder, or finds that what is there was made with the same values; DatasetError if not.

        Args:
            made: what decides the contents.
            about: what else `metadata.json` tells.
        """
        file = self.folder / "metadata.json"
        if file.is_file():
            found = dict(read_json(file))
            other = [key for key in made if found.get(key) != json.loads(json.dumps(made[key]))]
            if other:
                raise DatasetError(
                    f"{file} was made with another {' and '.join(other)}; choose another folder for --out"
                )
            return
        (self.folder / "parts").mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**made, **about}, indent=1) + "\n")

    def part(self, first: int) -> Path:
        """File of the part whose first item has this number."""
        return self.folder / "parts" / f"{first:07d}.npz"

    def missing(self, count: int, size: int) -> list[tuple[int, int]]:
        """First item and length of the parts of at most `size` items that are still to be made, of `count` items."""
        parts = [(first, min(size, count - first)) for first in range(0, count, size)]
        return [(first, length) for first, length in parts if self._length(first) < length]

    def save(self, first: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Writes a part."""
        save_npz(self.part(first), arrays, compressed=True)

    def merge(self) -> int:
        """Joins the parts that are there; returns the number of items."""
        parts = [read_npz(path, self.tables) for path in sorted((self.folder / "parts").glob("*.npz"))]
        if not parts:
            return 0
        joined = {name: np.concatenate([part[name] for part in parts]) for name in self.tables}
        save_npz(self.folder / self.file, joined, compressed=False)
        return len(joined[self.tables[0]])

    def _length(self, first: int) -> int:
        file = self.part(first)
        return len(read_npz(file, self.tables[-1:])[self.tables[-1]]) if file.is_file() else 0


def save_npz(path: Path, arrays: Mapping[str, NDArray[Any]], compressed: bool) -> None:
    """In full or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)


def run_tasks(work: Callable[[Task], int], tasks: Sequence[Task], workers: int) -> Iterator[int]:
    """What `work` (a function of a module) returns for each task, in order."""
    if workers > 1 and len(tasks) > 1:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            yield from pool.map(work, tasks)
    else:
        for task in tasks:
            yield work(task)
