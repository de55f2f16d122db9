"""What several tests need: a tiny network and its checkpoint folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Graphs are kept for this run of the tests, not among the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """What a command sets for its process holds for no later test: sums of other threads differ in the last digits."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_config() -> SPNetConfig:
    """A whole SPNet, 3D with actions and replica poses, that runs in milliseconds."""
    return SPNetConfig(
        num_joints=17,
        dim=3,
        num_pyramids=2,
        num_levels=3,
        action_pyramids=(1, 2),
        num_actions=(3, 5),
        pose_replica=True,
        num_pose_features=16,
        num_visual_features=24,
        growth=8,
    )


@pytest.fixture(scope="session")
def tiny_net(tiny_config: SPNetConfig) -> SPNet:
    torch.manual_seed(0)
    net = SPNet(tiny_config)
    with torch.no_grad():  # running statistics of real use, so that evaluation mode differs from the identity
        net.train()(torch.rand(2, 8, 3, 64, 64) * 2 - 1)
    return net.eval()


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_net: SPNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    spec = ModelSpec(
        network=tiny_net.config,
        input_size=64,
        labels=(("sit", "stand", "walk"), ("a", "b", "c", "d", "e")),
        clip_frames=4,
        clip_spacing=0.1,
        depth_trained=True,
        action_trained=True,
        name="tiny",
    )
    save_checkpoint(folder, tiny_net, spec, "# tiny\nRandom weights, for tests.\n")
    return folder


@pytest.fixture(scope="session")
def spread_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that puts every joint somewhere else, so that all that it sees is as large as a person."""
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("checkpoint") / "spread"))
    weights = load_file(folder / "weights.safetensors")
    weights["blocks.up2_pb0.heatmaps_conv1.weight"] *= 50
    save_file(weights, folder / "weights.safetensors")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
