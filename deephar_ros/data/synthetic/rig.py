"""The body's skeleton, moved by 19 segments: turns relative to a T pose give the place of every bone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deephar_ros.data.synthetic.body import Body, Figure
from deephar_ros.data.synthetic.rotations import frame, slerp
from deephar_ros.geometry import Array

_ARM, _LEG = ("clavicle", "upperarm", "forearm", "hand"), ("thigh", "shank", "foot")
SEGMENTS = (
    *("pelvis", "spine", "chest", "neck", "head"),
    *(f"{part}.{side}" for side in "LR" for part in _ARM),
    *(f"{part}.{side}" for side in "LR" for part in _LEG),
)
"""What a pose turns, (19, 3, 3) in this order; each turn is global and 1 in the T pose."""

SEGMENT = {name: i for i, name in enumerate(SEGMENTS)}
SIDES = (("L", 1.0), ("R", -1.0))
"""A side's letter and the sign of x there."""

FORWARD, UP = np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
_MIRROR = np.array([-1.0, 1, 1])
_OTHER = [SEGMENT[name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name] for name in SEGMENTS]

# Bones by the start of their name: the segments that they lie between and how far on the way, without the side.
_FOLLOWS = (
    ("spine05", "pelvis", "spine", 0.5),
    ("spine04", "spine", "spine", 0.0),
    ("spine03", "spine", "chest", 0.4),
    ("spine02", "spine", "chest", 0.8),
    ("spine01", "chest", "chest", 0.0),
    ("neck01", "chest", "neck", 0.5),
    ("neck", "neck", "head", 0.3),
    ("head", "head", "head", 0.0),
    ("eye", "head", "head", 0.0),
    ("clavicle", "clavicle", "clavicle", 0.0),
    ("shoulder01", "clavicle", "upperarm", 0.35),
    ("upperarm", "upperarm", "upperarm", 0.0),
    ("lowerarm01", "forearm", "forearm", 0.0),
    ("lowerarm02", "forearm", "hand", 0.5),
    ("wrist", "hand", "hand", 0.0),
    ("finger", "hand", "hand", 0.0),
    ("metacarpal", "hand", "hand", 0.0),
    ("upperleg", "thigh", "thigh", 0.0),
    ("lowerleg", "shank", "shank", 0.0),
    ("foot", "foot", "foot", 0.0),
    ("toe", "foot", "foot", 0.0),
)


class Placed(NamedTuple):
    """Bones of T frames: `turns` (T, B, 3, 3) and `shifts` (T, B, 3) move rest points; `heads` (T, B, 3)."""

    turns: Array
    shifts: Array
    heads: Array


def mirror_pose(turns: Array, root: Array) -> tuple[Array, Array]:
    """The pose (..., 19, 3, 3) and its root (..., 3) seen in a mirror: left and right change places."""
    return turns[..., _OTHER, :, :] * _MIRROR[:, None] * _MIRROR, root * _MIRROR


class Rig:
    """Forward kinematics of one person."""

    def __init__(self, body: Body, figure: Figure) -> None:
        self.body, self.figure = body, figure
        self._rest = _rest_turns(body, figure.heads)
        self._follows = [_follows(name) for name in body.bones]
        at = {name: figure.heads[i] for i, name in enumerate(body.bones)}
        self.leg = float(_length(at, "upperleg01.L", "lowerleg01.L") + _length(at, "lowerleg01.L", "foot.L"))

    def place(self, turns: Array, root: Array) -> Placed:
        """Bones of poses (T, 19, 3, 3) whose root bone is at (T, 3) metres."""
        body, heads = self.body, self.figure.heads
        moved = turns @ self._rest
        rotation = np.empty((len(turns), len(heads), 3, 3))
        position = np.empty((len(turns), len(heads), 3))
        cache: dict[tuple[int, int, float], Array] = {}
        for i, key in enumerate(self._follows):
            if key not in cache:
                a, b, share = key
                cache[key] = moved[:, a] if share == 0 else slerp(moved[:, a], moved[:, b], share)
            rotation[:, i] = cache[key]
            p = body.parents[i]
            position[:, i] = root if p < 0 else position[:, p] + rotation[:, p] @ (heads[i] - heads[p])
        shifts = position - np.einsum("tbij,bj->tbi", rotation, heads)
        return Placed(rotation.astype(np.float32), shifts.astype(np.float32), position)


def skin_points(body: Body, figure: Figure, placed: Placed, ids: Array) -> Array:
    """Vertices `ids` (n,) of the person in all frames: (T, n, 3)."""
    bones, weights = body.influence.bones[ids], body.influence.weights[ids]
    moved = np.einsum("tnkij,nj->tnki", placed.turns[:, bones], figure.vertices[ids]) + placed.shifts[:, bones]
    return np.einsum("nk,tnki->tni", weights, moved)


def body_joints(body: Body, vertices: Array, heads: Array) -> Array:
    """PA17 joints (T, 17, 3) from the vertices of `body.joint_vertices` (T, n, 3) and all bone heads (T, B, 3)."""
    return body.joint_vertices[1] @ vertices + body.joint_bones @ heads


def pose_joints(body: Body, figure: Figure, placed: Placed) -> Array:
    """PA17 joints (T, 17, 3) in metres, without the rest of the surface."""
    return body_joints(body, skin_points(body, figure, placed, body.joint_vertices[0]), placed.heads)


def _length(at: dict[str, Array], a: str, b: str) -> float:
    return float(np.linalg.norm(at[a] - at[b]))


def _follows(name: str) -> tuple[int, int, float]:
    side = name[-2:] if name.endswith((".L", ".R")) else ""
    for start, a, b, share in _FOLLOWS:
        if name.startswith(start):
            first, second = (part if part in SEGMENT else part + side for part in (a, b))
            return SEGMENT[first], SEGMENT[second], share
    return SEGMENT["pelvis"], SEGMENT["pelvis"], 0.0


def arm_frame(sign: float) -> Array:
    """An arm in the T pose: its direction, and its hinge, about which the forearm bends forward."""
    return frame(np.array([sign, 0, 0.0]), np.array([0, 0, -sign]))


LEG_FRAME = frame(np.array([0, 0, -1.0]), np.array([1.0, 0, 0]))
"""A leg in the T pose: its direction, and its hinge, about which the shank bends backward."""


def _rest_turns(body: Body, heads: Array) -> Array:
    """(19, 3, 3) turns that take the rest pose to the T pose."""
    at = {name: heads[i] for i, name in enumerate(body.bones)}
    turns = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
    for side, sign in SIDES:

        def bone(a: str, b: str, side: str = side) -> Array:
            return at[f"{b}.{side}"] - at[f"{a}.{side}"]

        upper, lower = bone("upperarm01", "lowerarm01"), bone("lowerarm01", "wrist")
        for part, line in (("upperarm", upper), ("forearm", lower), ("hand", bone("wrist", "finger3-1"))):
            turns[SEGMENT[f"{part}.{side}"]] = arm_frame(sign) @ frame(line, np.cross(upper, lower)).T
        for part, line in (("thigh", bone("upperleg01", "lowerleg01")), ("shank", bone("lowerleg01", "foot"))):
            turns[SEGMENT[f"{part}.{side}"]] = LEG_FRAME @ frame(line, np.array([1.0, 0, 0])).T
        toes = bone("foot", "toe3-1") * [1, 1, 0]
        turns[SEGMENT[f"foot.{side}"]] = frame(FORWARD, UP) @ frame(toes, UP).T
    return turns
