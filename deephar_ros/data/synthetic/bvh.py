"""Motion as BVH, a skeleton with channels of angles (Biovision's format); Bandai Namco's names of joints."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.retarget import Recording
from deephar_ros.data.synthetic.rotations import about, mean_rotation, upright
from deephar_ros.files import read_text
from deephar_ros.geometry import Array

MOST_BYTES = 64 * 1024**2
Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""To z up and facing -y, from y up and facing +z."""

_TOE_PITCH = np.radians(35)
_LIMBS = {
    "hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot", "toe": "Toes",
    "shoulder": "UpperArm", "elbow": "LowerArm", "wrist": "Hand",
}  # fmt: skip


class Bvh(NamedTuple):
    """Global turns (T, N, 3, 3) and positions (T, N, 3) of the joints `names`, in the file's own axes and unit."""

    names: list[str]
    turns: Array
    positions: Array
    fps: float


class _Joint(NamedTuple):
    name: str
    parent: int
    offset: list[float]
    channels: list[str]


def read_bvh(path: Path) -> Bvh:
    """Reads a file and moves its skeleton; DatasetError if it is broken."""
    try:
        head, body = read_text(path, MOST_BYTES).split("MOTION")
        joints = _joints(head)
        lines = body.strip().splitlines()
        table = np.array([line.split() for line in lines[2:] if line.strip()], float)
        fps = 1 / float(lines[1].split()[-1])
        if table.ndim != 2 or table.shape[1] != sum(len(joint.channels) for joint in joints):
            raise ValueError(f"{table.shape} numbers for {sum(len(joint.channels) for joint in joints)} channels")
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise DatasetError(f"{path} is not a BVH file that can be read ({error})") from error
    return _move(joints, table, fps)


def _joints(text: str) -> list[_Joint]:
    joints: list[_Joint] = []
    open_joints: list[int] = []
    at = -1
    for words in (line.split() for line in text.splitlines() if line.strip()):
        if words[0] in ("ROOT", "JOINT"):
            joints.append(_Joint(words[1], open_joints[-1] if open_joints else -1, [], []))
            at = len(joints) - 1
        elif words[0] == "End":
            at = -1
        elif words[0] == "{":
            open_joints.append(at)
        elif words[0] == "}":
            open_joints.pop()
        elif words[0] == "OFFSET" and at >= 0:
            joints[at].offset.extend(float(word) for word in words[1:4])
        elif words[0] == "CHANNELS":
            joints[at].channels.extend(words[2:])
    return joints


def _move(joints: list[_Joint], table: Array, fps: float) -> Bvh:
    turns: list[Array] = []
    positions: list[Array] = []
    column = 0
    for joint in joints:
        offset = np.tile(np.array(joint.offset), (len(table), 1))
        turn = np.tile(np.eye(3), (len(table), 1, 1))
        for channel in joint.channels:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                offset[:, axis] = table[:, column]
            else:
                turn = turn @ about(axis, np.radians(table[:, column]))
            column += 1
        if joint.parent < 0:
            turns.append(turn)
            positions.append(offset)
        else:
            above = turns[joint.parent]
            turns.append(above @ turn)
            positions.append(positions[joint.parent] + np.einsum("tij,tj->ti", above, offset))
    return Bvh([joint.name for joint in joints], np.stack(turns, 1), np.stack(positions, 1), fps)


def read_bandai(path: Path) -> Recording:
    """A BVH file with the joints of Bandai Namco's research set; DatasetError if one of them is missing."""
    bvh = read_bvh(path)

    def at(name: str) -> Array:
        return bvh.positions[:, bvh.names.index(name)] @ Y_UP.T

    try:
        points = {"pelvis": at("Hips"), "chest": at("Chest"), "neck": at("Neck"), "head": at("Head")}
        for side in "LR":
            points |= {f"{part}.{side}": at(f"{name}_{side}") for part, name in _LIMBS.items()}
        head = Y_UP @ bvh.turns[:, bvh.names.index("Head")]
    except ValueError as error:
        raise DatasetError(f"{path} has other joints than Bandai Namco's set ({error})") from error
    # The joint's own axes are unknown: over the whole file the head looks where the chest does.
    shoulders = (points["shoulder.L"] + points["shoulder.R"]) / 2
    chest = upright(points["shoulder.L"] - points["shoulder.R"], shoulders - points["chest"])
    head = head @ mean_rotation(np.swapaxes(head, -1, -2) @ chest)
    return Recording(points, bvh.fps, head, _TOE_PITCH)
