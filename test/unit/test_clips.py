"""Which frames of a video make clips, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import write_clips, write_samples
from hypothesis import given
from hypothesis import strategies as st

from deephar_ros.data.clip_indices import combine, evaluation_clips, half_clips, middle_clip, multi_clips, random_clip
from deephar_ros.data.clips import ActionClips, clip_root_depth, evaluation_clip
from deephar_ros.data.crop import crop, map_points
from deephar_ros.data.paper_augment import NTU_CLIPS, PENN_SPACINGS
from deephar_ros.data.pictures import read
from deephar_ros.data.windows import clip_window
from deephar_ros.skeleton import PA16

STILL = replace(NTU_CLIPS, scales=(1.0,), shift=(0.0, 0.0), flip=0.0, power=(1.0, 1.0))


@given(length=st.integers(1, 300), spacing=st.integers(1, 10), seed=st.integers(0, 99))
def test_random_clips_go_forward_within_the_video(length: int, spacing: int, seed: int) -> None:
    clip = random_clip(length, 8, spacing, np.random.default_rng(seed))
    assert len(clip) == 8
    assert clip[0] >= 0
    assert clip == sorted(clip)
    assert clip[-1] < length
    if length >= 8 * spacing:
        assert set(np.diff(clip)) == {spacing}


def test_random_clips_start_anywhere() -> None:
    rng = np.random.default_rng(0)
    assert {random_clip(40, 8, 4, rng)[0] for _ in range(500)} == set(range(40 - 29 + 1))


def test_protocols_of_evaluation() -> None:
    assert evaluation_clips(100, 8, 6, "single") == [(middle_clip(100, 8, 6), False)]
    paper = evaluation_clips(100, 8, 6, "paper")
    assert [clip.indices for clip in paper] == half_clips(100, 8, 6)
    assert [clip.indices[0] for clip in paper] == list(range(0, 58, 4))
    assert paper[-1].indices[-1] < 100
    assert not any(clip.mirrored for clip in paper)
    released = evaluation_clips(100, 8, 6, "released")
    assert [clip.indices for clip in released if clip.mirrored] == multi_clips(100, 8, 6)
    assert [clip.indices for clip in released if not clip.mirrored] == multi_clips(100, 8, 6)
    for protocol, count in (("paper", 1), ("released", 2)):  # too short: the released code has no clip at all
        short = evaluation_clips(20, 8, 6, protocol)
        assert [clip.indices for clip in short] == [middle_clip(20, 8, 6)] * count


def test_scores_of_clips_are_averaged_or_multiplied() -> None:
    clips = np.array([[0.6, 0.4, 0.0], [0.1, 0.4, 0.5]])
    np.testing.assert_allclose(combine(clips, "paper"), [0.35, 0.4, 0.25])
    np.testing.assert_allclose(combine(clips, "released"), np.array([0.06, 0.16, 0]) / 0.22, atol=1e-12)
    many = np.tile([0.2, 0.8], (2000, 1))  # whose product is too small for a number
    np.testing.assert_allclose(combine(many, "released"), [0, 1], atol=1e-12)


def test_a_training_clip_has_its_frames_label_and_one_window(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, 2, 20)
    images, target, label = ActionClips(clips, 5, (2, 3), 32, STILL)[3]
    assert label.tolist() == [1]
    values = images[:, 0, 16, 16].numpy().astype(int)
    shown = [(value - 5) // 3 for value in values]
    assert set(np.diff(shown)) in ({2}, {3})
    joints = clips[1].joints[shown]
    window = clip_window(joints[..., :2], clips[1].size)
    expected = (joints[..., 0] - int(window.box[0])) / (int(window.box[2]) - int(window.box[0]))
    np.testing.assert_allclose(target[..., 0], expected, atol=1e-5)
    np.testing.assert_allclose(target[..., 2], (joints[..., 2] - joints[..., 2].mean()) / 2000 + 0.5, atol=1e-5)


def test_spacings_are_all_drawn_and_flips_hold_for_the_whole_clip(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, 1, 70)
    dataset = ActionClips(clips, 8, PENN_SPACINGS, 16, replace(STILL, flip=0.5))
    spacings, mirrored = set(), set()
    for k in range(12):
        images, target, _ = dataset[k]
        shown = [(int(value) - 5) // 3 for value in images[:, 0, 8, 8]]
        spacings |= set(np.diff(shown))
        _, view, *_ = dataset.unrendered(k)
        mirrored.add(view.mirrored)
        order = PA16.flip if view.mirrored else list(range(16))
        by_hand = map_points(view.matrix, clips[0].joints[shown][:, order])
        np.testing.assert_allclose(target[..., :2], by_hand[..., :2], atol=1e-5)
    assert spacings == {4, 6, 8}
    assert mirrored == {True, False}


def test_evaluation_crops_lead_back_to_pixels(tmp_path: Path) -> None:
    sample, clip = write_samples(tmp_path, 1)[0], write_clips(tmp_path, 1, 10)[0]
    cut, matrix = crop(read(sample.picture), sample.window, 64)
    assert cut.shape == (64, 64, 3)
    np.testing.assert_allclose(np.linalg.inv(matrix) @ [0, 0, 1], [20, 10, 1], atol=1e-9)
    crops, matrix = evaluation_clip(clip, [1, 5, 9], 64)
    mirrored, mirrored_matrix = evaluation_clip(clip, [1, 5, 9], 64, mirrored=True)
    assert crops[:, 32, 32, 0].tolist() == [8, 20, 32]
    np.testing.assert_array_equal(mirrored, crops[:, :, ::-1])
    points = clip.joints[5, :, :2]
    np.testing.assert_allclose(map_points(mirrored_matrix, points), map_points(matrix, points) * (-1, 1) + (1, 0))


def test_root_depth_of_a_clip() -> None:
    joints = np.full((3, 16, 3), np.nan)
    assert np.isnan(clip_root_depth(joints, PA16))
    joints[:, 4, 2] = (2000, 2200, 2400)
    assert clip_root_depth(joints, PA16) == 2200
    joints[1, PA16.index("pelvis"), 2] = 1900
    assert clip_root_depth(joints, PA16) == pytest.approx(1900)
