"""Tracks of poses staged anew: in metres on level ground, with legs or arms of somebody else, before another camera.

Frames are (T, J, 3): "seen" ones hold pixels and mm as annotations do; "level" ones hold metres, x to the right, y down
along gravity, z ahead, about the person's middle.
"""

from __future__ import annotations

import numpy as np

from deephar_ros.geometry import Array
from deephar_ros.skeleton import LIMB_LENGTHS, Layout

Random = np.random.Generator

DISTANCES, ELEVATION, ROOM = (1.8, 8.0), (7.0, 12.0), 0.6
"""Of cameras: metres; mean and standard deviation of the elevation in degrees; least metres between them and the
person."""


def pixel_ray(joints: Array, layout: Layout) -> float:
    """1 / focal length, 1/pixels, of a track (N, J, 3) with depth, such that the limbs are as long as an adult's."""
    place = joints[..., :2] * joints[..., 2:]
    across, ahead, wanted = [], [], []
    for (a, b), length in LIMB_LENGTHS.items():
        i, j = layout.index(a), layout.index(b)
        across.append(((place[:, i] - place[:, j]) ** 2).sum(-1))
        ahead.append((joints[:, i, 2] - joints[:, j, 2]) ** 2)
        wanted.append(np.full(len(joints), (1000 * length) ** 2))
    wide = np.concatenate(across)
    return float(np.sqrt(max(0.0, (wide * (np.concatenate(wanted) - np.concatenate(ahead))).sum() / (wide**2).sum())))


def to_level(points: Array, elevation: float, ray: float) -> Array:
    """Seen frames on level ground.

    Args:
        elevation: of the camera over the horizon, radians.
        ray: as of `pixel_ray`.
    """
    depth = points[..., 2:] / 1000
    middle = points[..., :2].mean((0, 1))  # for the principal point: the camera looks at the person
    metres = np.concatenate([(points[..., :2] - middle) * depth * ray, depth], -1)
    metres -= metres.mean((0, 1))
    return np.asarray(metres @ _pitch(-elevation).T)


def film(level: Array, rng: Random) -> Array:
    """Level frames as a camera sees them that looks at the person from any side."""
    turn = _pitch(np.radians(rng.normal(*ELEVATION))) @ _yaw(rng.uniform(-np.pi, np.pi))
    placed = level @ turn.T
    distance = max(float(np.exp(rng.uniform(*np.log(DISTANCES)))), ROOM - float(placed[..., 2].min()))
    ahead = placed[..., 2:] + distance
    return np.concatenate([1000 * placed[..., :2] / ahead, 1000 * ahead], -1)


def with_legs_of(level: Array, other: Array, layout: Layout) -> Array:
    """Level frames whose hips stand on the legs of the other's, turned about the vertical so that both face alike."""
    pelvis = layout.index("pelvis")
    legs = [i for i, name in enumerate(layout.joints) if name.endswith(("_hip", "_knee", "_ankle", "_foot"))]
    turn = _yaw(_heading(level, layout) - _heading(other, layout))
    moved = level.copy()
    moved[:, legs] = (other[:, legs] - other[:, [pelvis]]) @ turn.T + level[:, [pelvis]]
    return moved


def with_arms_of(level: Array, other: Array, layout: Layout) -> Array:
    """Level frames with the arms of the other's, which lie to the trunk as they did there."""
    turn = _trunk(level, layout) @ np.swapaxes(_trunk(other, layout), -1, -2)
    moved = level.copy()
    for side in ("left", "right"):
        shoulder = layout.index(f"{side}_shoulder")
        arm = [i for i, n in enumerate(layout.joints) if n in (f"{side}_elbow", f"{side}_wrist", f"{side}_hand")]
        offset = other[:, arm] - other[:, [shoulder]]
        moved[:, arm] = level[:, [shoulder]] + np.einsum("tij,tkj->tki", turn, offset)
    return moved


def _heading(level: Array, layout: Layout) -> float:
    """Angle about the vertical of the line from the right hip to the left, over all frames."""
    x, _, z = (level[:, layout.index("left_hip")] - level[:, layout.index("right_hip")]).mean(0)
    return float(np.arctan2(-z, x))


def _trunk(level: Array, layout: Layout) -> Array:
    """(T, 3, 3) axes of the trunk as columns: to the left shoulder, down, and across both."""
    left = level[:, layout.index("left_shoulder")] - level[:, layout.index("right_shoulder")]
    down = level[:, layout.index("pelvis")] - level[:, layout.index("thorax")]
    x = left / np.linalg.norm(left, axis=-1, keepdims=True)
    y = down - (down * x).sum(-1, keepdims=True) * x
    y /= np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-6)
    return np.stack([x, y, np.cross(x, y)], -1)


def _pitch(angle: float) -> Array:
    """Level ground to a camera that stands so much above the horizon and looks down."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def _yaw(angle: float) -> Array:
    """Turns about the vertical: (1, 0, 0) to (cos, 0, -sin)."""
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
