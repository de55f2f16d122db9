"""YAML files of training runs: they become a configuration, or are refused by file and key; so does the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from damage import damaged, put, reads_or_refuses
from fuzzing import fuzz
from hypothesis import strategies as st

from deephar_ros.cli import train
from deephar_ros.strict import ConfigError
from deephar_ros.train.config import RunConfig
from deephar_ros.train.read_config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "config" / "train"
PLAIN = b"""
model: {network: {num_pyramids: 1, growth: 8}, input_size: 128, name: plain}
data: {sets: [{name: people, reader: lsp, folder: lsp, rows: [0, 100]}], validation: [people], empty: 0.1}
augment: {kind: ours, ours: {}}
optimizer: {kind: adamw, learning_rate: 0.001, clip: 1.0}
schedule: {kind: steps, drops: [1, 2], factor: 0.1, warm_up: 0.5}
stages:
  - {name: pose, epochs: 3, epoch_steps: 10, pose: {people: 1}, batch: 8, accumulate: 2}
loss: {confidence: 0.01, blocks: [last]}
runtime: {workers: 0, seed: 1}
logging: {validate_epochs: 1, save_minutes: 5}
average: 0.99
"""
KEYS = st.lists(
    st.sampled_from(
        [
            *("model", "network", "growth", "labels", "preset", "name", "data", "sets", "0", "rows", "spacing"),
            *("stages", "batch", "accumulate", "clips", "epochs", "epoch_steps", "pose", "action", "optimizer"),
            *("clip", "schedule", "drops", "loss", "blocks", "runtime", "seed", "average", "start", "base", "1e9", ""),
        ]
    ),
    min_size=1,
    max_size=4,
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *("0", "-1", "1e400", ".nan", ".inf", "9" * 5000, "0x" + "f" * 5000, "null", "true", "''", "[]", "{}", "x"),
            *("[[[", "[" * 3000, "&a [*a]", "!!python/name:os.system", "2001-99-99", "{a: b}", "[1, x]", "1e-9", "="),
        ]
    ),
    st.text(max_size=10),
)


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's own files, with what they name."""
    folder = tmp_path_factory.mktemp("config")
    shutil.copytree(CONFIGS.parent, folder, dirs_exist_ok=True)
    return folder / "train"


@fuzz("training YAML", 3, data=st.data())
def test_a_damaged_file_is_a_configuration_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    file = put(tmp_path / "run.yaml", data.draw(damaged(PLAIN, text=True)))
    reads_or_refuses(lambda: load_config(file), ConfigError, "")


@fuzz("training YAML", data=st.data(), name=st.sampled_from(sorted(path.name for path in CONFIGS.glob("*.yaml"))))
def test_damaged_files_of_our_own_are_configurations_or_refused(copies: Path, data: st.DataObject, name: str) -> None:
    file = put(copies / "damaged.yaml", data.draw(damaged((CONFIGS / name).read_bytes(), text=True)))
    reads_or_refuses(lambda: load_config(file), ConfigError, "")


@fuzz("training --set", 2, keys=KEYS, value=VALUES)
def test_values_from_outside_fit_or_are_refused(tmp_path: Path, keys: list[str], value: str) -> None:
    file = put(tmp_path / "run.yaml", PLAIN)
    reads_or_refuses(lambda: load_config(file, [f"{'.'.join(keys)}={value}"]), ConfigError, "")


@fuzz("training YAML", 0.5, data=st.data())
def test_the_command_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    """Also where the file is right: there are no data."""
    file = put(
        tmp_path / "run.yaml", data.draw(damaged(PLAIN.replace(b"pose: {people: 1}", b"pose: {people: 0}"), True))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train", str(file), "--data", str(tmp_path / "no"), "--out", str(tmp_path / "out")])
        assert train.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("train: ")
    assert error.count("\n") == 1


def test_a_file_that_is_based_on_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    (tmp_path / "b.yaml").write_text("base: ./a.yaml\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: base: the file is based on itself"):
        load_config(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch: 8", "batch: 1000000000", "batch = 1000000000 is out of range"),
        ("accumulate: 2", "accumulate: 0", "accumulate = 0 is out of range"),
        ("growth: 8", "growth: 100000", "growth = 100000 does not make a network"),
        ("average: 0.99", "average: .nan", "average is nan; numbers up to"),
        ("name: plain", "name: plain, labels: [/dev/zero]", "not there, or not a file"),
    ],
)
def test_values_without_measure_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PLAIN.decode()
    with pytest.raises(ConfigError, match=message):
        load_config(put(tmp_path / "run.yaml", PLAIN.decode().replace(old, new).encode()))


def test_the_file_of_these_tests_is_right(tmp_path: Path) -> None:
    assert isinstance(load_config(put(tmp_path / "run.yaml", PLAIN)), RunConfig)
