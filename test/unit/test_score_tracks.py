"""Scores of an action path on poses without pictures."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.io import savemat
from test_seen import MARGIN, POSE_ONLY, SHARP, a_clip

from deephar_ros.checkpoint import ModelSpec, save_checkpoint, spec_to_dict
from deephar_ros.cli import evaluate_tracks as cli
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.evaluate import Actions
from deephar_ros.train.score_tracks import by_way, confusions, score_tracks, see_tracks
from deephar_ros.train.seen_rows import SeenRows
from deephar_ros.train.tracks import TrackClips

LABELS = ("sit", "walk", "wave")


def test_every_block_is_scored_on_the_mean_of_a_videos_clips() -> None:
    torch.manual_seed(0)
    net = SPNet(POSE_ONLY).eval()
    clips = [a_clip(1, 40), a_clip(2, 50)]
    tracks = TrackClips(clips, SeenRows(clips, POSE_ONLY, SHARP, MARGIN), 8, (3,))
    actions = see_tracks(net, tracks, 3)
    assert actions.blocks == ("p2_l3", "p2_l2", "p2_l1")
    assert actions.distributions.shape == (3, 2, 3)
    with torch.no_grad():
        alone = net.clip_actions(unpack(tracks.evaluation(1, 3), POSE_ONLY))
    np.testing.assert_allclose(actions.distributions[2, 1], alone[2][0].mean(0), atol=1e-6)


def test_mistakes_are_told_by_action_and_by_way() -> None:
    names = ["walk/fast/keys/1", "walk/fast/keys/2", "walk/slow/utd/3", "sit/still/keys/4"]
    clips = [replace(a_clip(label), name=name) for name, label in zip(names, (1, 1, 1, 0), strict=True)]
    found = np.eye(3)[[1, 2, 1, 0]]
    actions = Actions(("p2_l1",), found[None])
    score = score_tracks(actions, clips, LABELS, "tracks", "middle clip")
    assert score.best.mean == pytest.approx(75)
    assert confusions(score) == ["walk taken for wave: 1"]
    assert by_way(actions, clips, LABELS) == [
        ("sit/still/keys", 1, 1),
        ("walk/fast/keys", 1, 2),
        ("walk/slow/utd", 1, 1),
    ]


def test_the_command_scores_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "penn" / "labels").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, action in enumerate(("pullup", "golf_swing")):
        track = {name: rng.uniform(50, 200, (30, 13)) for name in "xy"}
        facts = {"visibility": np.ones((30, 13)), "action": action, "train": 1.0, "dimensions": [240, 320, 30]}
        savemat(str(tmp_path / "penn" / "labels" / f"000{number}.mat"), {**track, **facts})
    spec = ModelSpec(POSE_ONLY, input_size=128, labels=(LABELS,), action_trained=True, name="tiny")
    save_checkpoint(tmp_path / "tiny", SPNet(POSE_ONLY), spec, "# tiny\n")
    videos = {"name": "videos", "reader": "penn", "folder": "penn", "pictures": False, "labels": {"pull_ups": "wave"}}
    values = {
        "model": spec_to_dict(spec),
        "data": {"sets": [videos], "validation": ["videos"]},
        "features": {"kind": "seen"},
        "stages": [{"name": "action", "epochs": 1, "epoch_steps": 1, "action": {"videos": 1}, "train": "action"}],
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(values))
    command = ["evaluate_tracks", str(tmp_path / "run.yaml"), str(tmp_path / "tiny"), "--data", str(tmp_path), "--ways"]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path / "out")])
    assert cli.main() == 0
    out = capsys.readouterr().out
    assert "wave" in out
    assert " of    1" in out  # the golf swing is not among the actions
    assert (tmp_path / "out" / "videos_confusion.png").stat().st_size > 1000
    monkeypatch.setattr(sys, "argv", [*command, "--sets", "films"])
    assert cli.main() == 1
    assert "['videos']" in capsys.readouterr().err
