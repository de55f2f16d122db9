"""Measures of accuracy against cases worked out by hand, and properties of the alignment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deephar_ros.skeleton import MPII16, PA17
from deephar_ros.train.metrics import (
    accuracy,
    align,
    aligned_errors,
    class_accuracy,
    confusion_matrix,
    joint_errors,
    mpjpe,
    pckh,
    pckh_by_joint,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def test_errors_are_measured_from_the_pelvis() -> None:
    truth = np.zeros((1, 17, 3))
    predicted = truth + np.array([10, 20, 30])  # all moved alike, the pelvis too
    predicted[0, PA17.index("head")] += [3, 4, 0]
    errors = joint_errors(predicted, truth, PA17)
    assert errors[0, PA17.index("head")] == pytest.approx(5)
    assert errors.sum() == pytest.approx(5)
    assert mpjpe(predicted, truth, PA17) == pytest.approx(5 / 17)


def test_alignment_by_hand() -> None:
    target = np.array([[[0.0, 0, 0], [2, 0, 0], [0, 4, 0], [0, 0, 6]]])
    turned = target[..., [1, 2, 0]] / 2 + [5, 6, 7]  # a cyclic exchange of axes is a rotation
    np.testing.assert_allclose(align(turned, target), target, atol=1e-12)
    np.testing.assert_allclose(aligned_errors(turned, target), 0, atol=1e-12)


def test_alignment_does_not_mirror() -> None:
    target = np.random.default_rng(0).normal(size=(1, 17, 3))
    mirrored = target * [-1, 1, 1]
    assert aligned_errors(mirrored, target).mean() > 0.2


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.floats(0.01, 100))
def test_aligned_errors_do_not_change_when_the_prediction_is_moved_turned_and_scaled(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    predicted, target = rng.normal(size=(2, 3, 17, 3))
    moved = scale * predicted @ random_rotation(rng).T + rng.normal(size=3) * 100
    np.testing.assert_allclose(aligned_errors(moved, target), aligned_errors(predicted, target), atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_no_other_similarity_brings_the_points_nearer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, target = rng.normal(size=(2, 1, 17, 3))
    best = (aligned_errors(predicted, target) ** 2).sum()
    aligned = align(predicted, target)
    other = rng.uniform(0.9, 1.1) * aligned @ random_rotation(rng).T + rng.normal(size=3) * 0.1
    assert ((other - target) ** 2).sum() >= best - 1e-9


def test_coinciding_points_land_on_the_centre() -> None:
    target = np.random.default_rng(0).normal(size=(1, 5, 3))
    aligned = align(np.ones((1, 5, 3)), target)
    np.testing.assert_allclose(aligned, np.broadcast_to(target.mean(1, keepdims=True), aligned.shape), atol=1e-12)


def test_pckh_by_joint_agrees_with_the_whole_and_leaves_out_what_mpii_does_not_score() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 100, (40, 16, 2))
    predicted, head = truth + rng.normal(0, 6, truth.shape), rng.uniform(10, 30, 40)
    truth[rng.random((40, 16)) < 0.2] = np.nan
    by_joint = pckh_by_joint(predicted, truth, head, MPII16)
    unscored = [MPII16.index("pelvis"), MPII16.index("thorax")]
    assert np.isnan(by_joint[unscored]).all()
    known = np.isfinite(truth[..., 0]).sum(0).astype(float)
    known[unscored] = 0
    assert np.nansum(by_joint * known) / known.sum() == pytest.approx(pckh(predicted, truth, head, MPII16))


def test_confusion_by_hand() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    assert confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert accuracy(confusion) == 60
    np.testing.assert_allclose(class_accuracy(confusion), [50, 200 / 3, np.nan])
    assert math.isnan(accuracy(np.zeros((3, 3), np.int64)))
