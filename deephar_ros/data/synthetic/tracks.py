"""Projected joints of many performances, without pictures: enough for training the action path on poses.

metadata.json  what it was made with; names of labels, sources, ways and motions
parts/*.npz    tables of so many tracks each
tracks.npz     all of them, see `TABLES`; labels take turns
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.actions import Action, read_actions
from deephar_ros.data.synthetic.assets import Assets, load_assets
from deephar_ros.data.synthetic.camera import aim, draw_view
from deephar_ros.data.synthetic.performance import Performance, Stage
from deephar_ros.data.synthetic.rig import Rig
from deephar_ros.data.synthetic.store import Store, run_tasks
from deephar_ros.geometry import Array

VERSION, PART = 2, 500
FRAMES, FPS, SIZE = 72, 30.0, 512
"""Of a track; and pixels of the picture's sides, out of which joints may be."""

STAND_STILL, FOLLOW = 0.5, 0.25
"""Share of the cameras that do not move, and of those that stay with the person all the way; others half follow."""

TABLES = {
    "joints": "(N, T, 17, 3) PA17: column and row in pixels, depth from the camera in mm",
    "label": "(N,) place in labels",
    "frame_label": "(N, T) the same of each frame, which differs before and after actions that end",
    "source": "(N,) place in sources: who recorded it, or keys",
    "way": "(N,) place in ways, how it is done",
    "motion": "(N,) place in motions",
    "subject": "(N,) whose body it is",
    "elevation": "(N,) of the camera in degrees, up",
}


@dataclass(frozen=True)
class TrackJob:
    """What to make.

    Attributes:
        actions: YAML file, see `actions`.
        held_out: the part for testing: other bodies, other recordings, and ways that are held out.
    """

    assets: Path
    actions: Path
    out: Path
    count: int
    seed: int = 0
    held_out: bool = False

    @property
    def store(self) -> Store:
        return Store(self.out, "tracks.npz", list(TABLES))


class Track(NamedTuple):
    """One performance by one body before one camera.

    Attributes:
        joints: (T, 17, 3) as in `TABLES`.
    """

    joints: NDArray[np.float32]
    performance: Performance
    subject: int
    elevation: float


@dataclass(frozen=True)
class Names:
    """What the tables' numbers stand for."""

    labels: tuple[str, ...]
    sources: tuple[str, ...]
    ways: tuple[str, ...]
    motions: tuple[str, ...]

    @staticmethod
    def of(actions: Sequence[Action], assets: Assets) -> Names:
        """Everything that may occur."""
        ways = [f"{action.label}/{way.name}" for action in actions for way in action.ways]
        recorded = [m for m in assets.motions if m.held_out == assets.held_out]
        return Names(
            tuple(action.label for action in actions),
            ("keys", *sorted({m.source for m in assets.motions})),
            tuple(ways),
            (*(m.name for m in recorded), *(f"keys/{way}" for way in ways)),
        )


def make_tracks(job: TrackJob, workers: int = 1) -> Iterator[int]:
    """Makes what is missing; gives the number of tracks that are there already, and then of each part.

    Raises:
        FileNotFoundError, DatasetError: of the assets, or the folder holds tracks made otherwise.
        ConfigError: of the actions.
    """
    _, stage, names = _prepared(job.assets, job.actions, job.held_out)
    made = {"version": VERSION, "seed": job.seed, "held_out": job.held_out, "labels": names.labels, "ways": names.ways}
    about = {
        "sources": names.sources, "motions": names.motions, "layout": "pa17", "frames": FRAMES, "fps": FPS,
        "size": SIZE, "sources_of": stage.sources(), "tables": TABLES,
        "held_out_ways": [f"{a.label}/{w.name}" for a in stage.actions for w in a.ways if w.held_out],
    }  # fmt: skip
    job.store.begin(made, about)
    tasks = [(job, *part) for part in job.store.missing(job.count, PART)]
    yield job.count - sum(count for _, _, count in tasks)
    try:
        yield from run_tasks(_make_part, tasks, workers)
    finally:
        job.store.merge()


def _make_part(task: tuple[TrackJob, int, int]) -> int:
    job, first, count = task
    assets, stage, names = _prepared(job.assets, job.actions, job.held_out)
    tracks = [draw_track(assets, stage, job.seed, number) for number in range(first, first + count)]
    job.store.save(first, table(tracks, names))
    return count


@lru_cache(1)
def _prepared(folder: Path, file: Path, held_out: bool) -> tuple[Assets, Stage, Names]:
    """Kept from part to part, also in the processes that work."""
    actions, assets = read_actions(file), load_assets(folder, held_out)
    return assets, Stage(actions, assets.motions, mean_rig(assets), held_out), Names.of(actions, assets)


def draw_track(assets: Assets, stage: Stage, seed: int, number: int, frames: int = FRAMES) -> Track:
    """Track `number` of `seed`; the labels take turns."""
    rng = np.random.default_rng([seed, number])
    performance = stage.perform(number % len(stage.actions), frames, FPS, rng)
    subject = int(rng.choice(assets.subjects))
    rig = Rig(assets.body, assets.body.figure(assets.body.shapes[subject]))
    placed = rig.place(performance.turns, followed(performance.root, rng) * rig.leg)
    joints = rig.joints(placed)
    points = joints.reshape(-1, 3)
    reach = float(np.linalg.norm(points - (points.min(0) + points.max(0)) / 2, axis=1).max())
    view = draw_view(rng, reach)
    seen = aim(view, points, SIZE, rng.normal(0, 0.12, 3) * reach).project(joints) * [1, 1, 1000]
    return Track(seen.astype(np.float32), performance, subject, float(np.degrees(view.elevation)))


def followed(root: Array, rng: np.random.Generator) -> Array:
    """The path (T, 3) as a camera sees it that stays with the person more or less."""
    kind = rng.random()
    share = 0.0 if kind < STAND_STILL else 1.0 if kind < STAND_STILL + FOLLOW else rng.uniform(0, 1)
    t = np.linspace(0, 1, len(root))[:, None]
    line = root[:1] * (1 - t) + root[-1:] * t  # the straight way, so that the body still sways
    return np.asarray(root - share * (line - root[:1]) * [1, 1, 0])


def table(tracks: Sequence[Track], names: Names) -> dict[str, NDArray[Any]]:
    """`TABLES` of these tracks."""

    def places(found: Iterator[str], known: tuple[str, ...]) -> NDArray[np.int32]:
        where = {name: i for i, name in enumerate(known)}
        return np.array([where[name] for name in found], np.int32)

    done = [track.performance for track in tracks]
    return {
        "joints": np.stack([track.joints for track in tracks]),
        "label": np.array([p.label for p in done], np.int32),
        "frame_label": np.stack([p.labels for p in done]).astype(np.int16),
        "source": places((p.source for p in done), names.sources),
        "way": places((p.way for p in done), names.ways),
        "motion": places((p.motion for p in done), names.motions),
        "subject": np.array([track.subject for track in tracks], np.int32),
        "elevation": np.array([track.elevation for track in tracks], np.float32),
    }


def mean_rig(assets: Assets) -> Rig:
    """Of the mean body, on which key poses are made."""
    return Rig(assets.body, assets.body.template)
