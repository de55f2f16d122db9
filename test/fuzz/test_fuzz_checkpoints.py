"""Checkpoint and localizer folders: whatever they hold, they load or are refused by name, and nothing else happens."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from damage import damaged, put, reads_or_refuses, some_changed
from fuzzing import fuzz
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from deephar_ros.checkpoint import CheckpointError, load_checkpoint
from deephar_ros.cli import verify
from deephar_ros.data import arrays
from deephar_ros.localizer.checkpoint import LocalizerError, LocalizerSpec, load_localizer, save_localizer
from deephar_ros.localizer.network import LocalizerNet, NetworkConfig

WRONG = st.one_of(
    st.sampled_from(
        [0, -1, 1, 3, 64, 2**31, 10**30, 0.5, float("nan"), float("inf"), None, True, "", "x", "maxpooling"]
    ),
    st.recursive(st.sampled_from([1, 2, 4, 10**9, "a", None]), lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    st.dictionaries(st.sampled_from(["growth", "dim", "x"]), st.integers(0, 9), max_size=2),
)


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy", dirs_exist_ok=True))


@pytest.fixture(scope="session")
def localizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    spec = LocalizerSpec("small", 64, 0.3, NetworkConfig(channels=(4, 4, 8, 8, 8), features=8))
    folder = tmp_path_factory.mktemp("localizer")
    save_localizer(folder, LocalizerNet(spec.network), spec)
    return folder


def refuses(folder: Path, name: str) -> bool:
    return not reads_or_refuses(lambda: load_checkpoint(folder), CheckpointError, name)


@fuzz("checkpoint: config.yaml", data=st.data())
def test_a_damaged_description_loads_or_is_refused(folder: Path, tiny_checkpoint: Path, data: st.DataObject) -> None:
    put(folder / "config.yaml", data.draw(damaged((tiny_checkpoint / "config.yaml").read_bytes(), text=True)))
    refuses(folder, folder.name)


@fuzz("checkpoint: config.yaml", data=st.data())
def test_a_description_of_other_values_loads_or_is_refused(
    folder: Path, tiny_checkpoint: Path, data: st.DataObject
) -> None:
    values = yaml.safe_load((tiny_checkpoint / "config.yaml").read_text())
    inner = data.draw(st.booleans())
    if inner:
        values["network"] = data.draw(some_changed(values["network"], WRONG))
    else:
        values = data.draw(some_changed(values, WRONG))
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    refuses(folder, folder.name)


@fuzz("checkpoint: weights", data=st.data())
def test_damaged_weights_load_or_are_refused(folder: Path, tiny_checkpoint: Path, data: st.DataObject) -> None:
    whole = (tiny_checkpoint / "weights.safetensors").read_bytes()
    head = 8 + int.from_bytes(whole[:8], "little")
    part = data.draw(st.sampled_from(["head", "any"]))
    content = (
        data.draw(damaged(whole[:head], text=True)) + whole[head:] if part == "head" else data.draw(damaged(whole))
    )
    put(folder / "weights.safetensors", content)
    if not refuses(folder, "weights.safetensors"):
        net, _ = load_checkpoint(folder)
        assert all(value.isfinite().all() for value in net.state_dict().values())


@fuzz("checkpoint: weights", data=st.data(), name=st.integers(0, 200))
def test_weights_of_other_kinds_are_refused(
    folder: Path, tiny_checkpoint: Path, data: st.DataObject, name: int
) -> None:
    weights = load_file(tiny_checkpoint / "weights.safetensors")
    chosen = sorted(weights)[name % len(weights)]
    kinds = [torch.int64, torch.uint8, torch.bool, torch.float64, torch.float8_e4m3fn, torch.complex64]
    shape = weights[chosen].shape
    wrong = {
        "kind": lambda: torch.ones(shape).to(data.draw(st.sampled_from(kinds))),
        "shape": lambda: torch.zeros([*data.draw(st.lists(st.integers(0, 3), max_size=5)), 97]),
        "value": lambda: torch.full(shape, data.draw(st.sampled_from([float("nan"), float("inf"), -float("inf")]))),
    }
    weights[chosen] = wrong[data.draw(st.sampled_from(sorted(wrong)))]()
    put(folder / "weights.safetensors", save(weights))
    assert refuses(folder, chosen)


@fuzz("localizer folder", data=st.data())
def test_a_damaged_localizer_loads_or_is_refused(localizer: Path, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["config.yaml", "localizer.safetensors"]))
    folder = Path(shutil.copytree(localizer, tmp_path / "copy", dirs_exist_ok=True))
    put(folder / name, data.draw(damaged((localizer / name).read_bytes(), text=name == "config.yaml")))
    reads_or_refuses(lambda: load_localizer(folder), LocalizerError, folder.name)


@fuzz("localizer folder", data=st.data())
def test_a_localizer_of_other_values_loads_or_is_refused(localizer: Path, tmp_path: Path, data: st.DataObject) -> None:
    folder = Path(shutil.copytree(localizer, tmp_path / "copy", dirs_exist_ok=True))
    values = yaml.safe_load((localizer / "config.yaml").read_text())
    if data.draw(st.booleans()):
        values["network"] = data.draw(some_changed(values["network"], WRONG))
    else:
        values = data.draw(some_changed(values, WRONG))
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    reads_or_refuses(lambda: load_localizer(folder), LocalizerError, folder.name)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE: dict[str, Callable[[Path], Any]] = {
    "a YAML bomb": lambda folder: (folder / "config.yaml").write_text(BOMB + "input_size: *i\n"),
    "a value that holds itself": lambda folder: (folder / "config.yaml").write_text("labels: &a [*a]"),
    "brackets without end": lambda folder: (folder / "config.yaml").write_text("[" * 100_000),
    "too long a text": lambda folder: (folder / "config.yaml").write_text("name: x\n" * 100_000),
    "code": lambda folder: (folder / "config.yaml").write_text("!!python/object/apply:os.abort []"),
    "a pickle": lambda folder: torch.save({"a": torch.zeros(3)}, folder / "weights.safetensors"),
    "a folder for a file": lambda folder: ((folder / "config.yaml").unlink(), (folder / "config.yaml").mkdir()),
    "a pipe for a file": lambda folder: ((folder / "config.yaml").unlink(), os.mkfifo(folder / "config.yaml")),
    "no text": lambda folder: (folder / "config.yaml").write_bytes(b"\xff\xfe\x00" * 9),
    "nothing": lambda folder: (folder / "config.yaml").write_text(""),
    "a head of terabytes": lambda folder: (folder / "weights.safetensors").write_bytes(b"\xff" * 7 + b"\x00{}"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_was_made_to_harm_is_refused(folder: Path, what: str) -> None:
    HOSTILE[what](folder)
    assert refuses(folder, folder.name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("growth", 10**6), ("growth", 2048), ("num_levels", 10**9), ("num_joints", 10**9), ("kernel_size", 10**6 + 1),
        ("num_pose_features", 10**9), ("num_visual_features", 10**9), ("num_actions", [10**9, 5]),
        ("num_actions", [2] * 10**4), ("image_div", 2**20), ("growth", 200), ("num_pyramids", 10**9),
    ],
)  # fmt: skip
def test_sizes_of_gigabytes_are_refused_before_they_take_memory(folder: Path, key: str, value: object) -> None:
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["network"][key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    tracemalloc.start()
    try:
        assert refuses(folder, folder.name)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_negative_variances_are_refused(folder: Path) -> None:
    weights = load_file(folder / "weights.safetensors")
    name = next(name for name in weights if name.endswith("running_var"))
    put(folder / "weights.safetensors", save({**weights, name: -weights[name]}))
    with pytest.raises(CheckpointError, match="negative variances"):
        load_checkpoint(folder)


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "input": rng.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32),
        "out/pose_p2_l1": rng.random((1, 17, 4)).astype(np.float32),
    }


@fuzz("reference of verify (npz)", data=st.data())
def test_a_damaged_reference_is_compared_or_refused_by_the_command(
    tiny_checkpoint: Path,
    tmp_path: Path,
    reference: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    file = tmp_path / "reference.npz"
    np.savez(file, **(data.draw(some_changed(reference)) if data.draw(st.booleans()) else reference))
    if data.draw(st.booleans()):
        put(file, data.draw(damaged(file.read_bytes())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["verify", str(tiny_checkpoint), "--reference", str(file)])
        assert verify.main() == 1  # the outputs are not those of the network either
    shown = capsys.readouterr()
    assert "beyond the tolerance" in shown.out or (shown.err.count("\n") == 1 and shown.err.startswith("verify: "))


def test_pickled_objects_in_a_reference_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", input=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match=r"r\.npz is not an npz file"):
        verify.read_reference(tmp_path / "r.npz", None)


def test_an_npz_that_unpacks_to_more_than_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MOST_BYTES", 10**6)
    np.savez_compressed(tmp_path / "bomb.npz", input=np.zeros((1, 512, 512, 3), np.float32))
    assert (tmp_path / "bomb.npz").stat().st_size < 10**4
    with pytest.raises(ValueError, match="unpacks to 3145"):
        verify.read_reference(tmp_path / "bomb.npz", None)
