"""Rendered clips of actions, as a folder data set (`data.folder`) with joints beside the videos.

FOLDER/train/waving/000012.mp4, and for a held-out part FOLDER/test/...
FOLDER/train/waving/000012.npz   `joints` and what else `TABLES` lists
FOLDER/train/clips.json          what they were made with
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.resample import Image
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.actions import Support, read_actions
from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.backdrop import draw_light
from deephar_ros.data.synthetic.camera import Camera, aim, draw_view
from deephar_ros.data.synthetic.draw import draw, ground_shadow, move
from deephar_ros.data.synthetic.outfit import dress
from deephar_ros.data.synthetic.performance import Performance, Stage
from deephar_ros.data.synthetic.props import boxes_for, with_boxes
from deephar_ros.data.synthetic.rig import Rig
from deephar_ros.data.synthetic.still import see, to_bytes
from deephar_ros.data.synthetic.store import run_tasks, save_npz
from deephar_ros.data.synthetic.tracks import followed, mean_rig
from deephar_ros.files import read_json
from deephar_ros.geometry import Array

VERSION = 1
FPS = 30

TABLES = {
    "joints": "(T, 17, 3) PA17: column and row in pixels, depth from the camera in mm",
    "visibility": "(T, 17) 0: outside of the picture, 1: behind something, 2: seen",
    "intrinsics": "(4,) focal lengths and centre in pixels",
    "frame_label": "(T,) place in labels",
    "subject": "() whose body it is",
}


@dataclass(frozen=True)
class ClipJob:
    """What to render.

    Attributes:
        count: clips; the actions take turns.
        size: pixels of the pictures' sides.
        fps: frames per second, of which `frames` are rendered.
    """

    assets: Path
    actions: Path
    out: Path
    count: int
    frames: int = 48
    size: int = 256
    seed: int = 0
    held_out: bool = False
    fps: int = FPS

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 240:
            raise ValueError(f"{self.fps} frames per second are not between 1 and 240")

    @property
    def folder(self) -> Path:
        return self.out / ("test" if self.held_out else "train")


@dataclass(frozen=True)
class RenderedClip:
    """A clip: pictures (size, size, 3) RGB, and the arrays of `TABLES` by name."""

    pictures: list[Image]
    tables: dict[str, NDArray[Any]]
    performance: Performance


def render_clips(job: ClipJob, workers: int = 1) -> Iterator[int]:
    """Renders what is missing; gives the number of clips that are there already, and then 1 for each.

    Raises:
        FileNotFoundError, DatasetError: of the assets, or the folder holds clips made otherwise.
        ConfigError: of the actions.
    """
    _, stage = _prepared(job.assets, job.actions, job.held_out)
    labels = [action.label for action in stage.actions]
    made = {
        "version": VERSION, "seed": job.seed, "size": job.size, "frames": job.frames, "labels": labels, "fps": job.fps
    }  # fmt: skip
    file = job.folder / "clips.json"
    if file.is_file() and {**dict(read_json(file)), **made} != dict(read_json(file)):
        raise DatasetError(f"{file} was made with other values than {made}; choose another folder for --out")
    for label in labels:
        (job.folder / label).mkdir(parents=True, exist_ok=True)
    if not file.is_file():
        file.write_text(json.dumps({**made, "layout": "pa17", "tables": TABLES}, indent=1) + "\n")
    todo = [(job, number, 1) for number in range(job.count) if not _file(job, labels, number).is_file()]
    yield job.count - len(todo)
    yield from run_tasks(_render, todo, workers)


def _file(job: ClipJob, labels: Sequence[str], number: int) -> Path:
    return job.folder / labels[number % len(labels)] / f"{number:06d}.mp4"


@lru_cache(1)
def _prepared(folder: Path, file: Path, held_out: bool) -> tuple[Assets, Stage]:
    actions, assets = read_actions(file), load_assets(folder, held_out)
    return assets, Stage(actions, assets.motions, mean_rig(assets), held_out)


def _render(task: tuple[ClipJob, int, int]) -> int:
    job, number, _ = task
    cv2.setNumThreads(1)
    assets, stage = _prepared(job.assets, job.actions, job.held_out)
    clip = render_clip(assets, stage, job.frames, job.size, job.seed, number, job.fps)
    file = _file(job, [action.label for action in stage.actions], number)
    save_npz(file.with_suffix(".npz"), clip.tables, compressed=False)
    _write_video(file, clip.pictures, job.fps)
    return 1


def render_clip(
    assets: Assets, stage: Stage, frames: int, size: int, seed: int, number: int, fps: int = FPS
) -> RenderedClip:
    """Clip `number` of `seed`."""
    rng = np.random.default_rng([seed, number])
    label = number % len(stage.actions)
    performance = stage.perform(label, frames, fps, rng)
    subject = int(rng.choice(assets.subjects))
    figure = assets.body.figure(assets.body.shapes[subject])
    rig = Rig(assets.body, figure)
    placed = rig.place(performance.turns, followed(performance.root, rng) * rig.leg)
    outfit = dress(assets.body, assets.anatomy, figure, assets.wardrobe, rng, assets.backgrounds.picture(rng))
    moved = [move(outfit, placed.turns[t], placed.shifts[t]) for t in range(frames)]
    lift = np.array([0, 0, -min(float(vertices[:, 2].min()) for vertices in moved)], np.float32)
    joints = rig.joints(placed) + lift
    camera = _camera(joints, size, rng)
    boxes = [] if rng.random() < 0.3 else boxes_for(_support(stage, performance), rig, performance.turns, placed, rng)
    outfit, moved = with_boxes(outfit, moved, boxes, rng)
    background = assets.backgrounds.draw(size, rng)
    light = draw_light(background, rng)
    seen = camera.project(joints)
    pictures, visibility = [], []
    for t, vertices in enumerate(moved):
        raised = vertices + lift
        drawn = draw(outfit, raised, camera, light)
        shaded = background * ground_shadow(outfit, raised, camera, light)[..., None]
        pictures.append(to_bytes(shaded * (1 - drawn.alpha[..., None]) + drawn.colour))
        visibility.append(see(seen[t], drawn, np.zeros((size, size), np.float32)))
    tables: dict[str, NDArray[Any]] = {
        "joints": (seen * [1, 1, 1000]).astype(np.float32),
        "visibility": np.stack(visibility),
        "intrinsics": np.array([camera.focal, camera.focal, *camera.centre], np.float32),
        "frame_label": performance.labels.astype(np.int16),
        "subject": np.array(subject, np.int32),
    }
    return RenderedClip(pictures, tables, performance)


def _support(stage: Stage, performance: Performance) -> Support:
    """Of the way that is performed."""
    ways = {f"{action.label}/{way.name}": way for action in stage.actions for way in action.ways}
    return ways[performance.way].support


def _camera(joints: Array, size: int, rng: np.random.Generator) -> Camera:
    points = joints.reshape(-1, 3)
    reach = float(np.linalg.norm(points - (points.min(0) + points.max(0)) / 2, axis=1).max())
    view = draw_view(rng, reach)
    return aim(view, points, size, rng.normal(0, 0.12, 3) * reach)


def _write_video(path: Path, pictures: Sequence[Image], fps: int) -> None:
    """In full or not at all."""
    import av

    unfinished = path.with_suffix(".unfinished")
    with av.open(str(unfinished), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "threads": "1"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    unfinished.replace(path)
