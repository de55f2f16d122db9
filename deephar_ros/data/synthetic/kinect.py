"""UTD-MHAD's Kinect skeletons (20 joints, 30 a second), from npz with `skeleton` (20, 3, T) or its own .mat files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.retarget import Recording
from deephar_ros.geometry import Array

FPS = 30.0
_NAMES = (
    "head", "neck", "spine", "pelvis", "shoulder.L", "elbow.L", "wrist.L", "hand.L", "shoulder.R", "elbow.R",
    "wrist.R", "hand.R", "hip.L", "knee.L", "ankle.L", "foot.L", "hip.R", "knee.R", "ankle.R", "foot.R",
)  # fmt: skip
_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
"""To z up and facing -y, from the camera's view of somebody who faces it."""
_BLUR = 1.5
"""Standard deviation in frames of what smooths the sensor's jitter."""


def read_kinect(path: Path) -> Recording:
    """Reads a sequence; DatasetError if it is none."""
    table = (
        read_npz(path, ["skeleton"])["skeleton"] if path.suffix == ".npz" else read_mat(path, "", ["d_skel"])["d_skel"]
    )
    if table.ndim != 3 or table.shape[:2] != (len(_NAMES), 3) or table.shape[2] < 2:
        raise DatasetError(f"{path}: a skeleton of shape {table.shape}, not (20, 3, frames)")
    places = smooth(np.asarray(table, float).transpose(2, 0, 1), _BLUR) @ _AXES.T
    points = {name: places[:, i] for i, name in enumerate(_NAMES) if not name.startswith(("hand", "foot", "spine"))}
    points["pelvis"] = (points["hip.L"] + points["hip.R"]) / 2
    return Recording(points, FPS)


def smooth(track: Array, sigma: float) -> Array:
    """Gaussian over the first axis, the ends held."""
    reach = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.concatenate([np.repeat(track[:1], reach, 0), track, np.repeat(track[-1:], reach, 0)])
    return sum(w * padded[i : i + len(track)] for i, w in enumerate(kernel / kernel.sum()))
