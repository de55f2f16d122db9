"""Clips for the action path whose poses a frozen network finds, as the node does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_own_actions_clips import write_video
from test_tracks import make_clip
from training_runs import SPEC, stage

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.model.features import section_sizes
from deephar_ros.train.config import DataConfig, FeaturesConfig, RunConfig, SetConfig
from deephar_ros.train.followed import FollowedClips
from deephar_ros.train.loading import track_clips
from deephar_ros.train.own_actions_clips import clip_indices
from deephar_ros.train.own_actions_rows import ClipRows


@pytest.fixture
def run(spread_checkpoint: Path, tmp_path: Path) -> RunConfig:
    for name, frames in (("walk/a", 9), ("sit/b", 12)):
        (tmp_path / "clips" / name).parent.mkdir(parents=True)
        write_video(tmp_path / "clips" / f"{name}.mp4", frames)
    spec = load_checkpoint(spread_checkpoint)[1]
    features = FeaturesConfig("seen", str(tmp_path / "rows"), str(spread_checkpoint))
    sets = (SetConfig("own", "folder", "clips", split="all"),)
    return RunConfig(spec, (stage(action={"own": 1.0}, train="action"),), DataConfig(sets), features)


def test_actions_go_by_name_and_rows_are_those_that_the_network_gave(run: RunConfig, tmp_path: Path) -> None:
    net, device = load_checkpoint(Path(str(run.features.pose_network)))[0], torch.device("cpu")
    found = track_clips(run, run.data.sets[0], tmp_path, net, device)
    assert isinstance(found, FollowedClips)
    assert [(clip.name, clip.label) for clip in found.clips] == [("sit/b.mp4", 0), ("walk/a.mp4", 2)]
    assert len(list((tmp_path / "rows").glob("*.npy"))) == 2
    seen = found.rows[1]
    choices = clip_indices(seen.stamps, 4, 0.1)
    rows = found.evaluation(1, 1)
    assert rows.shape == (1, 4, sum(section_sizes(net.config)))
    np.testing.assert_array_equal(rows[0], seen.rows[choices[len(choices) // 2], 0].astype(np.float32))
    drawn, _, labels = found[3]
    assert drawn.shape == rows.shape[1:]
    assert labels.tolist() == [2, -1]
    assert torch.equal(found[3][0], drawn)


def test_training_draws_other_times_and_sides_and_evaluation_does_not() -> None:
    stamps = np.arange(20, dtype=np.int64) * 10**8
    rows = ClipRows(stamps, np.arange(40, dtype=np.float16).reshape(20, 2, 1), True)
    spec = replace(SPEC, clip_frames=4, clip_spacing=0.2)
    clips = FollowedClips([make_clip("a", 0)], [rows], spec)
    drawn = {tuple(clips[k][0][:, 0].tolist()) for k in range(40)}
    assert len(drawn) > 10
    assert {int(first) % 2 for first, *_ in drawn} == {0, 1}
    assert clips.evaluation(0, 2)[..., 0].tolist() == [[4, 8, 12, 16], [20, 24, 28, 32]]


def test_a_network_that_gives_other_rows_is_refused(run: RunConfig, tmp_path: Path) -> None:
    network = replace(run.model.network, action_input="pose")
    other = replace(run, model=replace(run.model, network=network))
    net = load_checkpoint(Path(str(run.features.pose_network)))[0]
    with pytest.raises(ValueError, match=r"gives rows of .* the model's action path reads"):
        track_clips(other, run.data.sets[0], tmp_path, net, torch.device("cpu"))
