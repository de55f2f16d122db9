"""Graphs are made once for each checkpoint and taken from the cache afterwards; they take pixels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="extra onnx not installed")
pytest.importorskip("onnxruntime", reason="extra onnx not installed")

from deephar_ros.backend import onnx_graphs  # noqa: E402
from deephar_ros.backend.base import Start  # noqa: E402
from deephar_ros.backend.onnx_backend import OnnxBackend  # noqa: E402
from deephar_ros.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "deephar_ros" / "graphs"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the graphs that are exported, not taken from the cache."""
    names: list[str] = []
    export = onnx_graphs.export_graph

    def note(net: object, spec: object, graph: str, *more: object, **options: object) -> bytes:
        names.append(graph)
        return export(net, spec, graph, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_graphs, "export_graph", note)
    return names


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (2, 64, 64, 3), np.uint8)


def test_the_second_start_makes_nothing_and_gives_the_same(
    tiny_checkpoint: Path, made: list[str], crops: np.ndarray
) -> None:
    first = OnnxBackend(tiny_checkpoint).predict(crops)
    assert made == ["frame", "actions"]
    second = OnnxBackend(tiny_checkpoint).predict(crops)
    assert made == ["frame", "actions"]
    np.testing.assert_array_equal(second.poses, first.poses)
    np.testing.assert_array_equal(second.features, first.features)


def test_each_cut_size_and_checkpoint_has_graphs_of_its_own(
    tiny_checkpoint: Path, tmp_path: Path, made: list[str], crops: np.ndarray
) -> None:
    poses = OnnxBackend(tiny_checkpoint).predict(crops).poses
    OnnxBackend(tiny_checkpoint).set_cut(1)
    assert len(made) == 4
    larger = OnnxBackend(tiny_checkpoint, start=Start(input_size=96))
    assert larger.predict(np.zeros((1, 96, 96, 3), np.uint8)).poses.shape == (1, 17, 4)
    assert len(made) == 6
    net, spec = load_checkpoint(tiny_checkpoint)
    net.blocks["up2_pb0"].heatmaps_conv1.weight.data *= 2
    save_checkpoint(tmp_path / "other", net, spec, "")
    assert np.abs(OnnxBackend(tmp_path / "other").predict(crops).poses - poses).max() > 1e-4
    assert len(made) == 8


def test_other_code_makes_other_graphs(
    tiny_checkpoint: Path, made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OnnxBackend(tiny_checkpoint)
    copy = Path(shutil.copytree(Path(onnx_graphs.__file__).parent, tmp_path / "backend"))
    monkeypatch.setattr(onnx_graphs, "__file__", str(copy / "onnx_graphs.py"))
    OnnxBackend(tiny_checkpoint)
    assert len(made) == 2  # a copy of the same code
    (copy / "onnx_fold.py").write_text((copy / "onnx_fold.py").read_text() + "\n")
    OnnxBackend(tiny_checkpoint)
    assert len(made) == 4


def test_damaged_graphs_are_made_again(tiny_checkpoint: Path, made: list[str], cache: Path, crops: np.ndarray) -> None:
    poses = OnnxBackend(tiny_checkpoint).predict(crops).poses
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:-100])
    np.testing.assert_array_equal(OnnxBackend(tiny_checkpoint).predict(crops).poses, poses)
    assert len(made) == 4


def test_a_cache_that_cannot_be_written_is_told_about_and_done_without(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crops: np.ndarray
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    said: list[str] = []
    backend = OnnxBackend(tiny_checkpoint, say=said.append)
    assert backend.predict(crops).poses.shape == (2, 17, 4)
    assert "set XDG_CACHE_HOME" in said[0]


def test_onnxruntime_without_cuda_says_so(tiny_checkpoint: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    with pytest.raises(ValueError, match="pip install onnxruntime-gpu"):
        OnnxBackend(tiny_checkpoint, "cuda:0")
