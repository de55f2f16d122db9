"""Tracks of poses staged anew."""

from __future__ import annotations

import numpy as np
import pytest
from test_seen import walker

from deephar_ros.data.restage import film, pixel_ray, to_level, with_arms_of, with_legs_of
from deephar_ros.skeleton import LIMB_LENGTHS, PA17

LOWER = [i for i, name in enumerate(PA17.joints) if name.endswith(("_hip", "_knee", "_ankle"))]
ARMS = [i for i, name in enumerate(PA17.joints) if name.endswith(("_elbow", "_wrist"))]


def test_another_camera_sees_the_same_body_from_another_side() -> None:
    """Exact for a camera whose elevation and focal length are known: what it sees is what a camera there would see."""
    focal, down = 800.0, 20.0
    body = walker(1).joints[0] * [0.005, 0.005, 0.001]  # metres: x right, y down, z ahead
    body = body - body.mean(0)
    body[:, 2] *= 5  # some depth in it
    sine, cosine = np.sin(np.radians(down)), np.cos(np.radians(down))
    seen = body @ np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]]).T + [0, 0, 4.0]
    pixels = np.concatenate([seen[:, :2] / seen[:, 2:] * focal + 256, seen[:, 2:] * 1000], -1)
    around = film(to_level(pixels[None], np.radians(down), 1 / focal), np.random.default_rng(3))[0]
    metres = np.concatenate([around[:, :2] / 1000 * around[:, 2:] / 1000, around[:, 2:] / 1000], -1)
    np.testing.assert_allclose(pairs(metres), pairs(body), atol=0.02)  # nothing is stretched
    level = np.random.default_rng(3).normal(7, 12)  # of the new camera
    up = np.array([0, -np.cos(np.radians(level)), -np.sin(np.radians(level))])
    heights = (metres - metres.mean(0)) @ up
    np.testing.assert_allclose(heights, -body[:, 1], atol=0.03)  # and up stays up


def pairs(points: np.ndarray) -> np.ndarray:
    """Distances between all points."""
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_the_focal_length_comes_from_the_length_of_limbs() -> None:
    names = {name for pair in LIMB_LENGTHS for name in pair}
    rng = np.random.default_rng(0)
    body = np.zeros((6, 17, 3))
    for side, x in (("left", 0.2), ("right", -0.2)):
        for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
            turn = rng.normal(size=(2, 6, 3)) * [0.3, 1, 0.3]
            at = np.tile([x, 0.0 if chain[0] == "hip" else -0.288 * 1.69, 0.0], (6, 1))
            for k, part in enumerate(chain):
                body[:, PA17.index(f"{side}_{part}")] = at
                if k < 2:
                    length = LIMB_LENGTHS[f"{side}_{part}", f"{side}_{chain[k + 1]}"]
                    at = at + length * turn[k] / np.linalg.norm(turn[k], axis=-1, keepdims=True)
    assert len(names) == 12
    seen = body + np.array([0.3, 0.1, 3.5])
    pixels = np.concatenate([seen[..., :2] / seen[..., 2:] * 700, seen[..., 2:] * 1000], -1)
    assert 1 / pixel_ray(pixels, PA17) == pytest.approx(700, rel=1e-3)


def some_body(seed: int) -> np.ndarray:
    """(5, 17, 3) level metres: a person about upright, every frame a little otherwise."""
    body = walker(5, step=0).joints * [0.005, 0.005, 0.0]
    return body + np.random.default_rng(seed).normal(0, 0.03, body.shape)


def turned(level: np.ndarray, degrees: float) -> np.ndarray:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return level @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]).T + [1.0, 0.2, -2.0]


def test_the_legs_of_others_face_as_the_body_does_that_gets_them() -> None:
    body = some_body(0)
    np.testing.assert_allclose(with_legs_of(body, turned(body, 130), PA17), body, atol=1e-9)
    mixed = with_legs_of(body, turned(some_body(1), 200), PA17)
    rest = [i for i in range(17) if i not in LOWER]
    np.testing.assert_array_equal(mixed[:, rest], body[:, rest])
    pelvis = PA17.index("pelvis")
    np.testing.assert_allclose(
        pairs(mixed[2, LOWER] - mixed[2, pelvis]), pairs(some_body(1)[2, LOWER]), atol=1e-9
    )  # as they were, but turned


def test_the_arms_of_others_lie_to_the_trunk_as_they_did() -> None:
    body, other = some_body(0), some_body(1)
    tilt = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    np.testing.assert_allclose(with_arms_of(body, turned(body, 70) @ tilt.T, PA17), body, atol=1e-9)
    mixed = with_arms_of(body, other, PA17)
    rest = [i for i in range(17) if i not in ARMS]
    np.testing.assert_array_equal(mixed[:, rest], body[:, rest])
    shoulder, wrist = PA17.index("left_shoulder"), PA17.index("left_wrist")
    reach = np.linalg.norm(mixed[:, wrist] - mixed[:, shoulder], axis=-1)
    np.testing.assert_allclose(reach, np.linalg.norm(other[:, wrist] - other[:, shoulder], axis=-1), atol=1e-9)
