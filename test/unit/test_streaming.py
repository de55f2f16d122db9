"""A streamed step gives what the whole clip gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.clip import Streams
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet

STEP = 100_000_000


def checkpoint(folder: Path, net: SPNet, size: int, frames: int) -> Path:
    labels = tuple(tuple(f"a{i}" for i in range(count)) for count in net.config.num_actions)
    spec = ModelSpec(net.config, size, labels, clip_frames=frames, clip_spacing=STEP / 1e9)
    save_checkpoint(folder, net, spec, "# test\n", half=False)
    return folder


def compare(net: SPNet, folder: Path, size: int, frames: int, persons: int = 1) -> None:
    """Streams `frames` + 2 frames of several persons and compares every completed clip with the network run on it."""
    backend = TorchBackend(checkpoint(folder, net, size, frames), "cpu")
    crops = np.random.default_rng(1).integers(0, 255, (frames + 2, persons, size, size, 3), np.uint8)
    streams, names = Streams(backend), [f"person{i}" for i in range(persons)]
    clips = torch.from_numpy(crops).permute(1, 0, 4, 2, 3).float() / 127.5 - 1  # persons T 3 H W
    for t in range(frames + 2):
        poses, rows = backend.predict(crops[t])
        for name, row in zip(names, rows, strict=True):
            streams.push(name, t * STEP, row)
        found = streams.classify(names)
        assert bool(found) == (t >= frames - 1)
        if not found:
            continue
        with torch.inference_mode():
            whole = net(clips[:, t - frames + 1 : t + 1])
        np.testing.assert_allclose(poses, whole.poses[-1][:, -1], atol=1e-5)
        for number, name in enumerate(names):
            assert found[name].start == (t - frames + 1) * STEP
            for got, expected in zip(found[name].probabilities, whole.actions[-1], strict=True):
                np.testing.assert_allclose(got, expected[number], atol=1e-5)


@pytest.mark.parametrize("frames", [2, 3, 5, 8, 15, 16, 18, 32])
def test_every_clip_length(tiny_net: SPNet, tmp_path: Path, frames: int) -> None:
    compare(tiny_net, tmp_path, 64, frames)


def test_every_cut_that_has_actions(tiny_net: SPNet, tmp_path: Path) -> None:
    for stage in tiny_net.config.stages:
        compare(tiny_net.cut(stage.pyramid, stage.level), tmp_path / stage.block_name, 64, 4)


@pytest.mark.parametrize("config", [config for config in PRESETS.values() if config.num_actions], ids=str)
def test_every_preset_at_reduced_width(config: SPNetConfig, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = SPNet(replace(config, growth=8, num_pose_features=32, num_visual_features=32)).eval()
    compare(net, tmp_path, 128, 4)


def test_several_persons_in_one_batch(tiny_net: SPNet, tmp_path: Path) -> None:
    compare(tiny_net, tmp_path, 64, 4, persons=3)


def test_a_forgotten_person_starts_afresh(tiny_checkpoint: Path) -> None:
    backend = TorchBackend(tiny_checkpoint, "cpu")
    streams, row = Streams(backend), backend.predict(np.zeros((1, 64, 64, 3), np.uint8)).features[0]
    for t in range(4):
        streams.push("a", t * STEP, row)
    assert set(streams.classify(["a"])) == {"a"}
    streams.forget("a")
    streams.push("a", 4 * STEP, row)
    assert streams.classify(["a"]) == {}
