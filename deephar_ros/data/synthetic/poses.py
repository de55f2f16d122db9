"""Poses for still pictures: from recorded motion, from families of angles, mixed, perturbed, turned about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deephar_ros.data.synthetic.families import FAMILIES, draw_family, draw_pose
from deephar_ros.data.synthetic.motions import Motion
from deephar_ros.data.synthetic.rig import SEGMENT, mirror_pose
from deephar_ros.data.synthetic.rotations import from_rotvec
from deephar_ros.geometry import Array

SOURCE_SHARES = {"deepmimic": 0.28, "cmu": 0.22, "utd": 0.28, "bandai": 0.22}
"""How often a recorded pose is of each source; of others, as often as of these on average."""

RECORDED = 0.5
"""Share of the poses that come from recordings; the rest from families of angles."""

MIXED, TUMBLED, MOST_NOISE = 0.25, 0.08, 14.0
"""Share of recorded poses whose legs are those of another; that are turned about anyhow; degrees of perturbation."""

_UPPER = ("neck", "head", *(f"{part}.{s}" for s in "LR" for part in ("clavicle", "upperarm", "forearm", "hand")))
_CHAINS = (("neck", "head"), *((f"{a}.{s}", f"{b}.{s}", f"{c}.{s}") for s in "LR" for a, b, c in (
    ("upperarm", "forearm", "hand"), ("thigh", "shank", "foot"))))  # fmt: skip
CARRIED = {
    "spine": ("spine", "chest", *_UPPER), "chest": ("chest", *_UPPER),
    **{name: chain[i:] for chain in _CHAINS for i, name in enumerate(chain)},
}  # fmt: skip
"""What turns with a segment."""

LEGS = [SEGMENT[f"{part}.{side}"] for side in "LR" for part in ("thigh", "shank", "foot")]


@dataclass(frozen=True)
class Pose:
    """A still pose: turns (19, 3, 3), where it is from, and whether the ground is under it."""

    turns: Array
    motion: str
    airborne: bool


class PoseSource:
    """Draws poses of one part: of recordings that are held out, or of the others."""

    def __init__(self, motions: Sequence[Motion], held_out: bool, recorded: float = RECORDED) -> None:
        self.by_source: dict[str, list[Motion]] = {}
        for motion in motions:
            if motion.held_out == held_out:
                self.by_source.setdefault(motion.source, []).append(motion)
        self.recorded = recorded if self.by_source else 0.0

    def draw(self, rng: np.random.Generator) -> Pose:
        """A random pose."""
        if rng.random() >= self.recorded:
            name = draw_family(rng)
            turns, motion, airborne = draw_pose(name, rng), f"family/{name}", FAMILIES[name].airborne
        else:
            turns, motion = self._recorded(rng)
            if rng.random() < MIXED:
                turns = with_legs_of(turns, self._recorded(rng)[0])
                motion += "+"
            turns = perturbed(turns, float(rng.choice([0.0, 0.4, 1.0])) * MOST_NOISE, rng)
            airborne = rng.random() < TUMBLED
            if airborne:
                turns = _random_turn(rng) @ turns
        if rng.random() < 0.5:
            turns = mirror_pose(turns, np.zeros(3))[0]
        return Pose(turns, motion, airborne)

    def _recorded(self, rng: np.random.Generator) -> tuple[Array, str]:
        shares = np.array([SOURCE_SHARES.get(source, 0.25) for source in self.by_source])
        motions = list(self.by_source.values())[int(rng.choice(len(shares), p=shares / shares.sum()))]
        motion = motions[int(rng.integers(len(motions)))]
        return motion.turns[int(rng.integers(len(motion)))].astype(float), motion.name


def with_legs_of(turns: Array, other: Array) -> Array:
    """The pose with the legs of another one, as they are relative to the pelvis."""
    mixed = turns.copy()
    mixed[LEGS] = turns[0] @ other[0].T @ other[LEGS]
    return mixed


def perturbed(turns: Array, degrees: float, rng: np.random.Generator) -> Array:
    """Every segment turned a little, with all that hangs on it; knees and elbows as little as hinges may."""
    if degrees <= 0:
        return turns
    moved = turns.copy()
    for name, carried in CARRIED.items():
        turn = from_rotvec(np.radians(rng.normal(0, degrees * (0.5 if name[:4] in ("neck", "spin") else 1.0), 3)))
        if name.startswith(("forearm", "shank")):  # about the hinge only
            axis = moved[SEGMENT[name]][:, 2 if name.startswith("forearm") else 0]
            turn = from_rotvec(axis * np.radians(rng.normal(0, degrees)))
        ids = [SEGMENT[child] for child in carried]
        moved[ids] = turn @ moved[ids]
    return moved


def _random_turn(rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))
