"""CMU's motion capture as exponential maps: one text line of 117 numbers a frame, 38 joints, 120 frames a second.

The action-labelled files of human motion prediction (Li et al. 2018); the skeleton's offsets are theirs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.bvh import Y_UP
from deephar_ros.data.synthetic.retarget import Recording
from deephar_ros.data.synthetic.rotations import from_rotvec

FPS, STEP = 120.0, 4
"""As recorded, and which frames are kept."""

_TOE_PITCH = np.radians(20)
_PARENTS = [
    -1, 0, 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 0, 13, 14, 15, 16, 17, 18, 15, 20, 21, 22, 23, 24, 25, 23, 27, 15, 29, 30,
    31, 32, 33, 34, 32, 36,
]  # fmt: skip
_OFFSETS = {
    2: (1.657, -1.803, 0.625), 3: (2.597, -7.136, 0), 4: (2.492, -6.848, 0), 5: (0.197, -0.541, 2.146),
    6: (0, 0, 1.112), 8: (-1.611, -1.803, 0.625), 9: (-2.595, -7.130, 0), 10: (-2.468, -6.780, 0),
    11: (-0.230, -0.633, 2.134), 12: (0, 0, 1.116), 14: (0.02, 2.054, -0.141), 15: (0.01, 2.064, -0.059),
    17: (0.007, 1.567, 0.150), 18: (0.034, 1.560, -0.1), 19: (0.013, 1.626, -0.053), 21: (3.542, 0.904, -0.174),
    22: (4.865, 0, 0), 23: (3.356, 0, 0), 25: (0.661, 0, 0), 30: (-3.498, 0.760, -0.326), 31: (-5.026, 0, 0),
    32: (-3.364, 0, 0), 34: (-0.730, 0, 0),
}  # fmt: skip
_PARTS = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
_SIDES = {"L": (2, 3, 4, 5, 21, 22, 23), "R": (8, 9, 10, 11, 30, 31, 32)}


def read_cmu(path: Path) -> Recording:
    """Reads a file, every fourth frame; DatasetError if it is none."""
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2)[1::STEP]  # the first frame is the rest pose
        if table.shape[1:] != (3 + 3 * len(_PARENTS),) or len(table) < 2:
            raise ValueError(f"{table.shape} numbers")
    except ValueError as error:
        raise DatasetError(f"{path} is not a CMU file of {3 + 3 * len(_PARENTS)} numbers a line ({error})") from error
    local = np.swapaxes(from_rotvec(table[:, 3:].reshape(len(table), -1, 3)), -1, -2)  # row vectors
    turns, places = [], []
    for i, parent in enumerate(_PARENTS):
        offset = np.array(_OFFSETS.get(i, (0.0, 0, 0)))
        if parent < 0:
            turns.append(local[:, i])
            places.append(offset + table[:, :3])
        else:
            turns.append(local[:, i] @ turns[parent])
            places.append(offset @ turns[parent] + places[parent])
    points = {
        "pelvis": (places[2] + places[8]) / 2, "chest": places[14], "neck": places[17], "head": places[19],
        **{f"{part}.{side}": places[i] for side, ids in _SIDES.items() for part, i in zip(_PARTS, ids, strict=True)},
    }  # fmt: skip
    return Recording({name: place @ Y_UP.T for name, place in points.items()}, FPS / STEP, None, _TOE_PITCH)
