"""The action path alone: on annotated poses, and on what a frozen network sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from training_runs import NETWORK, SPEC, stage

from deephar_ros.checkpoint import save_checkpoint
from deephar_ros.data.paper_augment import PaperConfig
from deephar_ros.data.samples import Clip, Picture
from deephar_ros.model.features import section_sizes, unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.skeleton import PA16
from deephar_ros.train.config import DataConfig, FeaturesConfig, OptimizerConfig, RunConfig, RuntimeConfig, SetConfig
from deephar_ros.train.feature_cache import cached_rows
from deephar_ros.train.start import first_weights
from deephar_ros.train.tracks import NetworkRows, PoseRows, TrackClips
from deephar_ros.train.trainer import Trainer


def make_clip(name: str, label: int, frames: int = 12, folder: Path = Path()) -> Clip:
    """A body that goes right (label 0), left (1) or stays (2)."""
    rng = np.random.default_rng(len(name) + label)
    body = np.column_stack([rng.uniform(70, 130, (16, 2)), np.full(16, np.nan)])
    body[0, :2], body[1, :2] = (70, 70), (130, 130)
    step = np.array([(3.0, -3.0, 0.0)[label], 0, 0])
    joints = np.stack([body + t * step for t in range(frames)])
    pictures = tuple(Picture(folder / f"{name}_{t}.png") for t in range(frames))
    return Clip(name, pictures, joints, PA16, (200, 200), label)


def test_annotated_poses_become_features_without_appearance() -> None:
    clip = make_clip("a", 0)
    clip.joints[4, 3, :2] = np.nan
    rows = PoseRows([clip], NETWORK, PaperConfig()).read(0, [2, 4, 6, 8], None)
    (features,) = unpack(rows, NETWORK)
    assert features.appearance is not None
    assert features.appearance.abs().max() == 0
    pose = features.pose
    assert pose[1, 3].tolist() == [0, 0]  # not annotated
    moved = (pose[2, 1] - pose[0, 1]).tolist()
    width = 1.5 * 60 + 6 * 3  # of what holds the squares round the first, the middle and the last pose
    assert moved == pytest.approx([4 * 3 / width, 0], abs=0.01)
    assert 0.1 < pose[0, 0, 0] < pose[0, 1, 0] < 0.9


def test_training_clips_vary_and_evaluation_clips_do_not() -> None:
    clips = [make_clip("a", 0, frames=40), make_clip("b", 1, frames=40)]
    tracks = TrackClips(clips, PoseRows(clips, NETWORK, PaperConfig()), 4, (2,), action_set=1, action_sets=2)
    rows, _, labels = tracks[3]
    assert rows.shape == (4, sum(section_sizes(NETWORK)))
    assert labels.tolist() == [-1, 1]
    assert torch.equal(tracks[3][0], rows)
    assert not torch.equal(tracks[5][0], rows)
    assert torch.equal(tracks.middle(1), tracks.middle(1))


def test_the_action_path_learns_directions_from_poses_alone(tmp_path: Path) -> None:
    network = replace(NETWORK, action_input="pose", num_actions=(3,))
    spec = replace(SPEC, network=network, labels=(("right", "left", "stay"),))
    learning = stage(action={"videos": 1.0}, train="action", epochs=1, epoch_steps=60, clips=12)
    run = RunConfig(
        spec,
        (learning, replace(learning, fixed_norm=True)),  # at the end as it is used, by running statistics
        DataConfig((SetConfig("videos", "penn", "."),)),
        FeaturesConfig("poses"),
        optimizer=OptimizerConfig(learning_rate=3e-3),
        runtime=RuntimeConfig(bfloat16=False),
    )
    clips = [make_clip(f"{n}", n % 3, frames=30) for n in range(12)]
    tracks = TrackClips(clips, PoseRows(clips, network, PaperConfig(flip=0.0, angle=0.0)), 4, (3,))

    class Source:
        def steps(self, stage, first):  # type: ignore[no-untyped-def]
            for step in range(first, 10**6):
                items = [tracks[12 * step + k] for k in range(12)]
                rows, pose, labels = (torch.stack(column) for column in zip(*items, strict=True))
                yield {"action": {"images": rows, "pose": pose, "labels": labels}}

    torch.manual_seed(0)
    trainer = Trainer(SPNet(network), run, tmp_path)
    trainer.fit(Source())
    net = trainer.net.eval()
    found = net.clip_actions(unpack(torch.stack([tracks.middle(n) for n in range(12)]), network))[-1][0].argmax(-1)
    assert (found == torch.arange(12) % 3).float().mean() > 0.9


@pytest.fixture
def filmed(tmp_path: Path) -> list[Clip]:
    rng = np.random.default_rng(3)
    clips = [make_clip(name, 0, frames=5, folder=tmp_path) for name in "ab"]
    for clip in clips:
        for picture in clip.frames:
            cv2.imwrite(str(picture.path), rng.integers(0, 255, (200, 200, 3), np.uint8))
    return clips


def test_a_networks_features_are_computed_once_and_are_those_of_the_clip(filmed: list[Clip], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, file, device = SPNet(NETWORK), tmp_path / "cache" / "videos.npy", torch.device("cpu")
    rows = cached_rows(net, SPEC, filmed, file, device)
    assert rows.shape == (10, 2, sum(section_sizes(NETWORK)))
    written = file.stat().st_mtime_ns
    cached_rows(net, SPEC, filmed, file, device)
    assert file.stat().st_mtime_ns == written
    with torch.no_grad():
        net.entry.conv1.weight.mul_(2)
    cached_rows(net, SPEC, filmed, file, device)
    assert file.stat().st_mtime_ns > written  # another network sees otherwise

    from deephar_ros.data.clips import evaluation_clip
    from deephar_ros.pixels import normalise

    crops = torch.from_numpy(evaluation_clip(filmed[1], range(5), SPEC.input_size)[0]).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = net.eval()(normalise(crops)[None, 1:5]).actions
        stored = NetworkRows(filmed, cached_rows(net, SPEC, filmed, file, device)).read(1, [1, 2, 3, 4], None)
        found = net.clip_actions(unpack(stored[None], NETWORK))
    torch.testing.assert_close(found[0][0], expected[0][0], atol=5e-3, rtol=0)  # the cache is in half precision


def test_a_network_starts_from_another_where_they_agree(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = SPNet(replace(NETWORK, action_pyramids=(), num_actions=(), pose_replica=False))
    save_checkpoint(tmp_path, first, replace(SPEC, network=first.config, labels=()), "# pose\n", half=False)
    second = SPNet(NETWORK)
    told = first_weights(second, tmp_path)
    assert torch.equal(second.entry.conv1.weight, first.entry.conv1.weight)
    assert torch.equal(second.blocks["dp1_pb1"].conv1.pointwise.weight, first.blocks["dp1_pb1"].conv1.pointwise.weight)  # type: ignore[union-attr, arg-type]
    kept = [name for name in first.state_dict() if not name.endswith("num_batches_tracked")]
    assert int(told.split()[0]) >= len(kept)
