"""Checkpoint folders: what is written is read back, and what cannot be used is refused with the reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from deephar_ros.checkpoint import CheckpointError, ModelSpec, load_checkpoint, spec_from_dict, spec_to_dict
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.share import default_checkpoint


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


def test_round_trip_through_half_precision(tiny_checkpoint: Path, tiny_net: SPNet) -> None:
    net, spec = load_checkpoint(tiny_checkpoint)
    assert not net.training
    assert spec.network == tiny_net.config
    assert spec.labels[0] == ("sit", "stand", "walk")
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(images).poses[-1], tiny_net(images).poses[-1], atol=5e-3, rtol=0)


def test_specification_survives_yaml() -> None:
    spec = ModelSpec(
        SPNetConfig(num_pyramids=2, cut=(2, 3), action_pyramids=(1,), num_actions=(2,)), labels=(("a", "b"),)
    )
    assert spec_from_dict(yaml.safe_load(yaml.safe_dump(spec_to_dict(spec)))) == spec


def test_missing_file(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"copy is not a checkpoint folder: weights\.safetensors is missing"):
        load_checkpoint(folder)


def test_truncated_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_checkpoint(folder)


def test_pickle_in_place_of_weights(folder: Path) -> None:
    torch.save({"a": torch.zeros(1)}, folder / "weights.safetensors")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("entry.conv1.weight"), "missing .*entry.conv1.weight"),
        (lambda w: w.update(extra=torch.zeros(1)), "not used .*extra"),
        (lambda w: w.update({"entry.conv1.weight": torch.zeros(1)}), r"entry.conv1.weight has shape \(1,\)"),
        (lambda w: w["entry.conv1.weight"].fill_(float("nan")), "entry.conv1.weight holds NaN"),
    ],
)
def test_weights_that_do_not_fit(folder: Path, change: object, message: str) -> None:
    weights = load_file(folder / "weights.safetensors")
    change(weights)  # type: ignore[operator]
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input_size: [", "config.yaml"),
        ("nonsense", "config.yaml"),
        ("network: {colour: blue}", "colour"),
        ("network: {dim: 7}", "dim = 7"),
        ("input_size: 100", "input_size = 100"),
        ("labels: [[a, b]]", "labels"),
        ("network: {num_joints: 3}", "num_joints = 3"),
    ],
)
def test_configuration_that_makes_no_sense(folder: Path, text: str, message: str) -> None:
    (folder / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def test_shipped_model_loads_and_says_what_is_untrained() -> None:
    _, spec = load_checkpoint(default_checkpoint())
    card = (default_checkpoint() / "MODEL_CARD.md").read_text()
    assert sum(f.stat().st_size for f in default_checkpoint().iterdir()) < 30e6
    assert ("untrained" in card) == (not spec.action_trained or not spec.depth_trained)
