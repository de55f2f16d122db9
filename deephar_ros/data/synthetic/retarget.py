"""Positions of joints -> turns of the 19 segments, whatever the proportions of who was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deephar_ros.data.synthetic.rig import FORWARD, LEG_FRAME, SEGMENT, SEGMENTS, SIDES, arm_frame
from deephar_ros.data.synthetic.rotations import about, frame, from_rotvec, slerp, unit, upright
from deephar_ros.geometry import Array

_RISE = 0.3
"""Degrees that the collarbone rises for each degree that the upper arm does above the horizontal."""


@dataclass(frozen=True)
class Recording:
    """Joints of T frames in the world of this package, any unit of length.

    Attributes:
        points: (T, 3) by name: pelvis, neck, head, and for each side, such as `hip.L`, hip, knee, ankle, shoulder,
            elbow, wrist; `chest` and the sides' `toe` where they are known.
        fps: frames a second.
        head: (T, 3, 3) turns of the head, where known.
        toe_pitch: how far the line from ankle to toe points below the foot's direction, radians.
    """

    points: Mapping[str, Array]
    fps: float
    head: Array | None = None
    toe_pitch: float = 0.0


def to_pose(recording: Recording) -> tuple[Array, Array]:
    """Turns (T, 19, 3, 3), and the root (T, 3) in lengths of a leg."""
    p = recording.points
    turns = np.empty((len(p["pelvis"]), len(SEGMENTS), 3, 3))
    _set_trunk(turns, recording)
    for side, sign in SIDES:
        _set_arm(turns, p, side, sign)
        _set_leg(turns, recording, side)
    leg = np.mean([_length(p, f"hip.{s}", f"knee.{s}") + _length(p, f"knee.{s}", f"ankle.{s}") for s in "LR"])
    return turns, p["pelvis"] / leg


def _length(p: Mapping[str, Array], a: str, b: str) -> float:
    return float(np.median(np.linalg.norm(p[a] - p[b], axis=-1)))


def _set_trunk(turns: Array, recording: Recording) -> None:
    p = recording.points
    shoulders = (p["shoulder.L"] + p["shoulder.R"]) / 2
    middle = p.get("chest", p["pelvis"])
    pelvis = upright(p["hip.L"] - p["hip.R"], p.get("chest", shoulders) - p["pelvis"])
    up = unit(shoulders - middle)
    across = unit(p["shoulder.L"] - p["shoulder.R"])
    chest = upright(across - 0.5 * up * (across * up).sum(-1, keepdims=True), up)  # one raised shoulder tilts it half
    turns[:, SEGMENT["pelvis"]], turns[:, SEGMENT["chest"]] = pelvis, chest
    turns[:, SEGMENT["spine"]] = slerp(pelvis, chest, 0.5)
    head = recording.head
    if head is None:
        axis = unit(p["head"] - p["neck"])
        x = unit(chest[..., 0] - axis * (chest[..., 0] * axis).sum(-1, keepdims=True))
        head = slerp(chest, np.stack([x, np.cross(axis, x), axis], -1), 0.8)
    turns[:, SEGMENT["head"]] = head
    turns[:, SEGMENT["neck"]] = slerp(chest, head, 0.5)


def _set_arm(turns: Array, p: Mapping[str, Array], side: str, sign: float) -> None:
    chest, rest = turns[:, SEGMENT["chest"]], arm_frame(sign)
    upper, lower = p[f"elbow.{side}"] - p[f"shoulder.{side}"], p[f"wrist.{side}"] - p[f"elbow.{side}"]
    local = unit(np.einsum("tji,tj->ti", chest, upper))
    out = np.array([sign, 0, 0])
    axis = np.cross(out, local)
    angle = np.arctan2(np.linalg.norm(axis, axis=-1), local @ out)
    swing = from_rotvec(unit(axis) * angle[:, None])
    hinge = _hinge(upper, lower, (chest @ swing)[..., :, 2] * -sign, 8, 25)
    turns[:, SEGMENT[f"upperarm.{side}"]] = frame(upper, hinge) @ rest.T
    turns[:, SEGMENT[f"forearm.{side}"]] = turns[:, SEGMENT[f"hand.{side}"]] = frame(lower, hinge) @ rest.T
    rise = np.clip(np.arcsin(np.clip(local[:, 2], -1, 1)), 0, None) * _RISE
    turns[:, SEGMENT[f"clavicle.{side}"]] = chest @ about(1, -sign * rise)


def _set_leg(turns: Array, recording: Recording, side: str) -> None:
    p, across = recording.points, turns[:, SEGMENT["pelvis"]][..., 0]
    upper, lower = p[f"knee.{side}"] - p[f"hip.{side}"], p[f"ankle.{side}"] - p[f"knee.{side}"]
    hinge = _hinge(upper, lower, across, 10, 35)
    hinge = np.where((hinge * across).sum(-1, keepdims=True) < 0, across, hinge)  # knees bend one way only
    shank = frame(lower, hinge) @ LEG_FRAME.T
    turns[:, SEGMENT[f"thigh.{side}"]] = frame(upper, hinge) @ LEG_FRAME.T
    turns[:, SEGMENT[f"shank.{side}"]] = shank
    foot = shank
    if f"toe.{side}" in p:
        line = p[f"toe.{side}"] - p[f"ankle.{side}"]
        level = frame(FORWARD, np.array([1.0, 0, 0])).T
        foot = frame(line, shank[..., 0]) @ level @ about(0, -recording.toe_pitch)
    turns[:, SEGMENT[f"foot.{side}"]] = foot


def _hinge(upper: Array, lower: Array, default: Array, low: float, high: float) -> Array:
    """Axis of an elbow or a knee (T, 3): of a bend below `low` degrees the default's, above `high` that of the bend."""
    a, b = unit(upper), unit(lower)
    cross = np.cross(a, b)
    bend = np.degrees(np.arctan2(np.linalg.norm(cross, axis=-1), (a * b).sum(-1)))
    share = np.clip((bend - low) / (high - low), 0, 1)[:, None]
    return unit(unit(cross) * share + default * (1 - share))
