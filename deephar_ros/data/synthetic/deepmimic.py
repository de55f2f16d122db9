"""Motions of DeepMimic (Peng et al. 2018, MIT licence): JSON with quaternions of the humanoid's 15 links."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.retarget import Recording
from deephar_ros.data.synthetic.rotations import about, from_quaternion
from deephar_ros.files import brief, read_json
from deephar_ros.geometry import Array

_AXES = np.array([[0, 0, -1.0], [-1, 0, 0], [0, 1, 0]])
"""To z up and facing -y, from x forward, y up, z right."""

# Link: parent, where it is attached there in metres, and whether it is a ball joint, a hinge about z or fixed.
_LINKS = {
    "root": ("", (0, 0, 0), 4), "chest": ("root", (0, 0.236151, 0), 4), "neck": ("chest", (0, 0.223894, 0), 4),
    "right_hip": ("root", (0, 0, 0.084887), 4), "right_knee": ("right_hip", (0, -0.421546, 0), 1),
    "right_ankle": ("right_knee", (0, -0.409870, 0), 4),
    "right_shoulder": ("chest", (-0.02405, 0.24350, 0.18311), 4),
    "right_elbow": ("right_shoulder", (0, -0.274788, 0), 1), "right_wrist": ("right_elbow", (0, -0.258947, 0), 0),
    "left_hip": ("root", (0, 0, -0.084887), 4), "left_knee": ("left_hip", (0, -0.421546, 0), 1),
    "left_ankle": ("left_knee", (0, -0.409870, 0), 4),
    "left_shoulder": ("chest", (-0.02405, 0.24350, -0.18311), 4),
    "left_elbow": ("left_shoulder", (0, -0.274788, 0), 1), "left_wrist": ("left_elbow", (0, -0.258947, 0), 0),
}  # fmt: skip


def read_deepmimic(path: Path) -> Recording:
    """Reads a motion; DatasetError if it is none."""
    try:
        frames = np.array(read_json(path)["Frames"], float)
        if frames.ndim != 2 or frames.shape[1] != 4 + sum(kind for _, _, kind in _LINKS.values()):
            raise ValueError(f"frames of shape {frames.shape}")
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{path} is not a motion of DeepMimic ({brief(error)})") from error
    turns: dict[str, Array] = {}
    places: dict[str, Array] = {}
    column = 4
    for name, (parent, offset, kind) in _LINKS.items():
        values = frames[:, column : column + kind]
        column += kind
        local: Array = np.tile(np.eye(3), (len(frames), 1, 1))
        if kind:
            local = from_quaternion(values) if kind == 4 else about(2, values[:, 0])
        turns[name] = turns[parent] @ local if parent else local
        places[name] = places[parent] + turns[parent] @ np.array(offset) if parent else frames[:, 1:4]
    return Recording(_points(turns, places), 1 / frames[0, 0], _AXES @ turns["neck"] @ _AXES.T)


def _points(turns: dict[str, Array], places: dict[str, Array]) -> dict[str, Array]:
    points = {"pelvis": places["root"], "chest": places["chest"], "neck": places["neck"]}
    points["head"] = places["neck"] + turns["neck"] @ np.array([0, 0.2, 0])
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            points[f"{part}.{side[0].upper()}"] = places[f"{side}_{part}"]
        ankle = f"{side}_ankle"
        points[f"toe.{side[0].upper()}"] = places[ankle] + turns[ankle] @ np.array([0.18, 0, 0])
    return {name: place @ _AXES.T for name, place in points.items()}
