"""Penn Action (Zhang, Zhu, Derpanis 2013) as single frames for 2D pose and as clips with an action.

A folder holds `frames/NNNN/NNNNNN.jpg` and `labels/NNNN.mat` as in the official archive, Penn_Action.tar.gz, or label
files alone. A label
file has x, y and visibility (n, 13), the action's name, the train flag (1 or -1) and `dimensions` (height, width, n).
What is not visible is missing: the files put it at (1, 1) or where it was last seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deephar_ros.data.joints import to_layout
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.windows import clip_window
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA16, Layout

Split = Literal["train", "test", "all"]

PAGE = "the page of Penn Action, dreamdragon.github.io/PennAction, as Penn_Action.tar.gz"

LABELS = (
    "baseball_pitch",
    "baseball_swing",
    "bench_press",
    "bowling",
    "clean_and_jerk",
    "golf_swing",
    "jumping_jacks",
    "jump_rope",
    "pull_ups",
    "push_ups",
    "sit_ups",
    "squats",
    "strumming_guitar",
    "tennis_forehand",
    "tennis_serve",
)
"""In the order of the readme of the set."""

FILE_LABELS = {
    "bowl": "bowling",
    "pullup": "pull_ups",
    "pushup": "push_ups",
    "situp": "sit_ups",
    "squat": "squats",
    "strum_guitar": "strumming_guitar",
}
"""Names in label files that differ from the readme's."""

FAR = 65536
"""Pixels; no picture is as wide."""

JOINTS = ("head", *PA16.joints[PA16.index("right_shoulder") :])
"""What the 13 columns are: the head, then pairs from shoulder to ankle, the person's RIGHT one first.

The readme names the left one first. The files contradict it: with both shoulders and hips visible and the head above
them, the first column of a pair lies to the left of the second in 95 % of the frames called "front" (100 % of jumping
jacks) and to the right of it in 83 % of those called "back" (98 % of bowling), which is a person's right side in both.
Counted on the 1258 training files, without pictures; the released code puts these columns into its right slots too.
"""


@dataclass(frozen=True)
class Video:
    """One label file.

    Attributes:
        points: (n, 13, 2) pixels in the order of `JOINTS`, NaN where not visible.
        size: width and height of the pictures.
        label: place in `LABELS`.
        train: it is of the official training part.
    """

    name: str
    points: Array
    size: tuple[int, int]
    label: int
    train: bool


def load_penn_action(
    folder: Path, split: Split, layout: Layout = PA16, every: int = 1, pictures: bool = True
) -> list[Sample]:
    """Every `every`th frame with a visible joint as a person, its window round the joints.

    Args:
        pictures: whether the frames have to be there; False for experiments with poses alone.

    Raises:
        DatasetError: a label file or a frame is missing or not as it should be.
    """
    samples = []
    for video in read_videos(folder, split):
        joints, frames = to_layout(video.points, JOINTS, layout), _frames(folder, video, pictures)
        for t in range(0, len(frames), every):
            if np.isfinite(joints[t, :, :2]).all(-1).any():
                name, window = f"{video.name}.{t + 1:06d}", clip_window(joints[t : t + 1, :, :2], video.size)
                samples.append(Sample(name, frames[t], joints[t], layout, window, activity=LABELS[video.label]))
    return samples


def load_penn_action_clips(folder: Path, split: Split, layout: Layout = PA16, pictures: bool = True) -> list[Clip]:
    """Every video with all its frames. Arguments and errors as for `load_penn_action`."""
    return [
        Clip(
            video.name,
            _frames(folder, video, pictures),
            to_layout(video.points, JOINTS, layout),
            layout,
            video.size,
            video.label,
        )
        for video in read_videos(folder, split)
    ]


def read_videos(folder: Path, split: Split) -> Iterator[Video]:
    """The label files of a split in the order of their numbers; DatasetError if there is none or one is broken."""
    files = sorted((folder / "labels").glob("*.mat")) or sorted(folder.glob("*.mat"))
    if not files:
        raise DatasetError(f"{folder / 'labels'} holds no *.mat; take them from {PAGE}")
    for file in files:
        video = read_label_file(file)
        if split == "all" or video.train == (split == "train"):
            yield video


def read_label_file(file: Path) -> Video:
    """Raises DatasetError if it is not a label file."""
    entry = read_mat(file, f"it from {PAGE}", ["x", "y", "visibility", "action", "train", "dimensions"])
    try:
        return _video(file.stem, entry)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise DatasetError(f"{file} is not a label file of Penn Action: {brief(error)}; take it from {PAGE}") from error


def _video(name: str, entry: dict[str, Any]) -> Video:
    """Raises ValueError and others where the entry is not that of a label file."""
    action = str(entry["action"].item())
    label = FILE_LABELS.get(action, action)
    if label not in LABELS:
        raise ValueError(f"{action[:40]!r} is none of its actions")
    points = np.stack([entry["x"], entry["y"]], -1).astype(np.float32)
    if points.ndim != 3 or points.shape[1] != len(JOINTS):
        raise ValueError(f"joints of shape {points.shape[:-1]}, not (frames, {len(JOINTS)})")
    points[(entry["visibility"] == 0) | (points <= 0).any(-1) | ~np.isfinite(points).all(-1)] = np.nan
    height, width = (int(side) for side in np.ravel(entry["dimensions"])[:2])
    if not (0 < height < FAR and 0 < width < FAR):
        raise ValueError(f"pictures of {width} x {height}")
    return Video(name, points, (width, height), LABELS.index(label), int(entry["train"].item()) == 1)


def _frames(folder: Path, video: Video, present: bool) -> tuple[Picture, ...]:
    place = folder / "frames" / video.name
    if present:
        there = sum(1 for _ in place.glob("*.jpg"))
        if there < len(video.points):
            raise DatasetError(f"{place} holds {there} of {len(video.points)} pictures; take them from {PAGE}")
    return tuple(Picture(place / f"{t + 1:06d}.jpg") for t in range(len(video.points)))
