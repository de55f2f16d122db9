"""Hands that reach for a place: two bones and an elbow."""

from __future__ import annotations

import numpy as np

from deephar_ros.data.synthetic.rig import SEGMENT, Placed, Rig, arm_frame
from deephar_ros.data.synthetic.rotations import frame, unit
from deephar_ros.geometry import Array

ROUNDS = 2
"""The shoulder goes a little with the arm, so that it is aimed anew."""


def reach(rig: Rig, turns: Array, root: Array, side: str, target: Array) -> Array:
    """Turns (T, 19, 3, 3) whose wrist is at `target` (T, 3) or as near as the arm is long; the elbow stays on its side.

    Args:
        root: (T, 3) metres.
        side: L or R.
    """
    for _ in range(ROUNDS):
        turns = _aimed(rig, turns, rig.place(turns, root), side, target)
    return turns


def _aimed(rig: Rig, turns: Array, placed: Placed, side: str, target: Array) -> Array:
    sign = 1.0 if side == "L" else -1.0
    bones = ("upperarm01", "lowerarm01", "wrist")
    shoulder, elbow, wrist = (placed.heads[:, rig.body.bone(f"{bone}.{side}")] for bone in bones)
    upper, lower = (float(np.linalg.norm(d[0])) for d in (elbow - shoulder, wrist - elbow))
    line = target - shoulder
    length = np.clip(np.linalg.norm(line, axis=1), abs(upper - lower) + 0.03, upper + lower - 0.005)[:, None]
    along = unit(line)
    cos = np.clip((upper**2 + length**2 - lower**2) / (2 * upper * length), -1, 1)
    out = _pole(turns[:, SEGMENT["chest"]], elbow - shoulder, along, sign)
    first = upper * (along * cos + out * np.sqrt(1 - cos**2))
    second = along * length - first
    hinge, rest = np.cross(first, second), arm_frame(sign)
    fore = frame(second, hinge) @ rest.T
    forearm, hand = SEGMENT[f"forearm.{side}"], SEGMENT[f"hand.{side}"]
    moved = turns.copy()
    moved[:, SEGMENT[f"upperarm.{side}"]] = frame(first, hinge) @ rest.T
    moved[:, forearm] = fore
    moved[:, hand] = fore @ np.swapaxes(turns[:, forearm], -1, -2) @ turns[:, hand]
    return moved


def _pole(chest: Array, elbow: Array, along: Array, sign: float) -> Array:
    """(T, 3) to which side of the line to the target the elbow is: where it was, and where that is the line itself,
    out and down."""

    def across(vector: Array) -> Array:
        return np.asarray(vector - along * (vector * along).sum(1, keepdims=True))

    return unit(unit(across(elbow)) + 0.2 * across(np.einsum("tij,j->ti", chest, [sign, 0.2, -0.7])))
