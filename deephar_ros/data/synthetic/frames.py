"""A folder of rendered still pictures: written in parts, so that it can be stopped and gone on with.

metadata.json     what it was made with, and the motions; another seed or size in the same folder is refused
images/0000012.jpg
parts/0000000.npz what is known of the pictures of one part
joints.npz        all parts that are there, see `TABLES`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.families import FAMILIES
from deephar_ros.data.synthetic.poses import PoseSource
from deephar_ros.data.synthetic.still import Still, render_still
from deephar_ros.files import read_json

VERSION = 1
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
    """

    assets: Path
    out: Path
    count: int
    size: int = 256
    seed: int = 0
    held_out: bool = False


def render_frames(job: Job, workers: int = 1) -> Iterator[int]:
    """Renders what is missing and gives the number of pictures of each part when it is there; then joins them.

    Raises:
        FileNotFoundError, DatasetError: of the assets, or the folder holds pictures made otherwise.
    """
    parts = [(first, min(PART, job.count - first)) for first in range(0, job.count, PART)]
    assets = load_assets(job.assets, job.held_out)
    _begin(job, assets)
    todo = [part for part in parts if not _is_done(job, *part)]
    yield from (count for first, count in parts if (first, count) not in todo)
    try:
        if workers > 1 and len(todo) > 1:
            with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
                yield from pool.map(_work, [(job, *part) for part in todo])
        else:
            yield from (_render_part(job, assets, *part) for part in todo)
    finally:
        merge(job.out)


def merge(folder: Path) -> int:
    """Joins the parts that are there into joints.npz; returns how many pictures that are."""
    parts = [read_npz(path, list(TABLES)) for path in sorted((folder / "parts").glob("*.npz"))]
    if not parts:
        return 0
    _save(folder / "joints.npz", {name: np.concatenate([part[name] for part in parts]) for name in TABLES})
    return sum(len(part["number"]) for part in parts)


def motion_names(assets: Assets) -> list[str]:
    """All that poses may come from; those with a plus have the legs of another one."""
    recorded = [motion.name for motion in assets.motions if motion.held_out == assets.held_out]
    return recorded + [f"{name}+" for name in recorded] + [f"family/{name}" for name in FAMILIES]


def picture_file(folder: Path, number: int) -> Path:
    """Where a picture is."""
    return folder / "images" / f"{number:07d}.jpg"


def _begin(job: Job, assets: Assets) -> None:
    """Makes the folder, or finds that it holds the same; DatasetError if not."""
    made = {"version": VERSION, "size": job.size, "seed": job.seed, "held_out": job.held_out}
    about = {**made, "motions": motion_names(assets), "layout": "pa17", "tables": TABLES, "quality": JPEG_QUALITY}
    file = job.out / "metadata.json"
    if file.is_file():
        found = dict(read_json(file))
        other = [key for key in (*made, "motions") if found.get(key) != about[key]]
        if other:
            raise DatasetError(f"{file} was made with another {' and '.join(other)}; choose another folder for --out")
        return
    for name in ("images", "parts"):
        (job.out / name).mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(about, indent=1) + "\n")


def _part_file(job: Job, first: int) -> Path:
    return job.out / "parts" / f"{first:07d}.npz"


def _is_done(job: Job, first: int, count: int) -> bool:
    file = _part_file(job, first)
    return file.is_file() and len(read_npz(file, ["number"])["number"]) >= count


def _work(task: tuple[Job, int, int]) -> int:
    """In a process of its own, which keeps the assets from part to part."""
    job, first, count = task
    if _Kept.assets is None:
        cv2.setNumThreads(1)
        _Kept.assets = load_assets(job.assets, job.held_out)
    return _render_part(job, _Kept.assets, first, count)


class _Kept:
    assets: Assets | None = None


def _render_part(job: Job, assets: Assets, first: int, count: int) -> int:
    poses, names = PoseSource(assets.motions, job.held_out), motion_names(assets)
    rows = []
    for number in range(first, first + count):
        still = render_still(assets, poses, job.size, job.seed, number)
        _write_picture(picture_file(job.out, number), still)
        rows.append(_row(still, number, names.index(still.motion), job.held_out))
    _save(_part_file(job, first), {name: np.stack([row[name] for row in rows]) for name in TABLES})
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
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    if not cv2.imwrite(str(path), cv2.cvtColor(still.picture, cv2.COLOR_RGB2BGR), quality):
        raise OSError(f"{path} cannot be written; is the disk full?")


def _save(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """In full or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    unfinished.replace(path)
