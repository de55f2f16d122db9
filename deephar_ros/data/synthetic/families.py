"""Still poses drawn from ranges of angles: sitting, lying, kneeling, upside down, reaching, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from deephar_ros.data.synthetic.angles import LIMB_ANGLES, pose_of_angles
from deephar_ros.geometry import Array

Range = tuple[float, float]

_ANYWHERE: dict[str, Range] = {
    "yaw": (-180, 180), "pitch": (-12, 18), "roll": (-8, 8), "spine_flex": (-15, 30), "spine_side": (-18, 18),
    "spine_twist": (-30, 30), "head_flex": (-30, 30), "head_side": (-20, 20), "head_twist": (-55, 55),
    "arm_abduct": (0, 130), "arm_flex": (-35, 110), "arm_turn": (-50, 50), "elbow": (0, 135), "palm": (-70, 70),
    "wrist": (-40, 40), "hip_flex": (-15, 35), "hip_abduct": (0, 20), "hip_turn": (-10, 30), "knee": (0, 40),
    "ankle": (-25, 15),
}  # fmt: skip
"""Somebody who stands and does something with the arms."""


class Family(NamedTuple):
    """Ranges that differ from standing, and whether the person is in the air."""

    ranges: Mapping[str, Range]
    airborne: bool = False
    share: float = 1.0


FAMILIES = {
    "stand": Family({}, share=2),
    "relaxed": Family({
        "arm_abduct": (2, 18), "arm_flex": (-15, 25), "elbow": (2, 40), "hip_flex": (-6, 10), "knee": (0, 12),
    }, share=2),
    "arms_up": Family({"arm_abduct": (110, 178), "arm_flex": (-10, 40), "elbow": (0, 80)}),
    "stride": Family({"left_hip_flex": (10, 60), "right_hip_flex": (-35, 0), "knee": (0, 90)}, share=2),
    "run": Family({
        "left_hip_flex": (20, 95), "right_hip_flex": (-40, 5), "knee": (5, 120), "elbow": (50, 120),
        "pitch": (0, 30),
    }, share=2),
    "kick": Family({
        "left_hip_flex": (50, 130), "left_hip_abduct": (0, 50), "left_knee": (0, 60), "pitch": (-35, 10),
    }),
    "lunge": Family({
        "left_hip_flex": (60, 105), "left_knee": (60, 110), "right_hip_flex": (-40, 0), "right_knee": (0, 60),
    }),
    "bend": Family({
        "pitch": (25, 85), "spine_flex": (10, 60), "hip_flex": (25, 100), "knee": (0, 50), "arm_flex": (0, 130),
    }, share=1.5),
    "squat": Family({
        "pitch": (0, 45), "hip_flex": (60, 130), "knee": (70, 150), "hip_abduct": (5, 40), "ankle": (0, 30),
    }, share=1.5),
    "sit": Family({"pitch": (-25, 25), "hip_flex": (70, 110), "knee": (30, 115), "arm_abduct": (0, 60)}, share=3),
    "sit_floor": Family({
        "pitch": (-35, 20), "hip_flex": (75, 120), "knee": (0, 150), "hip_abduct": (0, 55), "hip_turn": (0, 60),
    }, share=1.5),
    "kneel": Family({"pitch": (-10, 30), "hip_flex": (-5, 60), "knee": (85, 150), "ankle": (-50, -10)}),
    "all_fours": Family({
        "pitch": (70, 105), "hip_flex": (60, 110), "knee": (70, 110), "arm_flex": (60, 110), "arm_abduct": (0, 25),
        "elbow": (0, 40), "head_flex": (-50, 10),
    }),
    "plank": Family({
        "pitch": (65, 100), "hip_flex": (-10, 30), "knee": (0, 15), "arm_flex": (60, 110), "arm_abduct": (0, 60),
        "elbow": (0, 120), "head_flex": (-45, 10),
    }),
    "lie_back": Family({"pitch": (-105, -75), "hip_flex": (-5, 100), "knee": (0, 110)}, share=1.5),
    "lie_front": Family({
        "pitch": (80, 100), "hip_flex": (-20, 15), "knee": (0, 90), "arm_abduct": (0, 170), "arm_flex": (-20, 30),
    }),
    "lie_side": Family({"roll": (70, 110), "hip_flex": (0, 90), "knee": (0, 120)}, share=1.5),
    "bridge": Family({
        "pitch": (-125, -80), "spine_flex": (-60, -20), "hip_flex": (-40, 0), "knee": (60, 120),
        "arm_abduct": (140, 178),
    }),
    "hang": Family({
        "arm_abduct": (130, 180), "arm_flex": (-10, 20), "elbow": (0, 130), "hip_flex": (-15, 90), "knee": (0, 100),
    }, airborne=True),
    "handstand": Family({
        "pitch": (150, 215), "arm_abduct": (150, 182), "elbow": (0, 25), "hip_flex": (-50, 90),
        "hip_abduct": (0, 60), "knee": (0, 120),
    }, share=1.5),
    "cartwheel": Family({
        "roll": (60, 300), "arm_abduct": (100, 178), "elbow": (0, 25), "hip_abduct": (20, 75),
        "hip_flex": (-40, 60),
    }, share=1.5),
    "jump": Family({
        "hip_flex": (-50, 110), "hip_abduct": (0, 60), "knee": (0, 140), "arm_abduct": (20, 178),
        "ankle": (-50, -10), "pitch": (-30, 45),
    }, airborne=True, share=2),
    "tumble": Family({
        "pitch": (-180, 180), "roll": (-90, 90), "hip_flex": (-30, 135), "hip_abduct": (0, 60), "knee": (0, 150),
        "arm_abduct": (0, 180), "spine_flex": (-40, 50),
    }, airborne=True, share=3),
    "split": Family({
        "left_hip_flex": (50, 100), "right_hip_flex": (-75, -20), "knee": (0, 25), "hip_abduct": (0, 30),
        "pitch": (-20, 60),
    }),
}  # fmt: skip


def draw_family(rng: np.random.Generator) -> str:
    """Name of a family, by the shares."""
    shares = np.array([family.share for family in FAMILIES.values()])
    return list(FAMILIES)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def draw_pose(name: str, rng: np.random.Generator) -> Array:
    """A pose (19, 3, 3) of a family; both sides are drawn apart, or alike now and then."""
    ranges = {**_ANYWHERE, **FAMILIES[name].ranges}
    alike = rng.random() < 0.35
    angles: dict[str, Array] = {}
    for key, (low, high) in ranges.items():
        if key not in LIMB_ANGLES:
            angles[key] = rng.uniform(low, high, 1)
            continue
        left = rng.uniform(low, high, 1)
        right = left + rng.normal(0, 5, 1) if alike else rng.uniform(low, high, 1)
        angles.setdefault(f"left_{key}", left)
        angles.setdefault(f"right_{key}", right)
    for key, limits in FAMILIES[name].ranges.items():  # those of one side alone
        if key.startswith(("left_", "right_")):
            angles[key] = rng.uniform(*limits, 1)
    return pose_of_angles(angles)[0]
