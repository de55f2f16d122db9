"""Things that people sit on, hang from, lift or lie on: boxes in the scene that the support of an action asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.actions import Support
from deephar_ros.data.synthetic.outfit import Outfit
from deephar_ros.data.synthetic.rig import SEGMENT, Placed, Rig
from deephar_ros.data.synthetic.rotations import upright
from deephar_ros.data.synthetic.textures import cloth
from deephar_ros.geometry import Array

# Corners of a cube, and its sides as triangles that are seen from outside.
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_TRIANGLES = np.array([three for a, b, c, d in _SIDES for three in ((a, b, c), (a, c, d))], np.int32)

LEAST_TRUNK = 0.5
"""Cosine of the trunk's lean up to which a seat is a chair, and not a bench to lie on."""


def boxes_for(support: Support, rig: Rig, turns: Array, placed: Placed, rng: np.random.Generator) -> list[Array]:
    """What is under or over somebody, each (T, 8, 3) corners in metres.

    Args:
        turns: (T, 19, 3, 3) of the segments.
        placed: the bones.
    """
    if support == "hands":
        wrists = [placed.heads[:, rig.body.bone(f"wrist.{side}")] for side in "LR"]
        return [_bar(wrists[0], wrists[1], rng.uniform(1.2, 2.5), rng.uniform(0.03, 0.05))]
    if support != "seat":
        return []
    hips = placed.heads[:, rig.body.bone("root")].mean(0)
    top = float(rig.lowest_hips(placed).mean())
    pelvis = turns[:, SEGMENT["pelvis"]].mean(0)
    heading = upright(pelvis[:, 0] * [1, 1, 0], np.array([0, 0, 1.0]))
    if pelvis[2, 2] > LEAST_TRUNK:
        return _chair(hips, top, heading, len(turns), rng)
    return [_still(hips, [0, 0.45, 0], [0.32, 1.3, 0.08], top - 0.04, heading, len(turns)),
            _still(hips, [0, 0.45, 0], [0.1, 1.0, top - 0.08], top / 2 - 0.04, heading, len(turns))]  # fmt: skip


def with_boxes(
    outfit: Outfit, vertices: Sequence[NDArray[np.float32]], boxes: Sequence[Array], rng: np.random.Generator
) -> tuple[Outfit, list[NDArray[np.float32]]]:
    """The outfit with the boxes as parts of it, in a material of their own, and its vertices (n, 3) in each frame."""
    if not boxes:
        return outfit, list(vertices)
    count, first = len(outfit.vertices), np.concatenate([corners[0] for corners in boxes]).astype(np.float32)
    faces = np.concatenate([_TRIANGLES + count + 8 * i for i in range(len(boxes))])
    material = np.full(len(faces), len(outfit.textures), np.int32)

    def more(array: NDArray[np.float32], value: float) -> NDArray[np.float32]:
        return np.append(array, np.float32(value))

    made = outfit._replace(
        vertices=np.concatenate([outfit.vertices, first]),
        rest=np.concatenate([outfit.rest, first]),
        bones=np.concatenate([outfit.bones, np.zeros((len(first), outfit.bones.shape[1]), np.int32)]),
        weights=np.concatenate([outfit.weights, np.zeros((len(first), outfit.weights.shape[1]), np.float32)]),
        faces=np.concatenate([outfit.faces, faces]),
        material=np.concatenate([outfit.material, material]),
        textures=np.concatenate([outfit.textures, cloth(rng)[None] * np.float32(rng.uniform(0.3, 1))]),
        tiles=more(outfit.tiles, rng.uniform(0.5, 3)),
        gloss=more(outfit.gloss, rng.uniform(0, 0.2)),
        shininess=more(outfit.shininess, 20),
    )
    moved = [
        np.concatenate([frame, *(corners[t].astype(np.float32) for corners in boxes)])
        for t, frame in enumerate(vertices)
    ]
    return made, moved


def _still(
    middle: Array, offset: Sequence[float], size: Sequence[float], height: float, turn: Array, frames: int
) -> Array:
    """A box that stands still; the offset is in the axes of `turn`."""
    at = (middle + turn @ np.array(offset)) * [1, 1, 0] + [0, 0, height]
    return np.broadcast_to(at + (_CORNERS * size) @ turn.T, (frames, 8, 3))


def _chair(hips: Array, top: float, turn: Array, frames: int, rng: np.random.Generator) -> list[Array]:
    """A seat on four legs, or a block; maybe with a back."""
    wide, deep = rng.uniform(0.38, 0.55), rng.uniform(0.38, 0.5)
    parts = []
    if rng.random() < 0.5 and top > 0.2:
        parts.append(_still(hips, [0, -0.05, 0], [wide, deep, 0.05], top - 0.025, turn, frames))
        for x in (-wide / 2 + 0.03, wide / 2 - 0.03):
            for y in (-deep / 2 - 0.02, deep / 2 - 0.08):
                parts.append(_still(hips, [x, y, 0], [0.04, 0.04, top - 0.05], (top - 0.05) / 2, turn, frames))
    else:
        parts.append(_still(hips, [0, -0.05, 0], [wide, deep, max(top, 0.02)], top / 2, turn, frames))
    if rng.random() < 0.6:
        tall = rng.uniform(0.35, 0.6)
        parts.append(_still(hips, [0, deep / 2 + 0.02, 0], [wide, 0.05, tall], top + tall / 2, turn, frames))
    return parts


def _bar(left: Array, right: Array, length: float, thick: float) -> Array:
    """Through both hands (T, 3) each."""
    middle = (left + right) / 2
    across = upright(left - right, np.broadcast_to([0, 0, 1.0], left.shape))
    return np.asarray(middle[:, None] + (_CORNERS * [length, thick, thick]) @ np.swapaxes(across, -1, -2))
