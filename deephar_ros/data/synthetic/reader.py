"""Rendered pictures (`frames`) as samples for 2D and 3D pose."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from deephar_ros.camera import PinholeCamera
from deephar_ros.data.arrays import read_npz
from deephar_ros.data.joints import to_layout
from deephar_ros.data.samples import DatasetError, Picture, Sample
from deephar_ros.data.synthetic.store import picture_file
from deephar_ros.data.windows import CropWindow
from deephar_ros.files import read_json
from deephar_ros.geometry import Array, bounds
from deephar_ros.skeleton import PA17, Layout

Split = Literal["train", "test", "all"]

CROP_MARGIN = 1.25
"""Side of the evaluation crop over the largest extent of the joints in the picture, as for LSP."""

OUTSIDE = 0

_MAKE = "make one with python -m deephar_ros.cli.synthesize frames"


def load_synthetic(folder: Path, split: Split = "all", layout: Layout = PA17) -> list[Sample]:
    """Pictures in order of their numbers; joints outside of the picture are NaN, those that are hidden are not.

    The activity is what the pose comes from: the recording's name without its number, or family/NAME.

    Raises:
        FileNotFoundError: no such folder of pictures.
        DatasetError: its tables do not fit one another.
    """
    file = folder / "joints.npz"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: {folder} holds no rendered pictures; {_MAKE}")
    about = dict(read_json(folder / "metadata.json"))
    table = read_npz(file, ["number", "joints", "visibility", "intrinsics", "subject", "motion", "held_out"])
    joints = table["joints"].astype(np.float32)
    if joints.shape[1:] != (len(PA17), 3) or any(len(column) != len(joints) for column in table.values()):
        raise DatasetError(
            f"{file}: joints of shape {joints.shape}, not (pictures, 17, 3) as the other tables; {_MAKE}"
        )
    wanted = {"train": 0, "test": 1}.get(split)
    samples = []
    for i, number in enumerate(table["number"]):
        if wanted is not None and table["held_out"][i] != wanted:
            continue
        points = np.where((table["visibility"][i] == OUTSIDE)[:, None], np.nan, joints[i])
        if not np.isfinite(points).any():
            continue
        fx, fy, cx, cy = (float(value) for value in table["intrinsics"][i])
        samples.append(
            Sample(
                name=f"{number:07d}",
                picture=Picture(picture_file(folder, number)),
                joints=to_layout(points, PA17.joints, layout),
                layout=layout,
                window=_window(points),
                root_depth=float(joints[i, PA17.index("pelvis"), 2]),
                activity=_activity(about["motions"][table["motion"][i]]),
                subject=f"body{table['subject'][i]}",
                camera=PinholeCamera(fx, fy, cx, cy),
            )
        )
    return samples


def _activity(motion: str) -> str:
    return motion.rstrip("+").rstrip("0123456789").rstrip("_")


def _window(points: Array) -> CropWindow:
    x0, y0, x1, y1 = bounds(points[:, :2])
    side = CROP_MARGIN * max(x1 - x0, y1 - y0, 8.0)
    return CropWindow((x0 + x1) / 2, (y0 + y1) / 2, side, side)
