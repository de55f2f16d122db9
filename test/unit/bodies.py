"""Made-up people in known places: what tests of distances compare with."""

from __future__ import annotations

import cv2
import numpy as np

from deephar_ros.skeleton import H36M17, LIMB_LENGTHS

STATURE, STATURE_SPREAD = 1.69, 0.11
"""Metres; mean and standard deviation of adults, both sexes."""

HALF_HIPS, HALF_SHOULDERS, NECK, HEAD = 0.0955, 0.1295, 0.05, 0.13
"""Of stature (hips and shoulders: Drillis and Contini)."""


def turn(axis: str, degrees: float) -> np.ndarray:
    """3x3 rotation about an axis of the optical frame: x right, y down, z forward."""
    return cv2.Rodrigues(np.eye(3)["xyz".index(axis)] * np.radians(degrees))[0]


def person(rng: np.random.Generator, spread: float = 1.0) -> np.ndarray:
    """(17, 3) metres relative to the pelvis, H36M17: a random pose of a random body, seen from a random side.

    A quarter sit, the others stand or walk, arms anywhere. With `spread` 0 the body is the average one; with 1 its
    stature varies as adults' does, and each of its limbs by 4 % more.
    """
    stature = STATURE * (1 + spread * STATURE_SPREAD / STATURE * rng.normal())

    def limb(upper: str, lower: str) -> np.ndarray:
        varied = LIMB_LENGTHS[f"left_{upper}", f"left_{lower}"] * (1 + spread * 0.04 * np.clip(rng.normal(), -3, 3))
        return np.array([0, varied * stature / STATURE, 0])

    flank, thigh, shank = limb("shoulder", "hip"), limb("hip", "knee"), limb("knee", "ankle")
    upper_arm, forearm = limb("shoulder", "elbow"), limb("elbow", "wrist")
    to_thorax = np.array([0, -np.sqrt(flank[1] ** 2 - ((HALF_SHOULDERS - HALF_HIPS) * stature) ** 2), 0])
    facing = turn("y", rng.uniform(0, 360))  # 0: away from the camera, forward is z
    trunk = facing @ turn("x", rng.normal(0, 20)) @ turn("z", rng.normal(0, 12))
    bend = 85.0 if rng.random() < 0.25 else 0.0

    at = {"pelvis": np.zeros(3), "spine": trunk @ to_thorax / 2, "thorax": trunk @ to_thorax}
    at["neck"] = at["thorax"] + trunk @ [0, -NECK * stature, 0]
    at["head"] = at["neck"] + trunk @ turn("x", rng.normal(0, 15)) @ [0, -HEAD * stature, 0]
    for side, sign in (("left", -1), ("right", 1)):
        leg = facing @ turn("z", rng.normal(0, 8)) @ turn("x", bend + rng.normal(5, 20))
        arm = trunk @ turn("z", -sign * abs(rng.normal(10, 35))) @ turn("x", rng.normal(20, 45))
        at[f"{side}_hip"] = trunk @ [sign * HALF_HIPS * stature, 0, 0]
        at[f"{side}_knee"] = at[f"{side}_hip"] + leg @ thigh
        at[f"{side}_ankle"] = at[f"{side}_knee"] + leg @ turn("x", -bend - abs(rng.normal(0, 20))) @ shank
        at[f"{side}_shoulder"] = at["thorax"] + trunk @ [sign * HALF_SHOULDERS * stature, 0, 0]
        at[f"{side}_elbow"] = at[f"{side}_shoulder"] + arm @ upper_arm
        at[f"{side}_wrist"] = at[f"{side}_elbow"] + arm @ turn("x", abs(rng.normal(30, 40))) @ forearm
    return np.array([at[joint] for joint in H36M17.joints])


def someone_at(rng: np.random.Generator, distance: float, spread: float = 1.0) -> np.ndarray:
    """(17, 3) metres in the optical frame of a camera that looks a little down; the pelvis is `distance` away."""
    body = person(rng, spread) @ turn("x", rng.normal(5, 8)).T
    return body + distance * np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.1, 0.1), 1])
