"""Annotated tracks as the node's network would find them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import NETWORK, SPEC

from deephar_ros.data.clip_indices import middle_clip, spread_clips
from deephar_ros.data.samples import Clip, DatasetError, Picture
from deephar_ros.data.seen import Exchange, Eye, MixConfig, SeenConfig, Track, completed
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import unpack
from deephar_ros.skeleton import PA17
from deephar_ros.train.config import SetConfig
from deephar_ros.train.seen_rows import SeenRows
from deephar_ros.train.sets import chosen_by_name, relabelled
from deephar_ros.train.tracks import PoseRows, TrackClips, action_part, label_of

SHARP = SeenConfig(
    error=(1e-9, 1e-9), stray=0, swap=0, hidden=0, confidence=(1, 1), block=(0.0,), depth_error=0, flat=0, fixed=0,
    unsteady=0, turn=0, stretch=0, flip=0,
)  # fmt: skip
"""A network without faults."""
MARGIN = 1.4
POSE_ONLY = SPNetConfig(
    num_joints=17, num_pyramids=2, growth=4, action_pyramids=(2,), num_actions=(3,), action_input="pose"
)


def walker(frames: int = 30, step: float = 12.0) -> Track:
    """Somebody upright, 300 px tall, who walks to the right, left hand raised, right hand low."""
    place = {
        "pelvis": (0, 0), "thorax": (0, -80), "neck": (0, -100), "head": (0, -140), "spine": (0, -40),
        "shoulder": (20, -80), "elbow": (30, -50), "wrist": (35, -20), "hip": (12, 0), "knee": (14, 80),
        "ankle": (15, 160),
    }  # fmt: skip
    pose = []
    for name in PA17.joints:
        side, _, part = name.rpartition("_")
        x, y = place[part]
        pose.append((x if side == "left" else -x, y, 3000.0 + x))
    joints = np.tile(np.array(pose, float), (frames, 1, 1))
    joints[:, PA17.index("left_wrist"), 1] = -130
    joints[..., :2] += np.array([200.0, 300.0]) + np.arange(frames)[:, None, None] * [step, 0]
    return Track(joints, np.ones((frames, 17), bool))


def see(cfg: SeenConfig, seed: int = 0, track: Track | None = None, varied: bool = True):  # type: ignore[no-untyped-def]
    chosen = np.arange(8) * 3
    return Eye(cfg, PA17, MARGIN).see(track or walker(), chosen, 1, np.random.default_rng(seed), varied)


def test_the_crop_follows_the_person_one_pose_behind() -> None:
    joints, confidence = see(SHARP)
    extent = 300.0
    pelvis = joints[:, PA17.index("pelvis")]
    lag = 12 / (MARGIN * extent)  # walks 12 px from the pose that the window surrounds to the one seen in it
    np.testing.assert_allclose(pelvis[1:, 0], 0.5 + lag, atol=1e-6)
    np.testing.assert_allclose(np.ptp(joints[..., 1], 1), 1 / MARGIN, atol=1e-6)
    np.testing.assert_allclose(pelvis[:, 2], 0.5)
    assert confidence.min() > 0.6


def test_in_a_window_that_stays_the_person_moves() -> None:
    joints, _ = see(replace(SHARP, fixed=1))
    pelvis = joints[:, PA17.index("pelvis"), 0]
    assert (np.diff(pelvis) > 0.02).all()
    assert (joints >= 0).all()
    assert (joints <= 1).all()


def test_a_mirrored_person_has_sides_exchanged() -> None:
    plain, mirrored = see(SHARP).joints, see(replace(SHARP, flip=1)).joints
    np.testing.assert_allclose(mirrored[..., 0], 1 - plain[:, PA17.flip, 0], atol=1e-9)
    np.testing.assert_allclose(mirrored[..., 1:], plain[:, PA17.flip, 1:], atol=1e-9)
    raised = mirrored[:, PA17.index("right_wrist"), 1] < mirrored[:, PA17.index("left_wrist"), 1]
    assert raised.all()


def test_errors_are_as_large_as_asked_for_and_more_so_at_wrists() -> None:
    cfg = replace(SHARP, error=(0.02, 0.02))
    true = see(SHARP).joints[..., :2]
    errors = np.stack([see(cfg, seed).joints[..., :2] - true for seed in range(60)])
    spread = errors.std((0, 1, 3))
    assert spread[PA17.index("spine")] == pytest.approx(0.02 * 0.8, rel=0.15)
    assert spread[PA17.index("left_wrist")] == pytest.approx(0.02 * 2.5, rel=0.15)
    steady = errors.mean(1).std((0, 2))  # what lasts through a clip
    assert steady[PA17.index("spine")] == pytest.approx(0.016 * np.sqrt(0.7 + 0.3 / 8), rel=0.2)


def test_what_is_found_far_from_where_it_is_gets_little_confidence() -> None:
    cfg, true = replace(SHARP, stray=0.3), see(SHARP).joints
    near, far = [], []
    for seed in range(40):
        joints, confidence = see(cfg, seed)
        distance = np.linalg.norm(joints - true, axis=-1)
        near += confidence[distance < 1e-6].tolist()
        far += confidence[distance > 0.1].tolist()
    assert len(far) > 50
    assert np.mean(far) < 0.8 * np.mean(near)


def test_hidden_legs_are_uncertain_and_the_crop_shows_the_rest() -> None:
    ankles, trunk = [PA17.index("left_ankle"), PA17.index("right_ankle")], PA17.index("thorax")
    seen = [see(replace(SHARP, hidden=1), seed) for seed in range(20)]
    doubtful = [found.confidence[:, ankles].mean() / found.confidence[:, trunk].mean() for found in seen]
    assert np.mean(doubtful) < 0.8
    assert np.median(doubtful) < 0.8
    up = [(found.joints[:, trunk, 1] - found.joints[:, PA17.index("head"), 1]).min() for found in seen]
    assert np.mean(up) > 1.3 * 60 / (MARGIN * 300)  # larger than with legs


def test_limbs_change_sides_for_a_while_only() -> None:
    true = see(SHARP).joints
    wrong = np.zeros(8, int)
    for seed in range(30):
        joints = see(replace(SHARP, swap=1), seed).joints
        exchanged = np.abs(joints - true)[..., :2].max((1, 2)) > 1e-6
        assert 1 <= exchanged.sum() <= 4
        paired = np.sort(joints[exchanged, :, :2], 1), np.sort(true[exchanged, :, :2], 1)
        np.testing.assert_allclose(*paired)  # nothing moved but names
        wrong += exchanged
    assert (wrong > 0).all()


def test_depth_is_flat_where_it_is_unknown_and_now_and_then_where_it_is_known() -> None:
    track = walker()
    track.joints[..., 2] = np.nan
    assert (see(SHARP, track=track).joints[..., 2] == 0.5).all()
    flat = [np.ptp(see(replace(SHARP, flat=0.5), seed).joints[..., 2]) == 0 for seed in range(60)]
    assert 15 < sum(flat) < 45


def test_gestures_get_the_legs_of_others_and_keep_their_arms() -> None:
    other = walker()
    for side, knee in (("left", (14, 20, -250)), ("right", (-14, 20, -250))):  # sits: knees ahead, shanks down
        j, k = PA17.index(f"{side}_knee"), PA17.index(f"{side}_ankle")
        pelvis = other.joints[:, PA17.index("pelvis")]
        other.joints[:, j], other.joints[:, k] = pelvis + knee, pelvis + np.array(knee) + [0, 80, 0]
    standing, sitting = (track._replace(elevation=0.0, ray=0.005 / 3) for track in (walker(), other))
    seen = Eye(SHARP, PA17, MARGIN).see(
        standing, np.arange(8) * 3, 1, np.random.default_rng(0), True, Exchange(sitting, "legs")
    )
    plain = see(SHARP).joints

    def drop(joints: np.ndarray, joint: str) -> float:
        top, pelvis = (joints[:, PA17.index(name), 1].mean() for name in ("head", "pelvis"))
        return float((joints[:, PA17.index(joint), 1].mean() - pelvis) / (pelvis - top))

    assert drop(seen.joints, "left_knee") < 0.7 * drop(plain, "left_knee")
    assert drop(seen.joints, "left_wrist") == pytest.approx(drop(plain, "left_wrist"), abs=0.15)


def test_only_the_actions_named_are_mixed() -> None:
    clips = [replace(a_clip(label), elevation=0.0) for label in (0, 1, 1, 2)]
    mix = MixConfig(("wave",), "legs", ("sit", "walk"), 1.0)
    rows = SeenRows(clips, POSE_ONLY, SHARP, MARGIN, [mix], ("sit", "walk", "wave"))
    rng = np.random.default_rng(0)
    assert rows._exchange(0, rng) is None
    given = [rows._exchange(3, rng) for _ in range(20)]
    assert all(exchange is not None and exchange.part == "legs" for exchange in given)
    assert {id(exchange.track) for exchange in given if exchange} == {id(track) for track in rows.tracks[:3]}
    flat = SeenRows([a_clip(0), a_clip(2)], POSE_ONLY, SHARP, MARGIN, [mix], ("sit", "walk", "wave"))
    assert flat._exchange(1, rng) is None  # nobody knows where the ground is
    with pytest.raises(ValueError, match="no action dance"):
        SeenRows(clips, POSE_ONLY, SHARP, MARGIN, [MixConfig(("dance",), "legs", ("sit",))], ("sit", "walk", "wave"))


def test_a_track_is_completed_from_other_joints_from_time_and_from_the_other_side() -> None:
    joints = np.full((5, 17, 3), np.nan)
    known = {
        "left_hip": (10, 0),
        "right_hip": (-10, 0),
        "left_knee": (10, 50),
        "head": (0, -90),
        "left_shoulder": (15, -60),
    }
    for name, place in known.items():
        joints[:, PA17.index(name), :2] = place
    joints[2, PA17.index("left_knee")] = np.nan
    joints[3:, PA17.index("left_knee"), 0] = 40
    track = completed(joints, PA17)
    at = {name: track.joints[:, PA17.index(name), :2].tolist() for name in PA17.joints}
    assert at["pelvis"][0] == [0, 0]
    assert at["thorax"][0] == [15, -60]  # of the only shoulder that is known
    assert at["left_knee"][2] == [25, 50]
    assert at["right_knee"][2] == [25, 50]
    assert track.visible[:, PA17.index("left_knee")].tolist() == [True, True, False, True, True]
    assert not track.visible[:, PA17.index("right_knee")].any()
    assert np.isfinite(track.joints[..., :2]).all()
    assert np.isnan(track.joints[..., 2]).all()
    nobody = completed(np.full((3, 17, 3), np.nan), PA17)
    assert not nobody.visible.any()
    assert (nobody.joints[..., :2] == 0).all()


def a_clip(label: int = 1, frames: int = 30) -> Clip:
    track = walker(frames)
    return Clip("walk/keys/7", (Picture(Path()),) * frames, track.joints, PA17, (512, 512), label)


def test_rows_are_coordinates_times_confidence_and_the_same_in_every_evaluation() -> None:
    clips = [a_clip(), a_clip()]
    tracks = TrackClips(clips, SeenRows(clips, POSE_ONLY, SeenConfig(), MARGIN), 8, (3,))
    rows = tracks.middle(0)
    assert torch.equal(rows, tracks.middle(0))
    assert not torch.equal(rows, tracks.middle(1))
    assert not torch.equal(tracks[0][0], tracks[2][0])
    blocks = unpack(rows, POSE_ONLY)
    assert len(blocks) == 3
    assert all(block.appearance is None for block in blocks)
    assert not torch.equal(blocks[0].pose, blocks[2].pose)  # each block has errors of its own
    sharp = SeenRows(clips, POSE_ONLY, replace(SHARP, confidence=(0.5, 0.5)), MARGIN).read(0, range(8), None)
    pose = unpack(sharp, POSE_ONLY)[2].pose.numpy()
    np.testing.assert_allclose(pose[:, PA17.index("pelvis"), 2], 0.25, rtol=0.3)  # z 0.5, confidence about 0.5


def test_a_network_that_looks_at_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="action_input"):
        SeenRows([a_clip()], NETWORK, SeenConfig(), MARGIN)


@pytest.mark.parametrize("wrong", [{"error": (0.1, 0.05)}, {"swap": 1.5}, {"loose": 0.5}])
def test_errors_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(SeenConfig(), **wrong)


def test_clips_have_the_label_that_most_of_their_frames_show() -> None:
    frames = np.array([0] * 10 + [2] * 6 + [1] * 14)
    clip = replace(a_clip(2), frame_labels=frames)
    assert label_of(clip, [0, 3, 6, 9, 12, 15, 18, 21]) == 0
    assert label_of(clip, [6, 8, 10, 12, 14, 16, 18, 20]) == 2  # 2, 3, 3: that of the video
    assert label_of(clip, [12, 14, 16, 18, 20, 22, 24, 26]) == 1
    assert label_of(a_clip(2), [0, 1]) == 2
    assert action_part(clip, 8) == (9, 8)
    assert action_part(clip, 22) == (2, 22)
    assert action_part(clip, 40) == (0, 30)
    assert action_part(a_clip(2), 8) == (0, 30)
    tracks = TrackClips([clip], PoseRows([clip], POSE_ONLY, None), 4, (2,))  # type: ignore[arg-type]
    assert tracks.evaluation(0, 3).shape[:2] == (3, 4)


def test_clips_of_an_evaluation_reach_from_the_start_to_the_end() -> None:
    clips = spread_clips(51, 8, 6, 3)
    assert clips[0][0] == 0
    assert clips[2][-1] == 50
    assert clips[1] == middle_clip(51, 8, 6)
    assert spread_clips(50, 8, 6, 1) == [middle_clip(50, 8, 6)]
    assert all(len(clip) == 8 and clip[-1] < 5 for clip in spread_clips(5, 8, 6, 2))


def test_a_sets_actions_are_called_as_the_model_calls_them() -> None:
    spec = replace(SPEC, network=replace(NETWORK, num_actions=(2,)), labels=(("sit", "walk"),))
    clips = [replace(a_clip(label), frame_labels=np.array([0, 1, 2, -1])) for label in (0, 1, 2)]
    cfg = SetConfig("a", "penn", ".", labels={"going": "walk", "seated": "sit"})
    found = relabelled(clips, cfg, ("going", "golf", "seated"), spec)
    assert [clip.label for clip in found] == [1, 0]
    assert found[0].frame_labels is not None
    assert found[0].frame_labels.tolist() == [1, -1, 0, -1]
    for labels in ({"run": "walk"}, {"going": "run"}):
        with pytest.raises(DatasetError, match="run"):
            relabelled(clips, replace(cfg, labels=labels), ("going", "golf", "seated"), spec)


def test_clips_of_a_set_are_chosen_by_patterns_of_their_names() -> None:
    clips = [replace(a_clip(), name=name) for name in ("walk/on_the_spot/utd/1", "walk/far/utd/2", "sit/keys/3")]
    cfg = SetConfig("a", "synthetic_tracks", ".", only=("walk/*", "*/keys/*"), without=("*/on_the_spot/*",))
    assert [clip.name for clip in chosen_by_name(cfg, clips)] == ["walk/far/utd/2", "sit/keys/3"]
    assert len(chosen_by_name(SetConfig("a", "penn", "."), clips)) == 3
