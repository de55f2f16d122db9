"""Motions from key poses, made on the mean body: `actions.Way`s with keys, and series of still poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.actions import Key, Target, Way
from deephar_ros.data.synthetic.angles import LIMB_ANGLES, pose_of_angles
from deephar_ros.data.synthetic.families import draw_pose
from deephar_ros.data.synthetic.motions import Motion
from deephar_ros.data.synthetic.reach import reach
from deephar_ros.data.synthetic.rig import SEGMENT, SIDES, Placed, Rig, upright_feet
from deephar_ros.data.synthetic.rotations import slerp
from deephar_ros.geometry import Array

FPS = 30.0
SOURCE = "keys"

_ANCHORS = {"pelvis": "root", "chest": "spine01", "head": "head"}
_PINS = {"feet": "foot", "toes": "toe1-1", "knees": "lowerleg01", "hands": "wrist"}
_SEAT = 0.45
"""Height of what people sit on, metres."""


def perform(way: Way, name: str, rig: Rig, rng: np.random.Generator) -> Motion:
    """One performance of a way with keys or families; every one is a little different.

    Args:
        name: of the motion.
        rig: of the mean body.
    """
    if way.families:
        return _series(way, name, rig, rng)
    seconds = float(np.exp(rng.uniform(*np.log(way.seconds))))
    frames = max(4, round(seconds * FPS))
    times = np.arange(frames) / (frames if way.loop else frames - 1)
    spread = _spread(way, rng)
    keys = [{name: value + spread.get(name, 0.0) for name, value in _all_angles(way, key).items()} for key in way.keys]
    before, after, share = _between(way.keys, times, way.loop)
    names = sorted({angle for key in keys for angle in key})
    values = np.array([[key.get(angle, 0.0) for angle in names] for key in keys])
    mixed = values[before] * (1 - share[:, None]) + values[after] * share[:, None]
    turns = pose_of_angles(dict(zip(names, mixed.T, strict=True)), frames)
    if way.support == "feet":
        turns = upright_feet(turns)
    root: Array = np.zeros((frames, 3))
    root = root + _pin(way, rig, rig.place(turns, root))
    moves = np.array([key.move for key in way.keys]) * rig.leg
    moves = moves[before] * (1 - share[:, None]) + moves[after] * share[:, None]
    root = root + moves @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    turns = _with_hands(way, rig, turns, root, before, after, share, rng)
    if way.support == "hands":
        root = root + _pin(way, rig, rig.place(turns, root))
    return Motion(name, SOURCE, turns, root / rig.leg, FPS)


def _all_angles(way: Way, key: Key) -> dict[str, float]:
    """The key's angles over the base's, both sides written out."""
    angles: dict[str, float] = {}
    for given in (way.base, key.pose):
        for name, value in given.items():
            if name in LIMB_ANGLES:
                angles |= {f"left_{name}": value, f"right_{name}": value}
        angles |= {name: value for name, value in given.items() if name not in LIMB_ANGLES}
    return angles


def _spread(way: Way, rng: np.random.Generator) -> dict[str, float]:
    """By how much each angle of a performance is off, in degrees; the whole person's and the spine's by less."""
    names = {name for key in way.keys for name in _all_angles(way, key)}
    less = {"yaw": 0.0, "pitch": 0.5, "roll": 0.5, "spine_flex": 0.7}
    return {name: float(rng.normal(0, way.vary * less.get(name, 1.0))) for name in sorted(names)}


def _between(keys: Sequence[Key], times: Array, loop: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """For each time the keys before and after it and how far it is between them, eased."""
    at = np.array([key.at for key in keys])
    before: NDArray[np.int64] = np.searchsorted(at, times, side="right").astype(np.int64) - 1
    if loop:
        after = (before + 1) % len(keys)
        start = np.where(before < 0, at[-1] - 1, at[before])
        before = before % len(keys)
        end = np.where(after == 0, at[0] + 1, at[after])
        end = np.where(times < at[0], at[0], end)
    else:
        before = before.clip(0, len(keys) - 1)
        after = (before + 1).clip(0, len(keys) - 1)
        start, end = at[before], at[after]
    share = np.clip((times - start) / np.maximum(end - start, 1e-6), 0, 1)
    return before, after, (1 - np.cos(np.pi * share)) / 2


def _pin(way: Way, rig: Rig, placed: Placed) -> Array:
    """By how much (T, 3) the root has to move for the support to stay where it is."""
    if way.support in ("seat", "bottom"):
        hips = placed.heads[:, rig.body.bone("root")]
        shift = -hips
        shift[:, 2] = _SEAT - rig.lowest_hips(placed) if way.support == "seat" else -rig.lowest(placed)
        return shift
    points = [placed.heads[:, rig.body.bone(f"{_PINS[way.support]}.{side}")] for side, _ in SIDES]
    shift = -np.mean(points, 0)
    if way.support in ("feet", "knees", "toes"):
        shift[:, 2] = -rig.lowest(placed)
    return shift


def _with_hands(
    way: Way, rig: Rig, turns: Array, root: Array, before: NDArray[np.int64], after: NDArray[np.int64], share: Array,
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """The turns with hands at their targets; between a key with a target and one without, the hand goes over."""
    off = rng.normal(0, 0.02, (len(way.keys), 3))
    for side, sign in SIDES:
        word = "left" if side == "L" else "right"
        targets = [key.hands.get(word, key.hands.get("both")) for key in way.keys]
        if not any(targets):
            continue
        placed = rig.place(turns, root)
        free = placed.heads[:, rig.body.bone(f"wrist.{side}")]
        places = np.stack(
            [free if t is None else _place(t, rig, turns, placed, sign) + o for t, o in zip(targets, off, strict=True)]
        )
        frames = np.arange(len(turns))
        goal = places[before, frames] * (1 - share[:, None]) + places[after, frames] * share[:, None]
        turns = reach(rig, turns, root, side, goal)
    return turns


def _place(target: Target, rig: Rig, turns: Array, placed: Placed, sign: float) -> Array:
    outward, forward, up = target.at
    offset = np.array([sign * outward, -forward, up])
    if target.part == "ground":
        return np.broadcast_to(offset, (len(turns), 3))
    anchor = placed.heads[:, rig.body.bone(_ANCHORS[target.part])]
    return np.asarray(anchor + turns[:, SEGMENT[target.part]] @ offset)


def _series(way: Way, name: str, rig: Rig, rng: np.random.Generator) -> Motion:
    """Poses of families one after the other, about one heading."""
    count = int(rng.integers(3, 6))
    poses = [draw_pose(str(rng.choice(way.families)), rng) for _ in range(count)]
    poses = [_facing(pose, rng) for pose in poses]
    parts = []
    for a, b in zip(poses, poses[1:] + poses[:1], strict=True):
        frames = max(4, round(float(np.exp(rng.uniform(*np.log(way.seconds)))) * FPS))
        share = (1 - np.cos(np.pi * np.arange(frames) / frames)) / 2
        parts.append(slerp(a[None], b[None], share[:, None]))
    turns = np.concatenate(parts)
    root = _pin(way, rig, rig.place(turns, np.zeros((len(turns), 3))))
    return Motion(name, SOURCE, turns, root / rig.leg, FPS)


def _facing(pose: Array, rng: np.random.Generator) -> Array:
    """The pose turned so that its left is about +x."""
    left = pose[SEGMENT["pelvis"]][:, 0]
    angle = np.arctan2(left[1], left[0]) + rng.normal(0, 0.3)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) @ pose
