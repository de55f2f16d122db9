"""What the filters take away, and what they leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Box
from deephar_ros.people import Person, State
from deephar_ros.skeleton import H36M17
from deephar_ros.smooth import OneEuro, PoseSmoother, SteadyLabel

FRAME = 33_333_333
BOX = Box(100, 50, 300, 450)


def filtered(values: np.ndarray, filter: OneEuro, start: int = 10**18) -> np.ndarray:
    return np.array([filter(value, start + number * FRAME) for number, value in enumerate(values)])


def person(joints: np.ndarray, box: Box = BOX, **fields: object) -> Person:
    position = np.column_stack([joints / 200, np.full(17, 3.0)])
    return replace(Person("1", State.TRACKED, H36M17, joints, position, np.ones(17), box), **fields)


def test_a_still_signal_loses_most_of_its_noise(rng: np.random.Generator) -> None:
    noisy = rng.normal(5, 1, (300, 4, 2))
    smooth = filtered(noisy, OneEuro(min_cutoff=1.0, beta=0.0))[30:]
    assert smooth.var() < noisy.var() / 5
    assert smooth.mean() == pytest.approx(5, abs=0.1)


def test_beta_keeps_up_with_what_moves_fast() -> None:
    ramp = np.arange(60)[:, None] * 10.0  # 300 a second
    lazy, eager = (filtered(ramp, OneEuro(1.0, beta)) for beta in (0.0, 0.1))
    assert ramp[-1, 0] - eager[-1, 0] < 10  # less than one frame behind
    assert ramp[-1, 0] - lazy[-1, 0] > 40


def test_the_speed_of_a_ramp_gives_the_lag_of_the_paper() -> None:
    """In the long run a first-order filter lags by speed / (2 pi cutoff), and cutoff = min_cutoff + beta * speed."""
    ramp = np.arange(3000)[:, None] * 0.001 * 20  # 20 a second, at 1 kHz
    filter = OneEuro(min_cutoff=1.0, beta=0.05)
    out = [filter(value, 1 + number * 1_000_000) for number, value in enumerate(ramp)]
    assert ramp[-1, 0] - out[-1][0] == pytest.approx(20 / (2 * np.pi * (1 + 0.05 * 20)), rel=0.02)


def test_unknown_entries_stay_unknown_and_harm_no_others(rng: np.random.Generator) -> None:
    values = rng.normal(size=(40, 3))
    holed = values.copy()
    holed[10:15, 1] = np.nan
    whole, out = (filtered(v, OneEuro(1.0, 0.1)) for v in (values, holed))
    np.testing.assert_array_equal(np.isnan(out), np.isnan(holed))
    np.testing.assert_array_equal(out[:, [0, 2]], whole[:, [0, 2]])
    assert abs(out[15, 1] - out[9, 1]) < abs(holed[15, 1] - out[9, 1])  # it went on from where it was


@pytest.mark.parametrize("then", [10**18 - 1, 10**18, 10**18 + 1_100_000_000])
def test_backwards_or_after_a_gap_it_starts_afresh(then: int) -> None:
    filter = OneEuro(0.5, 0.0)
    filter(np.zeros(2), 10**18)
    np.testing.assert_array_equal(filter(np.array([7.0, 8.0]), then), [7, 8])
    assert filter(np.array([8.0, 8.0]), then + FRAME)[0] < 7.5


def test_a_pose_is_smoothed_alike_at_every_resolution(rng: np.random.Generator) -> None:
    walk = rng.normal(0, 3, (30, 17, 2)) + np.arange(30)[:, None, None] * 8 + 100
    small, large = PoseSmoother(1.0, 0.5), PoseSmoother(1.0, 0.5)
    for number, joints in enumerate(walk):
        stamp = 10**18 + number * FRAME
        one = small(person(joints), stamp)
        other = large(person(joints * 4, Box(400, 200, 1200, 1800)), stamp)
    np.testing.assert_allclose(one.joints * 4, other.joints)
    assert np.abs(one.joints - walk[-1]).max() > 1  # not merely passed on


def test_a_walker_is_followed_closely_while_who_stands_is_held_still(rng: np.random.Generator) -> None:
    noise = rng.normal(0, 4, (120, 17, 2))  # a hundredth of the box
    pace = np.arange(120)[:, None, None] * 320 / 30  # 0.8 body lengths a second
    standing, walking = (
        np.array([smooth(person(joints + 100), 1 + i * FRAME).joints for i, joints in enumerate(path)])
        for path, smooth in ((noise, PoseSmoother(1.0, 10.0)), (noise + pace, PoseSmoother(1.0, 10.0)))
    )
    assert standing[30:].var() < noise.var() / 5
    assert np.mean(pace + 100 - walking, axis=(1, 2))[30:].max() < 0.025 * 400


def test_positions_are_smoothed_and_the_rest_of_the_person_is_kept(rng: np.random.Generator) -> None:
    smoother = PoseSmoother(1.0, 0.0)
    noisy = [person(rng.normal(200, 5, (17, 2)).astype(np.float32)) for _ in range(60)]
    smooth = [smoother(p, 10**18 + number * FRAME) for number, p in enumerate(noisy)]
    before, after = (np.array([p.position[:, :2] for p in people[20:]]).var(0).mean() for people in (noisy, smooth))
    assert after < before / 5
    assert smooth[-1].joints.dtype == np.float32
    assert replace(smooth[-1], joints=noisy[-1].joints, position=noisy[-1].position) == noisy[-1]


def test_people_are_smoothed_apart_and_forgotten_when_lost() -> None:
    smoother = PoseSmoother(0.5, 0.0)
    here, there = np.full((17, 2), 100.0), np.full((17, 2), 400.0)
    smoother(person(here), 1)
    np.testing.assert_array_equal(smoother(person(there, id="2"), 1 + FRAME).joints, there)
    assert (smoother(person(there), 1 + FRAME).joints < 300).all()
    lost = person(there, state=State.LOST)
    assert smoother(lost, 1 + 2 * FRAME) is lost
    np.testing.assert_array_equal(smoother(person(there), 1 + 3 * FRAME).joints, there)
    smoother.reset()
    np.testing.assert_array_equal(smoother(person(here), 1 + 4 * FRAME).joints, here)


def test_a_new_source_of_depth_is_no_movement() -> None:
    smoother = PoseSmoother(0.5, 0.0)
    relative = person(np.full((17, 2), 100.0))
    smoother(relative, 1)
    absolute = replace(relative, position=relative.position + 5, depth_source=DepthSource.PRIOR)
    np.testing.assert_array_equal(smoother(absolute, 1 + FRAME).position, absolute.position)


def test_a_label_changes_only_when_another_one_is_clearly_ahead(rng: np.random.Generator) -> None:
    steady, labels = SteadyLabel(0.2), ("sit", "stand")
    sitting = np.clip(rng.normal(0.5, 0.03, 200), 0, 1)
    shown = [steady("1", labels, np.array([p, 1 - p])) for p in (0.55, *sitting)]
    assert set(shown) == {"sit"}
    assert ((1 - sitting) > sitting).any()  # the top label did flicker
    assert steady("1", labels, np.array([0.39, 0.61])) == "stand"
    assert steady("1", labels, np.array([0.55, 0.45])) == "stand"


def test_labels_are_kept_per_person_and_label_set() -> None:
    steady, near = SteadyLabel(0.2), np.array([0.45, 0.55])
    assert steady("1", ("sit", "stand"), np.array([0.9, 0.1])) == "sit"
    assert steady("2", ("sit", "stand"), near) == "stand"
    assert steady("1", ("walk", "run"), near) == "run"
    assert steady("1", ("sit", "stand"), near) == "sit"
    steady.forget("1")
    assert steady("1", ("sit", "stand"), near) == "stand"
