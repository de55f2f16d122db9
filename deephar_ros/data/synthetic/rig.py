"""The body's skeleton, moved by 19 segments: turns relative to a T pose give the place of every bone."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.body import Body, Figure
from deephar_ros.data.synthetic.rotations import about, frame, slerp, to_quaternion, upright
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17

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
    ("lowerarm02", "forearm", "hand", 0.5),  # the twist alone
    ("wrist", "hand", "hand", 0.0),
    ("finger", "hand", "hand", 0.0),
    ("metacarpal", "hand", "hand", 0.0),
    ("upperleg", "thigh", "thigh", 0.0),
    ("lowerleg", "shank", "shank", 0.0),
    ("foot", "foot", "foot", 0.0),
    ("toe", "foot", "foot", 0.0),
)


_THICK = {"pelvis": 0.11, "thorax": 0.11, "spine": 0.11, "neck": 0.06, "head": 0.02, "shoulder": 0.07, "hip": 0.10}
_RADII = np.array([_THICK.get(joint.split("_")[-1], 0.045) for joint in PA17.joints])
"""From the joints of PA17 to the skin, metres."""
_SOLE = 0.012


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
        self._plan = _plan(body.bones)
        at = {name: figure.heads[i] for i, name in enumerate(body.bones)}
        self.leg = float(_length(at, "upperleg01.L", "lowerleg01.L") + _length(at, "lowerleg01.L", "foot.L"))

    @cached_property
    def _joints(self) -> BoneForm:
        return bone_form(self.body, self.figure, *self.body.joint_vertices)

    @cached_property
    def _ground(self) -> BoneForm:
        return bone_form(self.body, self.figure, *self.body.ground_vertices)

    def place(self, turns: Array, root: Array) -> Placed:
        """Bones of poses (T, 19, 3, 3) whose root bone is at (T, 3) metres."""
        heads, plan = self.figure.heads, self._plan
        moved = turns @ self._rest
        between = slerp(moved[:, plan.first], moved[:, plan.second], plan.share)
        twisted = [turns[:, a] @ _half_twist(turns[:, a], turns[:, b]) @ self._rest[a] for a, b in _TWISTED]
        rotation = np.concatenate([moved, between, np.stack(twisted, 1)], 1)[:, plan.of_bone]
        position = np.empty((len(turns), len(heads), 3))
        for i, p in enumerate(self.body.parents):
            position[:, i] = root if p < 0 else position[:, p] + rotation[:, p] @ (heads[i] - heads[p])
        shifts = position - np.einsum("tbij,bj->tbi", rotation, heads)
        return Placed(rotation.astype(np.float32), shifts.astype(np.float32), position)

    def joints(self, placed: Placed) -> Array:
        """PA17 joints (T, 17, 3) in metres."""
        return self._joints.at(placed) + self.body.joint_bones @ placed.heads

    def lowest(self, placed: Placed) -> Array:
        """(T,) height of the lowest part of the body, to a centimetre or two."""
        joints = self.joints(placed)[..., 2] - _RADII
        return np.asarray(np.minimum(joints.min(1), self._ground.at(placed)[..., 2].min(1) - _SOLE))

    def lowest_hips(self, placed: Placed) -> Array:
        """(T,) height of what one sits on."""
        return np.asarray(self.joints(placed)[:, PA17.index("pelvis"), 2] - _RADII[PA17.index("pelvis")])


def upright_feet(turns: Array) -> Array:
    """Turns (T, 19, 3, 3) with the feet level, each turned as far outward as its shank is."""
    level = turns.copy()
    for side, _ in SIDES:
        across = turns[:, SEGMENT[f"shank.{side}"]][..., 0] * [1, 1, 0]
        level[:, SEGMENT[f"foot.{side}"]] = upright(across, np.broadcast_to(UP, across.shape))
    return level


class BoneForm(NamedTuple):
    """Points of the skinned surface as sums over bones, which linear blend skinning allows.

    Attributes:
        moments: (n, B, 3) rest positions weighted by the bones.
        shares: (n, B) the weights.
    """

    moments: Array
    shares: Array

    def at(self, placed: Placed) -> Array:
        """Where the points (T, n, 3) are."""
        count, bones = self.shares.shape
        flat = placed.turns.swapaxes(1, 2).reshape(-1, 3, 3 * bones)
        turned = flat @ self.moments.reshape(count, 3 * bones).T
        return turned.swapaxes(1, 2) + self.shares @ placed.shifts


def bone_form(body: Body, figure: Figure, ids: NDArray[np.int64], rows: Array) -> BoneForm:
    """Points that are weighted means (n, v) of vertices `ids` (v,)."""
    bones, weights = body.influence.bones[ids], body.influence.weights[ids]
    dense = np.zeros((len(ids), len(body.bones)), np.float32)
    np.put_along_axis(dense, bones, weights, 1)
    spread = (rows[:, None] * figure.vertices[ids].T).reshape(-1, len(ids)) @ dense
    return BoneForm(spread.reshape(len(rows), 3, -1).swapaxes(1, 2), rows @ dense)


def _length(at: dict[str, Array], a: str, b: str) -> float:
    return float(np.linalg.norm(at[a] - at[b]))


_TWISTED = [(SEGMENT[f"forearm.{side}"], SEGMENT[f"hand.{side}"]) for side in "LR"]


def _half_twist(fore: Array, hand: Array) -> Array:
    """Half of the hand's turn about the forearm's axis, relative to the forearm; (T, 3, 3) each."""
    relative = to_quaternion(np.swapaxes(fore, -1, -2) @ hand)
    angle = 2 * np.arctan2(relative[..., 1], relative[..., 0])
    return about(0, ((angle + np.pi) % (2 * np.pi) - np.pi) / 2)


class _Plan(NamedTuple):
    """How bones turn: `of_bone` (B,) is a segment, or counted from 19 a turn `share` of the way from `first` to
    `second`, (n,) each, or counted on from there one of `_TWISTED`."""

    first: list[int]
    second: list[int]
    share: Array
    of_bone: list[int]


@lru_cache(4)
def _plan(bones: tuple[str, ...]) -> _Plan:
    follows = [_follows(name) for name in bones]
    mixed = sorted({key for key in follows if key[2] > 0 and key[:2] not in _TWISTED})
    order = [(i, i, 0.0) for i in range(len(SEGMENTS))] + mixed + [(a, b, 0.5) for a, b in _TWISTED]
    of_bone = [order.index(key) for key in follows]
    first, second, share = zip(*mixed, strict=True)
    return _Plan(list(first), list(second), np.array(share), of_bone)


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
    names: list[str] = []
    lines: list[Array] = []
    hinges: list[Array] = []
    posed: list[Array] = []

    def add(name: str, line: Array, hinge: Array, rest: Array) -> None:
        names.append(name)
        lines.append(line)
        hinges.append(hinge)
        posed.append(rest)

    for side, sign in SIDES:

        def bone(a: str, b: str, side: str = side) -> Array:
            return at[f"{b}.{side}"] - at[f"{a}.{side}"]

        upper, lower = bone("upperarm01", "lowerarm01"), bone("lowerarm01", "wrist")
        hinge, arm = np.cross(upper, lower), arm_frame(sign)
        for part, line in (("upperarm", upper), ("forearm", lower), ("hand", bone("wrist", "finger3-1"))):
            add(f"{part}.{side}", line, hinge, arm)
        for part, line in (("thigh", bone("upperleg01", "lowerleg01")), ("shank", bone("lowerleg01", "foot"))):
            add(f"{part}.{side}", line, np.array([1.0, 0, 0]), LEG_FRAME)
        add(f"foot.{side}", bone("foot", "toe3-1") * [1, 1, 0], UP, frame(FORWARD, UP))
    turns = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
    turned = np.stack(posed) @ np.swapaxes(frame(np.stack(lines), np.stack(hinges)), -1, -2)
    turns[[SEGMENT[name] for name in names]] = turned
    return turns
