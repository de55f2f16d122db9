"""A run leaves what it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_lsp import write_set
from training_runs import make_run, stage

from deephar_ros.data.lsp import load_lsp
from deephar_ros.train.config import DataConfig, RunConfig, SetConfig
from deephar_ros.train.record import FILE, data_hash, record_run


@pytest.fixture
def run() -> RunConfig:
    sets = (SetConfig("people", "lsp", "lsp"), SetConfig("unused", "mpii", "nowhere"))
    return replace(make_run(stage()), data=DataConfig(sets=sets))


def test_configuration_seed_versions_and_data_are_written_once(tmp_path: Path, run: RunConfig) -> None:
    write_set(tmp_path / "lsp", extended=False, persons=3, pictures=[1, 3])
    record_run(run, tmp_path, tmp_path)
    record_run(run, tmp_path, tmp_path)
    (entry,) = json.loads((tmp_path / FILE).read_text())
    assert entry["config"]["runtime"]["seed"] == 0
    assert entry["config"]["stages"][0]["epochs"] == 2.0
    assert entry["versions"].keys() == {"deephar_ros", "torch", "numpy"}
    assert entry["data"].keys() == {"people_pose"}
    assert entry["data"]["people_pose"]["entries"] == 2
    record_run(replace(run, average=0.5), tmp_path, tmp_path)
    assert [e["config"]["average"] for e in json.loads((tmp_path / FILE).read_text())] == [0.0, 0.5]


def test_the_hash_is_that_of_names_and_joints(tmp_path: Path) -> None:
    write_set(tmp_path, extended=False, persons=3, pictures=[1, 2, 3])
    people = load_lsp(tmp_path, extended=False)
    same = load_lsp(tmp_path, extended=False)
    assert data_hash(people) == data_hash(same)
    assert data_hash(people) != data_hash(people[::-1])
    same[1].joints[0, 0] += np.float32(0.5)
    assert data_hash(people) != data_hash(same)
