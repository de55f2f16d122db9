"""Hands that reach for a place: two bones and an elbow."""

from __future__ import annotations

import numpy as np

from deephar_ros.data.synthetic.rig import SEGMENT, Placed, Rig, arm_frame
from deephar_ros.data.synthetic.rotations import frame, unit
from deephar_ros.geometry import Array


def reach(rig: Rig, turns: Array, placed: Placed, side: str, target: Array) -> Array:
    """Turns (T, 19, 3, 3) whose wrist is at `target` (T, 3) or as near as the arm is long; the elbow stays on its side.

    Args:
        placed: the bones of `turns`.
        side: L or R.
    """
    sign = 1.0 if side == "L" else -1.0
    shoulder, elbow, wrist = (
        placed.heads[:, rig.body.bone(f"{b}.{side}")] for b in ("upperarm01", "lowerarm01", "wrist")
    )
    upper, lower = (float(np.linalg.norm(d[0])) for d in (elbow - shoulder, wrist - elbow))
    line = target - shoulder
    length = np.clip(np.linalg.norm(line, axis=1), abs(upper - lower) + 0.03, upper + lower - 0.005)[:, None]
    along = unit(line)
    pole = elbow - shoulder
    pole = pole - along * (pole * along).sum(1, keepdims=True)
    chest = turns[:, SEGMENT["chest"]]
    spare = np.einsum("tij,j->ti", chest, [sign * 1.0, 0.2, -0.7])  # out and down, for arms that point at the target
    pole = unit(pole) + 0.2 * (spare - along * (spare * along).sum(1, keepdims=True))
    cos = np.clip((upper**2 + length**2 - lower**2) / (2 * upper * length), -1, 1)
    bend = along * cos + unit(pole - along * (pole * along).sum(1, keepdims=True)) * np.sqrt(1 - cos**2)
    first, second = bend * upper, along * length - bend * upper
    hinge = np.cross(first, second)
    moved = turns.copy()
    rest = arm_frame(sign)
    moved[:, SEGMENT[f"upperarm.{side}"]] = frame(first, hinge) @ rest.T
    fore = frame(second, hinge) @ rest.T
    before = turns[:, SEGMENT[f"forearm.{side}"]]
    moved[:, SEGMENT[f"forearm.{side}"]] = fore
    hand = turns[:, SEGMENT[f"hand.{side}"]]
    moved[:, SEGMENT[f"hand.{side}"]] = fore @ np.swapaxes(before, -1, -2) @ hand
    return moved
