"""Precision int8: ranges measured on pictures, 8-bit weights in the graph, poses that stay where they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx", reason="extra onnx not installed")
pytest.importorskip("onnxruntime", reason="extra onnx not installed")

from deephar_ros.backend.base import load_network  # noqa: E402
from deephar_ros.backend.choose import open_backend  # noqa: E402
from deephar_ros.backend.int8 import RANGES, Range, measure_ranges, quantised, write_ranges  # noqa: E402
from deephar_ros.backend.onnx_backend import OnnxBackend  # noqa: E402
from deephar_ros.backend.onnx_export import InputShape, export_graph  # noqa: E402
from deephar_ros.checkpoint import CheckpointError  # noqa: E402
from deephar_ros.cli import calibrate  # noqa: E402
from deephar_ros.pixels import normalise  # noqa: E402


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Smooth as pictures are (8, 64, 64, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3), np.uint8)
    return np.stack([cv2.resize(each, (64, 64), interpolation=cv2.INTER_CUBIC) for each in coarse])


@pytest.fixture(scope="module")
def calibrated(tiny_checkpoint: Path, crops: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("int8") / "tiny"))
    write_ranges(folder, measure_ranges(load_network(folder)[0], [crops[:4], crops[4:]]), len(crops))
    return folder


@pytest.fixture
def copy(calibrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(calibrated, tmp_path / "copy"))


def test_ranges_hold_all_that_went_in_and_came_out(tiny_checkpoint: Path, crops: np.ndarray) -> None:
    net, _ = load_network(tiny_checkpoint)
    one, two, both = (measure_ranges(net, batches) for batches in ([crops[:4]], [crops[4:]], [crops[:4], crops[4:]]))
    assert "entry.res0.conv1" in one
    assert "blocks.dp1_pb1.conv1.depthwise" in one
    assert not [name for name in one if "maps" in name or name.startswith(("actions", "entry.conv1"))]
    for name, range_ in both.items():
        assert range_ == Range(
            min(one[name][0], two[name][0]),
            max(one[name][1], two[name][1]),
            min(one[name][2], two[name][2]),
            max(one[name][3], two[name][3]),
        )
        assert range_.least_in <= 0 < range_.most_in


def test_int8_moves_poses_little_and_is_what_pytorch_says_it_is(calibrated: Path, crops: np.ndarray) -> None:
    exact = OnnxBackend(calibrated).predict(crops)
    backend = OnnxBackend(calibrated, precision="int8")
    rounded = backend.predict(crops)
    assert backend.precision == "int8"
    assert rounded.features.shape == exact.features.shape
    difference = np.abs(rounded.poses - exact.poses)
    assert 1e-5 < difference.max() < 0.02
    net, _ = load_network(calibrated)
    ranges = {name: Range(*edges) for name, edges in json.loads((calibrated / RANGES).read_text())["ranges"].items()}
    with torch.inference_mode():
        poses, _ = quantised(net, ranges).frames(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)))
    assert np.abs(rounded.poses - poses[-1].numpy()).max() < 0.01


def test_every_cut_runs_in_int8(calibrated: Path, crops: np.ndarray) -> None:
    backend = OnnxBackend(calibrated, precision="int8")
    whole = backend.predict(crops).poses
    backend.set_cut(1)
    assert np.abs(backend.predict(crops).poses - whole).max() > 1e-4


def test_the_graph_holds_weights_of_8_bits(calibrated: Path, crops: np.ndarray) -> None:
    net, spec = load_network(calibrated)
    ranges = measure_ranges(net, [crops])
    graph = onnx.load_from_string(export_graph(quantised(net, ranges), spec, "frame", InputShape(1, 4, 64, 64))).graph
    bytes_each = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert len([tensor for tensor in bytes_each if len(tensor.dims) == 4]) == len(ranges)


def test_int8_without_ranges_names_the_command_that_makes_them(tiny_checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cli\.calibrate .*tiny PICTURES makes it"):
        OnnxBackend(tiny_checkpoint, precision="int8")


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(weights="0" * 64),
        lambda document: document["ranges"].pop("entry.res0.conv1"),
        lambda document: document["ranges"].update({"entry.res0.conv1": [0, 1, 2]}),
        lambda document: document["ranges"].update({"entry.res0.conv1": [0, float("nan"), 0, 1]}),
        lambda document: document["ranges"].update({"entry.res0.conv1": [1, 2, 0, 1]}),
        lambda document: document.pop("ranges"),
        lambda document: document.update(ranges=[]),
    ],
)
def test_ranges_that_do_not_fit_are_refused(copy: Path, change: object) -> None:
    document = json.loads((copy / RANGES).read_text())
    change(document)  # type: ignore[operator]
    (copy / RANGES).write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="calibrate"):
        OnnxBackend(copy, precision="int8")


def test_the_command_measures_what_int8_then_runs_with(
    tiny_checkpoint: Path, tmp_path: Path, crops: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "tiny"))
    (tmp_path / "pictures").mkdir()
    for number, crop in enumerate(crops[:3]):
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), crop)
    assert calibrate.main([str(folder), str(tmp_path / "pictures"), "--most", "2"]) == 0
    assert "holds what" in capsys.readouterr().out
    assert open_backend(folder, "auto", "cpu", "int8").backend.predict(crops).poses.shape == (8, 17, 4)
    assert calibrate.main([str(folder), str(tmp_path / "nothing")]) == 1
    assert "nothing does not exist" in capsys.readouterr().err
