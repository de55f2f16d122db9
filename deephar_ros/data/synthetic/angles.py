"""Poses by angles: what key poses are written in.

Degrees, all 0 in a person who stands with hanging arms. A name with `left_` or `right_` before it is of one side:

    yaw, pitch, roll        of the whole person: turned to the left, leaning forward, leaning to the left
    spine_flex, spine_side, spine_twist, head_flex, head_side, head_twist
                            bent forward, bent to the left, turned to the left
    arm_abduct, arm_flex, arm_turn, elbow, palm, wrist
                            arm out to the side (90: level, 180: up), forward, about itself; forearm bent, turned; hand
    hip_flex, hip_abduct, hip_turn, knee, ankle
                            thigh forward, out to the side, about itself; shank bent back; toes up
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deephar_ros.data.synthetic.rig import SEGMENT, SEGMENTS, SIDES
from deephar_ros.data.synthetic.rotations import about
from deephar_ros.geometry import Array

TRUNK_ANGLES = (
    *("yaw", "pitch", "roll"),
    *(f"{part}_{way}" for part in ("spine", "head") for way in ("flex", "side", "twist")),
)
LIMB_ANGLES = (
    *("arm_abduct", "arm_flex", "arm_turn", "elbow", "palm", "wrist"),
    *("hip_flex", "hip_abduct", "hip_turn", "knee", "ankle"),
)
ANGLES = frozenset(TRUNK_ANGLES) | {f"{side}_{name}" for side in ("left", "right") for name in LIMB_ANGLES}

_RISE_FROM, _RISE = 80.0, 0.3
"""Degrees of the upper arm from which the collarbone rises, and by how much for each."""


def pose_of_angles(angles: Mapping[str, Array], frames: int = 1) -> Array:
    """Turns (frames, 19, 3, 3) of angles (frames,) by name; what is not given is 0."""

    def radians(name: str) -> Array:
        return np.radians(np.asarray(angles.get(name, np.zeros(frames)), float))

    def bend(part: str, share: float) -> Array:
        flex, side, twist = (share * radians(f"{part}_{way}") for way in ("flex", "side", "twist"))
        return about(0, flex) @ about(1, side) @ about(2, twist)

    turns = np.empty((frames, len(SEGMENTS), 3, 3))
    pelvis = about(2, radians("yaw")) @ about(0, radians("pitch")) @ about(1, radians("roll"))
    chain = [pelvis]
    for part, share in (("spine", 0.5), ("spine", 0.5), ("head", 0.4), ("head", 0.6)):
        chain.append(chain[-1] @ bend(part, share))
    turns[:, : len(chain)] = np.stack(chain, 1)
    chest = chain[2]
    for letter, sign in SIDES:
        side = "left" if letter == "L" else "right"
        a = {name: radians(f"{side}_{name}") for name in LIMB_ANGLES}
        rise = np.clip(np.maximum(a["arm_abduct"], a["arm_flex"]) - np.radians(_RISE_FROM), 0, None) * _RISE
        upper = about(0, -a["arm_flex"]) @ about(1, sign * (np.pi / 2 - a["arm_abduct"])) @ about(0, a["arm_turn"])
        upper = chest @ upper
        fore = upper @ about(2, -sign * a["elbow"])
        hand = fore @ about(0, a["palm"]) @ about(2, -sign * a["wrist"])
        thigh = about(0, -a["hip_flex"]) @ about(1, -sign * a["hip_abduct"]) @ about(2, sign * a["hip_turn"])
        thigh = pelvis @ thigh
        shank = thigh @ about(0, a["knee"])
        limbs = {
            "clavicle": chest @ about(1, -sign * rise), "upperarm": upper, "forearm": fore, "hand": hand,
            "thigh": thigh, "shank": shank, "foot": shank @ about(0, -a["ankle"]),
        }  # fmt: skip
        for part, turn in limbs.items():
            turns[:, SEGMENT[f"{part}.{letter}"]] = turn
    return turns
