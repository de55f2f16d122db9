"""UTD-MHAD (Chen et al., ICIP 2015), depth and skeleton: 27 actions of 8 subjects, depth frames as pictures.

The official data come from the set's page at the University of Texas at Dallas
(personal.utdallas.edu/~kehtar/UTD-MHAD.html): "Depth data" and "Skeleton data". The folder then holds

    Depth/a1_s1_t1_depth.mat            d_depth (240, 320, T) uint16 mm, 0 where there is nothing
    Skeleton/a1_s1_t1_skeleton.mat      d_skel (20, 3, T) metres

or, in the compact form that we keep for experiments, a1_s1_t1.npz: `depth8` (n, h, w) as `depth_levels` gives it, cut
to the person, `origin` (x, y) of the cut, `frame_idx` (n,) of `n_depth` frames, `skeleton` (20, 3, T).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.joints import to_layout
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import Clip, DatasetError, Picture
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17, Layout

Split = Literal["train", "test", "inner_train", "inner_validation"]

PAGE = "personal.utdallas.edu/~kehtar/UTD-MHAD.html"

SUBJECTS: dict[Split, tuple[int, ...]] = {
    "train": (1, 3, 5, 7),
    "test": (2, 4, 6, 8),
    "inner_train": (1, 3, 5),
    "inner_validation": (7,),
}
"""The official protocol, and within its training subjects a split for choices that must not see the test."""

LABELS = (
    *("swipe left", "swipe right", "wave", "clap", "throw", "cross arms", "basketball shoot", "draw x"),
    *("draw circle clockwise", "draw circle counter-clockwise", "draw triangle", "bowling", "boxing"),
    *("baseball swing", "tennis swing", "arm curl", "tennis serve", "push", "knock", "catch", "pick up and throw"),
    *("jog", "walk", "sit to stand", "stand to sit", "lunge", "squat"),
)
"""a1 to a27. Clockwise is as the person sees it; the pictures are mirrored (see `KINECT_SIDES`)."""

DEPTH_FILES = (".mat", ".npz")
"""Suffixes of what `read_depth` reads."""

SIZE = (320, 240)
FOCAL, CENTRE = 285.63, (160.0, 120.0)
"""Pixels. x of the skeleton points to the right of the picture, y up, z away from the camera."""

KINECT_SIDES = {"left": "right", "right": "left"}
"""What Kinect calls a side -> which side of the person it is in the picture.

The depth pictures are mirrored: who faces the camera raises the arm called right, with which actions are done, at the
right of the picture, where anybody else's left is. As for NTU we tell what the picture shows. Negating x instead would
give the real person, but not in this picture. Checked on overlays of five actions of four subjects.
"""

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
JOINTS = (
    *("head", "thorax", "spine", "pelvis"),
    *(f"{KINECT_SIDES[side]}_{part}" for limb in (_ARM, _LEG) for side in ("left", "right") for part in limb),
)
"""Kinect 1's 20 joints in its order; there is none for the neck, and its head is the centre of the head."""

DEPTH_LAG = 2
"""Frames by which depth comes after the skeleton.

Measured on 431 sequences: with 2, 90 % of elbows, wrists and hands lie within 0.2 m of the surface, with 0 only 81 %.
"""

NEAREST, DEPTH_STEP = 1500.0, 10.0
"""mm of level 1, and between levels, so that 255 levels reach to 4.04 m: the room of the recordings."""

_NAME = re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_t\d+")


class _Sequence(NamedTuple):
    """Skeleton (20, 3, T) in metres, and which rows of it `n` of `total` depth frames show."""

    skeleton: Array
    depth: Path
    frames: NDArray[np.int64]
    total: int


def load_utd_mhad_clips(folder: Path, split: Split, layout: Layout = PA17) -> list[Clip]:
    """All sequences of the subjects of a split.

    Depth has fewer frames than the skeleton in some sequences: rows of the skeleton are taken in proportion, less
    `DEPTH_LAG`.

    Raises:
        DatasetError: there are none, one lacks its other half, or a file is not what it should be.
    """
    clips = []
    for name, subject, action, path in _files(folder):
        if subject not in SUBJECTS[split]:
            continue
        if not 1 <= action <= len(LABELS):
            raise DatasetError(f"{path}: there is no action a{action}")
        sequence = _read_sequence(path)
        joints = to_layout(_pixels(sequence), JOINTS, layout)
        clips.append(
            Clip(
                name=name,
                frames=tuple(Picture(sequence.depth, number) for number in range(len(joints))),
                joints=joints,
                layout=layout,
                size=SIZE,
                label=action - 1,
                root_depth=float(joints[:, layout.index("pelvis"), 2].mean()),
                subject=f"s{subject}",
            )
        )
    if not clips:
        raise DatasetError(
            f"{folder} has no Skeleton/a*_s*_t*_skeleton.mat of subjects {SUBJECTS[split]}; download them from {PAGE}"
        )
    return clips


def read_depth(path: Path, number: int) -> NDArray[np.uint8]:
    """A depth frame as a picture (240, 320, 3), three times the same, so that networks for colour take it.

    Args:
        path: `*_depth.mat` or the compact `.npz`.
        number: row of what the file holds, from 0.

    Raises:
        DatasetError: the file is not one of them or has no such frame.
    """
    levels, (x, y) = _depth_of(path)
    if not 0 <= number < len(levels):
        raise DatasetError(f"{path} has no frame {number} (from 0), but {len(levels)} frames")
    height, width = levels.shape[1:]
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[y : y + height, x : x + width] = levels[number, ..., None]
    return picture


def depth_levels(depth: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Depth in mm -> 1 (1.5 m or nearer) to 255 (4.04 m or farther), in steps of 1 cm; 0 stays 0, nothing there."""
    levels = np.clip(1 + (depth.astype(np.float32) - NEAREST) / DEPTH_STEP, 1, 255)
    return np.where(depth == 0, 0, levels).astype(np.uint8)


def _files(folder: Path) -> list[tuple[str, int, int, Path]]:
    """Name, subject, action and file of the skeleton of every sequence, by number of the action."""
    found = []
    for path in (*(folder / "Skeleton").glob("*_skeleton.mat"), *folder.glob("*.npz")):
        name = path.stem.removesuffix("_skeleton")
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise DatasetError(f"{path} is not named like a1_s1_t1; it does not belong there")
        found.append((name, int(parts["subject"]), int(parts["action"]), path))
    return sorted(found, key=lambda file: (file[2], file[1], file[0]))


def _read_sequence(path: Path) -> _Sequence:
    if path.suffix == ".npz":
        file = read_npz(path, ["skeleton", "frame_idx", "n_depth"])
        rows, total = file["frame_idx"], file["n_depth"]
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or total.size != 1:
            raise DatasetError(f"{path}: frame_idx is not a row of numbers, or n_depth not one; copy the file again")
        return _Sequence(_checked(file["skeleton"], path), path, rows, int(total.item()))
    skeleton = _checked(read_mat(path, f"it from {PAGE}", ["d_skel"])["d_skel"], path)
    depth = path.parents[1] / "Depth" / path.name.replace("_skeleton", "_depth")
    if not depth.is_file():
        raise DatasetError(f"{depth} is missing; download the depth data from {PAGE}")
    frames = _mat_length(depth)
    return _Sequence(skeleton, depth, np.arange(frames), frames)


def _pixels(sequence: _Sequence) -> Array:
    """(n, 20, 3) column and row in the depth picture and depth in mm of each depth frame."""
    last = sequence.skeleton.shape[2] - 1
    rows = sequence.frames * last / max(sequence.total - 1, 1) - DEPTH_LAG
    x, y, z = sequence.skeleton[:, :, np.clip(np.rint(rows), 0, last).astype(int)].transpose(1, 2, 0)
    z = np.where(z > 0, z, np.nan)  # behind the camera is no place in the picture
    return np.stack([CENTRE[0] + FOCAL * x / z, CENTRE[1] - FOCAL * y / z, 1000 * z], -1)


@lru_cache(maxsize=4)
def _depth_of(path: Path) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Levels (n, h, w) and where in the picture their corner is. The files are compressed whole: read once a clip."""
    if path.suffix == ".npz":
        file = read_npz(path, ["depth8", "origin"])
        levels, origin = file["depth8"], file["origin"]
        if levels.ndim != 3 or levels.dtype != np.uint8 or origin.shape != (2,) or origin.dtype.kind not in "iu":
            raise DatasetError(f"{path}: depth8 is not (frames, rows, columns) of bytes at an origin; copy it again")
        x, y = int(origin[0]), int(origin[1])
        if not (0 <= x <= SIZE[0] - levels.shape[2] and 0 <= y <= SIZE[1] - levels.shape[1]):
            raise DatasetError(f"{path}: depth8 {levels.shape} at {x}, {y} is not inside of {SIZE}; copy it again")
        return levels, (x, y)
    depth = read_mat(path, f"it from {PAGE}", ["d_depth"])["d_depth"]
    if depth.ndim != 3 or depth.shape[:2] != (SIZE[1], SIZE[0]) or depth.dtype.kind not in "iuf":
        raise DatasetError(f"{path}: d_depth of shape {depth.shape}, not (240, 320, T); download it again from {PAGE}")
    return depth_levels(depth.transpose(2, 0, 1)), (0, 0)


def _checked(skeleton: NDArray[Any], path: Path) -> Array:
    if (
        skeleton.ndim != 3
        or skeleton.shape[:2] != (len(JOINTS), 3)
        or not skeleton.size
        or skeleton.dtype.kind not in "iuf"
    ):
        raise DatasetError(f"{path}: a skeleton of shape {skeleton.shape}, not (20, 3, frames); take it from {PAGE}")
    return np.asarray(skeleton, np.float64)


def _mat_length(path: Path) -> int:
    """Frames of a depth file, by its head."""
    from scipy.io import whosmat

    try:
        shapes = {name: shape for name, shape, _ in whosmat(path)}
    except Exception as error:  # SciPy stumbles over a broken file in any way
        raise DatasetError(f"{path} is no MATLAB file: {brief(error)}; download it again from {PAGE}") from error
    if len(shapes.get("d_depth", ())) != 3 or shapes["d_depth"][:2] != (SIZE[1], SIZE[0]):
        raise DatasetError(f"{path} holds no d_depth (240, 320, T) but {shapes}; download it again from {PAGE}")
    return int(shapes["d_depth"][2])
