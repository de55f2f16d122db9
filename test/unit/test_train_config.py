"""Configuration files: what is read from them, and that mistakes are refused where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from deephar_ros.model.presets import PRESETS
from deephar_ros.strict import ConfigError
from deephar_ros.train.config import RunConfig
from deephar_ros.train.read_config import load_config

PLAIN = """
model: {preset: pose2d, network: {growth: 8}, input_size: 128}
data:
  sets: [{name: people, reader: mpii, folder: mpii}]
stages:
  - {name: pose, epochs: 3, epoch_steps: 10, pose: {people: 1}}
optimizer: {kind: rmsprop, learning_rate: 0.001}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(PLAIN)
    return path


def read(file: Path, text: str) -> RunConfig:
    file.write_text(text)
    return load_config(file)


def test_a_preset_is_changed_where_the_file_says_so(file: Path) -> None:
    run = load_config(file)
    assert run.model.network.growth == 8
    assert run.model.network.num_pyramids == PRESETS["pose2d"].num_pyramids == 8
    assert run.stages[0].steps == 30
    assert (run.optimizer.kind, run.optimizer.learning_rate) == ("rmsprop", 0.001)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: rmsprop", "kidn: rmsprop", r"run\.yaml: optimizer\.kidn is unknown; there are kind,"),
        ("epochs: 3", "epochs: 3, steps: 7", r"run\.yaml: stages\[0\]\.steps is unknown"),
        ("growth: 8", "grwoth: 8", r"run\.yaml: model: network\.grwoth is unknown"),
        ("preset: pose2d", "preset: pose4d", r"run\.yaml: model: preset 'pose4d' is unknown; there are pose2d,"),
        ("kind: rmsprop", "kind: adam", r"optimizer\.kind is 'adam'; there are adamw, rmsprop, sgd"),
        ("0.001", "-1", r"optimizer: learning_rate = -1\.0 is out of range"),
        ("0.001", "fast", r"optimizer\.learning_rate should be of type float, not 'fast'"),
        ("epochs: 3, ", "", r"stages\[0\]: missing 1 required positional argument: 'epochs'"),
        ("{people: 1}", "{peolpe: 1}", r"stage pose names data sets \['peolpe'\]; there are \['people'\]"),
        ("pose: {people: 1}", "action: {people: 1}", "trains actions, which the network does not have"),
        ("input_size: 128", "input_size: 130", r"model: input_size = 130 does not fit"),
        ("input_size: 128", "input_size: 64", r"model: input_size = 64 leaves one cell"),
        ("stages:", "stage:", "stage is unknown"),
        ("model:", "modle:", "section model is missing"),
        ("{name: people, reader: mpii, folder: mpii}", "people", r"data\.sets\[0\] should be a section with keys"),
        ("{kind: rmsprop", "{kind: rmsprop: x", r"run\.yaml is not YAML that can be read: while parsing"),
    ],
)
def test_mistakes_are_refused_with_file_and_key(file: Path, old: str, new: str, message: str) -> None:
    assert old in PLAIN
    with pytest.raises(ConfigError, match=message):
        read(file, PLAIN.replace(old, new))


def test_values_can_be_changed_from_outside(file: Path) -> None:
    run = load_config(file, ["stages.0.epochs=0.5", "model.network.growth=16", "logging.tensorboard=true"])
    assert (run.stages[0].steps, run.model.network.growth, run.logging.tensorboard) == (5, 16, True)
    with pytest.raises(ConfigError, match=r"--set stages\.3\.epochs=1: there is no such key"):
        load_config(file, ["stages.3.epochs=1"])
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        load_config(file, ["average"])


def test_a_file_changes_the_one_it_is_based_on(file: Path) -> None:
    other = file.with_name("other.yaml")
    other.write_text("base: run.yaml\nmodel: {name: other, network: {growth: 4}}\nloss: {blocks: last}\n")
    run = load_config(other)
    assert (run.model.name, run.model.network.growth, run.model.input_size) == ("other", 4, 128)
    assert run.loss.blocks == ("last",)
    assert run.stages == load_config(file).stages


def test_labels_are_read_from_text_files(file: Path) -> None:
    file.with_name("acts.txt").write_text("sit down\nstand\n")
    model = "model: {network: {num_pyramids: 1, action_pyramids: [1], num_actions: [2]}, labels: [acts.txt]}"
    run = read(file, PLAIN.replace("model: {preset: pose2d, network: {growth: 8}, input_size: 128}", model))
    assert run.model.labels == (("sit down", "stand"),)
