"""Leeds Sports Pose and its extension (Johnson & Everingham 2010, 2011) as samples for 2D pose.

A folder holds `images/im*.jpg` and `joints.npz` with `joints` (N, 14, 3): x, y in pixels and a flag. In LSP-extended
the flag is 1 for annotated joints; in LSP it is 1 for occluded ones, and every joint is annotated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deephar_ros.geometry import Array
from deephar_ros.skeleton import LSP14, PA17

MIN_JOINTS = 5
"""Persons with fewer annotated joints say too little of where they are."""


@dataclass(frozen=True)
class Sample:
    """One annotated person: picture and joints (J, 2) in its pixels, network order, NaN where not annotated."""

    image: Path
    joints: Array


def load_lsp(folder: Path, extended: bool) -> list[Sample]:
    """All persons of one folder whose picture is there, in file order.

    Raises:
        FileNotFoundError: the folder has no `joints.npz`, or none of the pictures is there.
    """
    table = folder / "joints.npz"
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing: {folder} is not a Leeds Sports Pose folder")
    with np.load(table) as file:
        joints = file["joints"].astype(np.float32)
    pictures = {int(path.stem.removeprefix("im")): path for path in (folder / "images").glob("im*.jpg")}
    samples = []
    for row, person in enumerate(joints, start=1):
        if row in pictures:
            points = person[:, :2].copy()
            if extended:
                points[person[:, 2] == 0] = np.nan
            samples.append(Sample(pictures[row], lsp_to_pa17(points)))
    if not samples:
        raise FileNotFoundError(f"{folder / 'images'} holds no im*.jpg that {table.name} describes")
    return samples


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


def lsp_split(data: Path, repeat_lsp: int, validation: int) -> tuple[list[Sample], list[Sample]]:
    """LSP-extended and LSP, repeated, for training; the last `validation` persons of LSP for validation.

    Args:
        data: folder with `lspet_compact` and `lsp_train`.
    """
    lsp = load_lsp(data / "lsp_train", extended=False)
    extended = [sample for sample in load_lsp(data / "lspet_compact", extended=True) if _known(sample) >= MIN_JOINTS]
    return extended + repeat_lsp * lsp[:-validation], lsp[-validation:]


def _known(sample: Sample) -> int:
    return int(np.isfinite(sample.joints).all(-1).sum())
