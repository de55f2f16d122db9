"""Keras weights and boxes of pictures: files that others give to the commands import_keras and predict."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
from damage import arrays, damaged, put, reads_or_refuses, some_changed
from fuzzing import fuzz
from hypothesis import strategies as st

from deephar_ros.cli import import_keras as command
from deephar_ros.cli import predict
from deephar_ros.keras_file import KerasImportError
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.keras_import import _keras_name, import_keras
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.raw_predictions import BoxesError, read_boxes


def write_keras(path: Path, weights: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        layers = sorted({name.split("/")[0] for name in weights})
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            names = [name for name in weights if name.split("/")[0] == layer]
            file.require_group(layer).attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                file[layer].create_dataset(name, data=weights[name])
    return path


@pytest.fixture(scope="session")
def weights() -> dict[str, np.ndarray]:
    """Of one pyramid of two levels, in Keras' names and order of axes."""
    torch.manual_seed(0)
    found = {}
    for key, value in SPNet(SPNetConfig(num_pyramids=1, num_levels=2, growth=4)).state_dict().items():
        if not key.endswith("num_batches_tracked"):
            array, name = value.numpy(), _keras_name(key)
            if array.ndim == 4:
                array = (
                    array.transpose(2, 3, 0, 1) if name.endswith("depthwise_kernel") else array.transpose(2, 3, 1, 0)
                )
            found[name] = array
    return found


@pytest.fixture(scope="session")
def whole(weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = write_keras(tmp_path_factory.mktemp("keras") / "w.h5", weights)
    assert import_keras(path).net.config.growth == 4
    return path.read_bytes()


@fuzz("Keras .h5", 2, data=st.data())
def test_a_damaged_keras_file_is_imported_or_refused(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    file = put(tmp_path / "w.h5", data.draw(damaged(whole)))
    reads_or_refuses(lambda: import_keras(file), KerasImportError, "w.h5")


@fuzz("Keras .h5", data=st.data())
def test_keras_weights_of_other_shapes_and_kinds_are_refused(
    tmp_path: Path, weights: dict[str, np.ndarray], data: st.DataObject
) -> None:
    numbers = arrays().filter(lambda array: array.dtype.kind not in "OU")
    reads_or_refuses(
        lambda: import_keras(write_keras(tmp_path / "w.h5", data.draw(some_changed(weights, numbers)))),
        KerasImportError,
        "w.h5",
    )


@pytest.mark.parametrize(
    "name",
    ["dp9_pb1_conv1/kernel", "dp1_pb9_conv1/kernel", "res9_conv1/kernel", "act9_x/kernel", "up9_uu9_action_r0_x/k"],
)
def test_names_that_promise_a_large_network_are_refused(
    tmp_path: Path, weights: dict[str, np.ndarray], name: str
) -> None:
    with pytest.raises(KerasImportError, match=r"w\.h5"):
        import_keras(write_keras(tmp_path / "w.h5", {**weights, name: np.zeros(1, np.float32)}))


def test_a_dataset_of_terabytes_without_content_is_refused(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    path = write_keras(tmp_path / "w.h5", weights)
    with h5py.File(path, "a") as file:
        del file["conv1/conv1/kernel"]
        file["conv1"].create_dataset("conv1/kernel", shape=(10**6, 10**6), chunks=(1000, 1000), dtype="f4")
    with pytest.raises(KerasImportError, match="more than 400000000 values"):
        import_keras(path)


def test_the_command_says_in_a_line_what_is_wrong(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "w.h5", whole[:3000])
    monkeypatch.setattr("sys.argv", ["import_keras", str(tmp_path / "w.h5"), "--out", str(tmp_path / "out")])
    assert command.main() == 1
    assert capsys.readouterr().err.count("\n") == 1


BOXES = b'{"a.jpg": [1, 2, 30.5, 40], "b/c.png": [0, 0, 64, 48]}'


@fuzz("boxes.json of predict", 3, content=damaged(BOXES, text=True))
def test_damaged_boxes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = put(tmp_path / "boxes.json", content)
    reads_or_refuses(lambda: read_boxes(file, ["a.jpg", "b/c.png"]), BoxesError, "boxes.json")


NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1e-300, 1e300, 10**400, float("nan"), float("inf"), True, None, "1", [], 99_999, -1e5]),
    st.floats(-100, 200),
)


@fuzz("boxes.json of predict", 0.5, boxes=st.lists(st.lists(NUMBERS, min_size=3, max_size=5), min_size=2, max_size=2))
def test_the_command_predicts_within_any_boxes_or_refuses_them(
    tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str], boxes: list[list[object]]
) -> None:
    (tmp_path / "pictures").mkdir(exist_ok=True)
    for name in "ab":
        cv2.imwrite(str(tmp_path / "pictures" / f"{name}.png"), np.zeros((24, 32, 3), np.uint8))
    put(tmp_path / "boxes.json", json.dumps(dict(zip(("a.png", "b.png"), boxes, strict=True))).encode())
    out = tmp_path / "out.npz"
    files = ["--images", str(tmp_path / "pictures"), "--boxes", str(tmp_path / "boxes.json"), "--out", str(out)]
    status = predict.main([str(tiny_checkpoint), *files, "--device", "cpu"])
    shown = capsys.readouterr()
    if status == 0:
        with np.load(out) as found:
            assert np.isfinite(found["kpts"]).all()
    else:
        assert "boxes.json: " in shown.err
