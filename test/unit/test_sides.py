"""Left and right hold still."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.sides import SteadySides
from deephar_ros.skeleton import H36M17

FRAME = 33_333_333
LEGS = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
ARMS = [H36M17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")]


def exchanged(joints: np.ndarray, limbs: list[int]) -> np.ndarray:
    other = joints.copy()
    other[limbs] = joints[limbs[3:] + limbs[:3]]
    return other


def walker(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 17, 2) pixels: a person who goes to the right and swings arms and legs."""
    body = rng.uniform(100, 300, (17, 2))
    paths = np.repeat(body[None], frames, 0)
    paths[..., 0] += np.arange(frames)[:, None]
    swing = 40 * np.sin(2 * np.pi * np.arange(frames) / 30)
    for limbs in (LEGS, ARMS):
        paths[:, limbs[2], 0] += swing
        paths[:, limbs[5], 0] -= swing
    return paths


def put_out(sides: SteadySides, paths: np.ndarray, who: str = "1") -> np.ndarray:
    return np.stack([joints[sides(who, joints, 10**18 + n * FRAME)] for n, joints in enumerate(paths)])


@pytest.mark.parametrize("limbs", [LEGS, ARMS])
def test_an_exchange_of_a_moment_is_undone_and_nothing_else_is_touched(
    rng: np.random.Generator, limbs: list[int]
) -> None:
    paths = walker(60, rng)
    flickering = paths.copy()
    for frame in (7, 20, 21, 22, 41):
        flickering[frame] = exchanged(paths[frame], limbs)
    np.testing.assert_array_equal(put_out(SteadySides(H36M17, 0.4), flickering), paths)
    np.testing.assert_array_equal(put_out(SteadySides(H36M17, 0.4), paths), paths)


def test_an_exchange_that_lasts_is_followed_after_the_patience(rng: np.random.Generator) -> None:
    paths = walker(60, rng)
    turned = np.concatenate([paths[:20], np.stack([exchanged(joints, LEGS) for joints in paths[20:]])])
    out = put_out(SteadySides(H36M17, 0.4), turned)
    followed = (out == turned).all((1, 2))
    assert followed[:20].all()
    assert not followed[20:31].any()
    assert followed[33:].all()


def test_no_patience_changes_nothing(rng: np.random.Generator) -> None:
    paths = walker(10, rng)
    paths[5] = exchanged(paths[5], LEGS)
    np.testing.assert_array_equal(put_out(SteadySides(H36M17, 0.0), paths), paths)


def test_people_are_apart_and_forgotten_and_old_places_do_not_count(rng: np.random.Generator) -> None:
    sides, (joints, later) = SteadySides(H36M17, 0.4), walker(2, rng)
    turned, plain = exchanged(later, LEGS), np.arange(17)
    sides("1", joints, 1)
    np.testing.assert_array_equal(sides("2", turned, FRAME), plain)
    assert (sides("1", turned, FRAME) != plain).any()
    sides("3", joints, 1)
    sides.forget("3")
    np.testing.assert_array_equal(sides("3", turned, FRAME), plain)
    sides("4", joints, 1)
    np.testing.assert_array_equal(sides("4", turned, 10 * FRAME), plain)
