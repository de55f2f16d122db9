"""Leeds Sports Pose and its extension (Johnson & Everingham 2010, 2011) as samples for 2D pose.

A folder holds `images/im*.jpg` and `joints.mat` as in the official archives (lsp_dataset_original.zip,
lspet_dataset.zip or hr-lspet.zip), or `joints.npz` with `joints` (N, 14, 3): x, y in pixels and a flag. In
LSP-extended the flag is 1 for annotated joints; in LSP it is 1 for occluded ones, and every joint is annotated.

Left and right are the person's own: seen on the contact sheets of both sets, where LSP-extended, which was annotated by
many hands, has them exchanged now and then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.joints import to_layout
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import DatasetError, Picture, Sample
from deephar_ros.data.windows import CropWindow
from deephar_ros.geometry import Array, bounds
from deephar_ros.skeleton import LSP14, PA17, Layout

Split = Literal["train", "test", "all"]

PAGE = "lsp_dataset_original.zip of sam.johnson.io/research/lsp.html, or lspet_dataset.zip of lspet.html there"

TRAIN_PERSONS = 1000
"""LSP's official split: so many persons are for training, the rest for testing. LSP-extended is all training."""

LEGS, ARMS = [0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]
"""Of LSP's joints, from the right ankle (wrist) to the left one, so that their reverse exchanges the sides."""

CROP_MARGIN = 1.25
"""Side of the evaluation crop over the largest extent of the person's joints. LSP gives neither boxes nor a rule."""


def load_lsp(
    folder: Path, extended: bool, split: Split = "all", layout: Layout = PA17, teacher: Path | None = None
) -> list[Sample]:
    """All persons of one folder whose picture is there, in file order.

    Args:
        teacher: file of `read_teacher`, whose depths the joints get and by which left and right are put right.

    Raises:
        FileNotFoundError: the folder has no `joints.mat` or `joints.npz`, or none of the pictures is there.
        DatasetError: the joints are not those of the set.
    """
    joints = load_joints(folder, extended)
    depth: Array = np.full((len(joints), len(PA17)), np.nan, np.float32)
    if teacher is not None:
        depth, joints = read_teacher(teacher, joints)
    found = (folder / "images").glob("im*.[jp][pn]g")
    pictures = {int(path.stem[2:]): path for path in found if path.stem[2:].isdecimal()}
    samples = []
    for row, points in enumerate(joints, start=1):
        if row not in pictures or not _belongs(row, extended, split) or not np.isfinite(points).all(-1).any():
            continue
        located = np.column_stack([lsp_to_pa17(points), depth[row - 1]])
        placed = to_layout(located, PA17.joints, layout)
        picture = Picture(pictures[row])
        samples.append(Sample(picture.path.stem, picture, placed, layout, _window(points), 0.0, _head(points)))
    if not samples and split != "test":
        raise FileNotFoundError(f"{folder / 'images'} holds no im*.jpg that the joints describe; take {PAGE}")
    return samples


def load_joints(folder: Path, extended: bool) -> Array:
    """(N, 14, 2) pixels of all persons in LSP's order, NaN where not annotated. Raises as `load_lsp`."""
    table, archive = folder / "joints.npz", folder / "joints.mat"
    if table.is_file():
        joints = read_npz(table, ["joints"])["joints"]
    elif archive.is_file():
        joints = _official(archive, extended)
    else:
        raise FileNotFoundError(
            f"{archive} is missing (nor is joints.npz there): {folder} is not a Leeds Sports Pose folder; take {PAGE}"
        )
    if joints.ndim != 3 or joints.shape[1:] != (len(LSP14), 3) or joints.dtype.kind not in "iuf":
        raise DatasetError(f"{folder}: joints of shape {joints.shape}, not (persons, 14, 3); take {PAGE}")
    points = joints[..., :2].astype(np.float32)
    points[~np.isfinite(points).all(-1)] = np.nan
    if extended:
        points[joints[..., 2] == 0] = np.nan
    return points


def read_teacher(file: Path, joints: Array) -> tuple[Array, Array]:
    """What scripts/teach_depth has another network say of all N persons of a folder.

    Args:
        file: an .npz with `depth` (N, 17), mm behind the pelvis in PA17 order, NaN where the teacher is not to be
            trusted, and `swapped` (N, 2), whether left and right of legs and arms are exchanged.
        joints: (N, 14, 2) of `load_joints`.

    Returns:
        The depths, and the joints with left and right put right.

    Raises:
        FileNotFoundError, DatasetError: the file is missing or is not about these persons.
    """
    found = read_npz(file, ["depth", "swapped"])
    depth, swapped = found["depth"], found["swapped"]
    if depth.shape != (len(joints), len(PA17)) or swapped.shape != (len(joints), 2):
        raise DatasetError(f"{file}: depth {depth.shape} is not of {len(joints)} persons; scripts/teach_depth makes it")
    mended = joints.copy()
    for limbs, who in zip((LEGS, ARMS), swapped.T.astype(bool), strict=True):
        mended[np.ix_(who, limbs)] = joints[np.ix_(who, limbs[::-1])]
    return depth.astype(np.float32), mended


def lsp_to_pa17(points: Array) -> Array:
    """(14, 2) LSP joints -> (17, 2) in PA17 order.

    Pelvis, thorax and spine are not annotated in LSP; here they are the middle of the hips, of the shoulders, and of
    those two, NaN if one of them is missing.
    """
    at = {name: points[i] for i, name in enumerate(LSP14.joints)}
    at["pelvis"] = (at["left_hip"] + at["right_hip"]) / 2
    at["thorax"] = (at["left_shoulder"] + at["right_shoulder"]) / 2
    at["spine"] = (at["pelvis"] + at["thorax"]) / 2
    return np.stack([at[name] for name in PA17.joints])


def _official(archive: Path, extended: bool) -> Array:
    """(N, 14, 3) from (3, 14, N) of LSP or (14, 3, N) of LSP-extended."""
    joints = np.asarray(read_mat(archive, PAGE, ["joints"])["joints"])
    expected = (len(LSP14), 3) if extended else (3, len(LSP14))
    if joints.ndim != 3 or joints.shape[:2] != expected:
        other = "LSP" if extended else "LSP-extended"
        raise DatasetError(f"{archive}: joints of shape {joints.shape}, not {expected} and persons; is it {other}?")
    return joints.transpose((2, 0, 1) if extended else (2, 1, 0))


def _belongs(row: int, extended: bool, split: Split) -> bool:
    return split == "all" or (extended or row <= TRAIN_PERSONS) == (split == "train")


def _head(points: Array) -> float:
    """Pixels from the neck to the top of the head, for PCKh: LSP has no rectangles of heads."""
    return float(np.linalg.norm(points[LSP14.index("head")] - points[LSP14.index("neck")]))


def _window(points: Array) -> CropWindow:
    x0, y0, x1, y1 = bounds(points)
    side = CROP_MARGIN * max(x1 - x0, y1 - y0)
    return CropWindow((x0 + x1) / 2, (y0 + y1) / 2, side, side)
