"""Keras files of every configuration: written here in the format of the published ones, read back by the importer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.cli import import_keras as command
from deephar_ros.keras_file import KerasImportError
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.keras_import import _keras_name, import_keras
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet

SMALL = {"growth": 16, "num_pose_features": 32, "num_visual_features": 48}


def network(config: SPNetConfig) -> SPNet:
    net = SPNet(config)
    generator = torch.Generator().manual_seed(0)
    for name, value in net.state_dict().items():  # distinct values everywhere, running statistics too
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.1 + name.count("bn"))
    return net.eval()


def keras_arrays(net: SPNet, size: int) -> dict[str, np.ndarray]:
    """By "layer/weight": the network's weights as Keras keeps them, and the soft-argmax grids."""
    arrays = {}
    for key, value in net.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        name, array = _keras_name(key), value.numpy()
        if array.ndim == 4:
            array = array.transpose(2, 3, 0, 1) if name.endswith("depthwise_kernel") else array.transpose(2, 3, 1, 0)
        arrays[name] = array
    for stage in net.config.stages:
        side = size // net.config.image_div // 2**stage.index
        for axis in "xy":
            arrays[f"{stage.block_name}_xy_{axis}/depthwise_kernel"] = np.zeros((side, side, 1, 1), np.float32)
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray], group: str = "/") -> Path:
    with h5py.File(path, "w") as file:
        root = file.require_group(group)
        layers = [*sorted({name.split("/")[0] for name in arrays}), "activation_3"]
        root.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            names = [name for name in arrays if name.split("/")[0] == layer]
            root.require_group(layer).attrs["weight_names"] = [f"{name}:0".encode() for name in names]
            for name in names:
                root[layer].create_dataset(f"{name}:0", data=arrays[name])
    return path


CONFIGS = {
    **{name: replace(config, **SMALL) for name, config in PRESETS.items() if config.action_input == "combined"},
    "conv, kernel 3": SPNetConfig(num_pyramids=3, downsampling="conv", kernel_size=3, **SMALL),
    "image_div 4": SPNetConfig(num_pyramids=2, image_div=4, **SMALL),
    "image_div 16, three levels, 20 joints": SPNetConfig(
        num_joints=20, num_pyramids=2, num_levels=3, image_div=16, **SMALL
    ),
    "two sets, cut in the middle": SPNetConfig(
        num_pyramids=4, action_pyramids=(2, 4), num_actions=(15, 60), cut=(4, 2), **SMALL
    ),
    "every pyramid acts": SPNetConfig(num_pyramids=3, action_pyramids=(1, 2, 3), num_actions=(4,), **SMALL),
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_configuration_and_weights_come_back(name: str, tmp_path: Path) -> None:
    net = network(CONFIGS[name])
    found = import_keras(write(tmp_path / "w.h5", keras_arrays(net, 256)))
    # what the file cannot say: sizes of parts that are not there
    expected = net.config
    if name == "table4_single_block":  # one block looks the same whether or not more levels were left out
        expected = replace(expected, num_levels=2, cut=None)
    if not expected.action_pyramids:
        expected = replace(expected, num_pose_features=160, num_visual_features=160)
    assert found.net.config == expected
    assert found.input_size == 256
    for key, value in found.net.state_dict().items():
        assert torch.equal(value, net.state_dict()[key]) or key.endswith("num_batches_tracked"), key


def test_action_blocks_are_renumbered_with_a_warning(tmp_path: Path) -> None:
    arrays = keras_arrays(network(CONFIGS["ntu_published"]), 256)
    later = {name: array for name, array in arrays.items() if not name.startswith("act")}
    later |= {f"act{int(n[3]) + 12}{n[4:]}": array for n, array in arrays.items() if n.startswith("act")}
    found = import_keras(write(tmp_path / "w.h5", later))
    assert found.warnings == ["action blocks [13, 14, 15, 16, 17, 18] are renumbered from 1"]
    weight = found.net.actions["act1"].v_conv0.weight.detach().numpy()
    np.testing.assert_array_equal(weight.transpose(2, 3, 1, 0), arrays["act1_action_v_conv0/kernel"])


def test_what_the_file_leaves_open_is_said(tmp_path: Path) -> None:
    two_levels = SPNetConfig(num_pyramids=4, num_levels=2, action_pyramids=(3, 4), num_actions=(3,), **SMALL)
    found = import_keras(write(tmp_path / "a.h5", keras_arrays(network(two_levels), 256)))
    assert found.net.config.action_pyramids == (3, 4)
    assert any("first action block" in warning for warning in found.warnings)
    one = import_keras(write(tmp_path / "b.h5", keras_arrays(network(CONFIGS["table4_single_block"]), 256)))
    assert any("max-pooling assumed" in warning for warning in one.warnings)


def test_a_whole_saved_model_is_read_too(tmp_path: Path) -> None:
    arrays = keras_arrays(network(CONFIGS["image_div 4"]), 128)
    assert import_keras(write(tmp_path / "w.h5", arrays, "model_weights")).input_size == 128


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("up2_pb1_bn2/gamma"), r"missing \['up2_pb1_bn2/gamma'\], not used \[\]"),
        (lambda a: a.update({"extra/kernel": np.zeros(1)}), r"missing \[\], not used \['extra/kernel'\]"),
        (lambda a: a.update({"up2_pb1_bn2/gamma": np.zeros(3)}), r"up2_pb1_bn2/gamma has shape \(3,\)"),
        (lambda a: [a.pop(n) for n in list(a) if n.startswith("act6")], "5 action blocks do not fill"),
        (lambda a: [a.pop(n) for n in list(a) if "_pb" in n], "no prediction block"),
    ],
)
def test_files_that_are_not_whole_are_refused(change: object, message: str, tmp_path: Path) -> None:
    arrays = keras_arrays(network(CONFIGS["ntu_published"]), 256)
    change(arrays)  # type: ignore[operator]
    with pytest.raises(KerasImportError, match=message):
        import_keras(write(tmp_path / "w.h5", arrays))


def test_a_file_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.h5").write_text("hello")
    with pytest.raises(KerasImportError, match="not a Keras weights file"):
        import_keras(tmp_path / "w.h5")


def test_the_command_writes_a_checkpoint_in_full_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = network(CONFIGS["ntu_published"])
    source = write(tmp_path / "ntu.h5", keras_arrays(net, 128))
    labels = Path(__file__).resolve().parents[2] / "config" / "actions" / "ntu60.txt"
    call = ["import_keras", str(source), "--out", str(tmp_path / "out"), "--clip-spacing", "0.25"]
    monkeypatch.setattr("sys.argv", [*call, "--labels", str(labels)])
    assert command.main() == 0
    loaded, spec = load_checkpoint(tmp_path / "out")
    assert (spec.input_size, spec.clip_spacing, spec.labels[0][0], spec.labels[0][-1]) == (
        128,
        0.25,
        "drink water",
        "walking apart",
    )
    assert torch.equal(loaded.entry.conv1.weight, net.entry.conv1.weight)

    monkeypatch.setattr("sys.argv", [*call, "--labels", str(labels), str(labels)])
    assert command.main() == 1
    assert "--labels files name [60, 60] actions, the weights have [60]" in capsys.readouterr().err
