"""A folder of rendered still pictures, or of people cut out of them.

metadata.json     what it was made with, and the motions; another seed or size in the same folder is refused
images/0000012.jpg  cut-outs: .png with an alpha channel
parts/0000000.npz what is known of the pictures of one part
joints.npz        all parts that are there, see `TABLES`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.cutout import EverydayPoses, render_cutout
from deephar_ros.data.synthetic.families import FAMILIES
from deephar_ros.data.synthetic.poses import PoseSource
from deephar_ros.data.synthetic.still import Still, render_still
from deephar_ros.data.synthetic.store import Store, picture_file, run_tasks

VERSION = 2
"""1: the bend of the wrist moved half of the forearm."""

CUTOUT_VERSION = 1

PART = 250
"""Pictures in a part."""

JPEG_QUALITY = 92

TABLES = {
    "number": "(N,) of the picture",
    "joints": "(N, 17, 3) PA17: column and row in pixels, depth from the camera in mm",
    "visibility": "(N, 17) 0: outside of the picture, 1: behind something, 2: seen",
    "intrinsics": "(N, 4) focal lengths and centre in pixels; the centre may be outside, as the picture is a crop",
    "camera": "(N, 3, 4) turn (right, down, forward) and place in metres in a world with z up",
    "subject": "(N,) whose body it is",
    "motion": "(N,) place in metadata's motions; family/... are drawn from ranges of angles",
    "held_out": "(N,) 1 where body, recording and background are never in training pictures",
}


@dataclass(frozen=True)
class Job:
    """What to render.

    Attributes:
        size: pixels of the pictures' sides.
        held_out: the part for testing: other bodies, recordings and backgrounds.
        cutouts: whole people without backgrounds, instead of pictures.
    """

    assets: Path
    out: Path
    count: int
    size: int = 256
    seed: int = 0
    held_out: bool = False
    cutouts: bool = False

    @property
    def store(self) -> Store:
        return Store(self.out, "joints.npz", list(TABLES))

    @property
    def made(self) -> dict[str, Any]:
        """What decides the contents."""
        version = {"cutouts": CUTOUT_VERSION} if self.cutouts else {"version": VERSION}
        return {**version, "size": self.size, "seed": self.seed, "held_out": self.held_out}

    def render(self, assets: Assets, number: int) -> Still:
        if self.cutouts:
            return render_cutout(assets, EverydayPoses(assets.motions, self.held_out), self.size, self.seed, number)
        return render_still(assets, PoseSource(assets.motions, self.held_out), self.size, self.seed, number)


def render_frames(job: Job, workers: int = 1) -> Iterator[int]:
    """Renders what is missing; gives the number of pictures that are there already, and then of each part.

    Raises:
        FileNotFoundError, DatasetError: of the assets, or the folder holds pictures made otherwise.
    """
    motions = motion_names(_assets(job.assets, job.held_out))
    job.store.begin({**job.made, "motions": motions}, {"layout": "pa17", "tables": TABLES, "quality": JPEG_QUALITY})
    (job.out / "images").mkdir(exist_ok=True)
    tasks = [(job, *part) for part in job.store.missing(job.count, PART)]
    yield job.count - sum(count for _, _, count in tasks)
    try:
        yield from run_tasks(_render_part, tasks, workers)
    finally:
        job.store.merge()


def motion_names(assets: Assets) -> list[str]:
    """All that poses may come from; those with a plus have the legs of another one."""
    recorded = [motion.name for motion in assets.motions if motion.held_out == assets.held_out]
    return recorded + [f"{name}+" for name in recorded] + [f"family/{name}" for name in FAMILIES]


_assets = lru_cache(1)(load_assets)
"""Kept from part to part, also in the processes that render."""


def _render_part(task: tuple[Job, int, int]) -> int:
    job, first, count = task
    cv2.setNumThreads(1)
    assets = _assets(job.assets, job.held_out)
    names, rows = motion_names(assets), []
    for number in range(first, first + count):
        still = job.render(assets, number)
        _write_picture(picture_file(job.out, number, job.cutouts), still)
        rows.append(_row(still, number, names.index(still.motion), job.held_out))
    job.store.save(first, {name: np.stack([row[name] for row in rows]) for name in TABLES})
    return count


def _row(still: Still, number: int, motion: int, held_out: bool) -> dict[str, NDArray[Any]]:
    camera = still.camera
    return {
        "number": np.array(number, np.int32),
        "joints": still.joints,
        "visibility": still.visibility,
        "intrinsics": np.array([camera.focal, camera.focal, *camera.centre], np.float32),
        "camera": np.column_stack([camera.turn, camera.place]).astype(np.float32),
        "subject": np.array(still.subject, np.int32),
        "motion": np.array(motion, np.int32),
        "held_out": np.array(held_out, np.uint8),
    }


def _write_picture(path: Path, still: Still) -> None:
    cutout = still.picture.shape[2] == 4
    picture = cv2.cvtColor(still.picture, cv2.COLOR_RGBA2BGRA if cutout else cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), picture, [] if cutout else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise OSError(f"{path} cannot be written; is the disk full?")
