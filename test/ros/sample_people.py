"""People whose place and pose are known, for the tests of what the node draws and publishes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Box
from deephar_ros.people import Action, Person, State
from deephar_ros.skeleton import H36M17

WIDTH, HEIGHT, FOCAL = 640, 480, 600.0
"""The camera through which they are seen; its axis hits the middle of the image."""

_HALF = {
    "hip": (0.1, 0), "knee": (0.12, 0.42), "ankle": (0.13, 0.84), "shoulder": (0.19, -0.5), "elbow": (0.24, -0.2),
    "wrist": (0.45, -0.35),
}  # fmt: skip
_MIDDLE = {"pelvis": 0, "spine": -0.25, "thorax": -0.5, "neck": -0.58, "head": -0.78}


def body() -> np.ndarray:
    """(17, 3) metres from the pelvis, optical axes, in the order of H36M17: upright, facing the camera."""
    points = {name: (0.0, y, 0.0) for name, y in _MIDDLE.items()}
    for name, (x, y) in _HALF.items():
        points |= {f"left_{name}": (x, y, 0.0), f"right_{name}": (-x, y, 0.0)}
    points["left_wrist"] = (0.45, -0.35, -0.3)  # reaching for the camera
    return np.array([points[name] for name in H36M17.joints])


def absolute(id: str = "12", at: tuple[float, float, float] = (0.0, 0.2, 3.0), state: State = State.TRACKED) -> Person:
    """Somebody whose pelvis is `at` that place before the camera."""
    position = body() + at
    joints = position[:, :2] / position[:, 2:] * FOCAL + [WIDTH / 2, HEIGHT / 2]
    (left, top), (right, bottom) = joints.min(0) - 20, joints.max(0) + 20
    box = Box(left, top, right, bottom, 0.9)
    return Person(id, state, H36M17, joints, position, np.full(17, 0.9), box, DepthSource.PRIOR)


def relative(id: str = "12", at: tuple[float, float, float] = (0.0, 0.2, 3.0), depth: bool = True) -> Person:
    """The same as an uncalibrated camera sees it; without `depth`, z is unknown."""
    position = body()
    if not depth:
        position[:, 2] = np.nan
    return replace(absolute(id, at), position=position, depth_source=DepthSource.RELATIVE)


def action(id: str = "12", steady_label: str = "walk") -> Action:
    return Action(id, 1, 8, ("sit", "walk", "stand"), np.array([0.07, 0.4, 0.53]), steady_label)
