"""ONNX graphs: they give what PyTorch gives, at every size that they are said to take."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx", reason="extra onnx not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="extra onnx not installed")

from deephar_ros.backend.onnx_export import OPSET, GraphName, InputShape, export_graph  # noqa: E402
from deephar_ros.backend.torch_backend import TorchBackend  # noqa: E402
from deephar_ros.checkpoint import ModelSpec, load_checkpoint, spec_from_dict  # noqa: E402
from deephar_ros.cli import export as cli  # noqa: E402
from deephar_ros.model.config import SPNetConfig  # noqa: E402
from deephar_ros.model.features import pack, section_sizes, unpack  # noqa: E402
from deephar_ros.model.named_outputs import named_outputs  # noqa: E402
from deephar_ros.model.spnet import SPNet  # noqa: E402

TOLERANCE = 1e-4
FIXED = InputShape(batch=2, frames=4, height=64, width=96)
ANY_BATCH = replace(FIXED, dynamic_batch=True)
ANY_SIZE = replace(ANY_BATCH, dynamic_size=True)


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint: Path) -> tuple[SPNet, ModelSpec]:
    return load_checkpoint(tiny_checkpoint)


def run(model: bytes, values: torch.Tensor) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, {given.name: values.numpy()}), strict=True))
    for output in session.get_outputs():  # what the file says of its shapes is true
        shape = outputs[output.name].shape
        assert [n if isinstance(dim, str) else dim for dim, n in zip(output.shape, shape, strict=True)] == list(shape)
    return outputs


def expected(net: SPNet, graph: GraphName, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """All that a graph may give, computed by PyTorch."""
    with torch.no_grad():
        if graph == "actions":
            last = [stage for stage in net.config.stages if stage.action][-1]
            sets = net.clip_actions(unpack(values, net.config))[-1]
            return {f"action_p{last.pyramid}_l{last.level}_set{d}": p for d, p in enumerate(sets)}
        outputs = {k: v for k, v in named_outputs(net, values).items() if not k.startswith("dbg")}
        features = net.frames(values).features if graph == "frame" else []
        return outputs | ({"features": pack(features)} if features else {})


def values_for(net: SPNet, graph: GraphName, batch: int, height: int, width: int, frames: int = 4) -> torch.Tensor:
    torch.manual_seed(batch + height)
    images = torch.rand(batch, frames, 3, height, width) * 2 - 1
    if graph == "clip":
        return images
    if graph == "frame":
        return images[:, 0]
    with torch.no_grad():
        return pack(net.frames(images.flatten(0, 1)).features).unflatten(0, (batch, frames))


def assert_agrees(net: SPNet, graph: GraphName, model: bytes, values: torch.Tensor, all_outputs: bool = True) -> None:
    got, want = run(model, values), expected(net, graph, values)
    assert not all_outputs or list(got) == list(want)
    for name, value in got.items():
        np.testing.assert_allclose(value, want[name].numpy(), atol=TOLERANCE, rtol=0, err_msg=name)


def dims(model: bytes) -> list[list[int | str]]:
    """Of the input, then of the outputs."""
    graph = onnx.load_from_string(model).graph
    return [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    ]


@pytest.mark.parametrize("graph", ["frame", "actions", "clip"])
def test_fixed_sizes(tiny: tuple[SPNet, ModelSpec], graph: GraphName) -> None:
    net, spec = tiny
    model = export_graph(net, spec, graph, FIXED, all_poses=True)
    assert all(isinstance(dim, int) and dim > 0 for value in dims(model) for dim in value)
    assert_agrees(net, graph, model, values_for(net, graph, 2, 64, 96))
    assert not [node.op_type for node in onnx.load_from_string(model).graph.node if node.op_type in ("Shape", "Range")]


@pytest.mark.parametrize("graph", ["frame", "actions", "clip"])
def test_any_batch(tiny: tuple[SPNet, ModelSpec], graph: GraphName) -> None:
    net, spec = tiny
    model = export_graph(net, spec, graph, ANY_BATCH, all_poses=True)
    assert all(value[0] == "batch" and all(isinstance(dim, int) for dim in value[1:]) for value in dims(model))
    for batch in (1, 2, 5):
        assert_agrees(net, graph, model, values_for(net, graph, batch, 64, 96))
    traced_with_another = replace(ANY_BATCH, batch=1)
    assert export_graph(net, spec, graph, traced_with_another, all_poses=True) == model


@pytest.mark.parametrize("graph", ["frame", "clip"])
def test_any_image_size(tiny: tuple[SPNet, ModelSpec], graph: GraphName) -> None:
    net, spec = tiny
    model = export_graph(net, spec, graph, ANY_SIZE, all_poses=True)
    for batch, height, width in [(1, 64, 64), (2, 128, 64), (3, 64, 160)]:
        assert_agrees(net, graph, model, values_for(net, graph, batch, height, width))
    # Nothing of the traced size is left in the file, or it would differ from that of another size.
    assert export_graph(net, spec, graph, replace(ANY_SIZE, batch=3, height=128, width=64), all_poses=True) == model


def test_single_frames_give_the_last_pose_unless_all_are_asked_for(tiny: tuple[SPNet, ModelSpec]) -> None:
    net, spec = tiny
    model = export_graph(net, spec, "frame", ANY_BATCH)
    values = values_for(net, "frame", 3, 64, 96)
    assert list(run(model, values)) == ["pose_p2_l1", "features"]
    assert_agrees(net, "frame", model, values, all_outputs=False)


@pytest.mark.parametrize("frames", [5, 16])
def test_clips_of_other_lengths(tiny: tuple[SPNet, ModelSpec], frames: int) -> None:
    net, spec = tiny  # odd: padded; from 16 on: pooled over time
    model = export_graph(net, spec, "actions", replace(ANY_BATCH, frames=frames))
    assert_agrees(net, "actions", model, values_for(net, "actions", 3, 64, 64, frames))


@pytest.mark.parametrize("graph", ["frame", "clip"])
def test_the_other_kind_of_network(tiny_config: SPNetConfig, tiny: tuple[SPNet, ModelSpec], graph: GraphName) -> None:
    config = replace(tiny_config, dim=2, downsampling="conv", pose_replica=False, kernel_size=3)
    net = SPNet(config).eval()
    model = export_graph(net, replace(tiny[1], network=config), graph, ANY_SIZE, all_poses=True)
    assert_agrees(net, graph, model, values_for(net, graph, 3, 128, 64))


@pytest.mark.parametrize("graph", ["frame", "actions", "clip"])
def test_without_appearance_features_are_poses_alone(
    tiny_config: SPNetConfig, tiny: tuple[SPNet, ModelSpec], graph: GraphName
) -> None:
    config = replace(tiny_config, action_input="pose")
    net = SPNet(config).eval()
    model = export_graph(net, replace(tiny[1], network=config), graph, ANY_BATCH, all_poses=True)
    assert_agrees(net, graph, model, values_for(net, graph, 2, 64, 96))
    assert graph != "frame" or dims(model)[-1] == ["batch", 4 * 17 * 3]


def test_a_cut_before_the_actions_has_poses_only(tiny: tuple[SPNet, ModelSpec]) -> None:
    config = replace(tiny[1].network, action_pyramids=(2,))
    net, spec = SPNet(config).eval().cut(1, 3), replace(tiny[1], network=replace(config, cut=(1, 3)))
    values = values_for(net, "frame", 2, 64, 96)
    assert list(run(export_graph(net, spec, "frame", ANY_BATCH), values)) == ["pose_p1_l3"]
    with pytest.raises(ValueError, match="no action blocks"):
        export_graph(net, spec, "actions", ANY_BATCH)


@pytest.mark.parametrize("graph", ["frame", "actions", "clip"])
def test_files_are_plain_onnx_that_old_tensorrt_reads(tiny: tuple[SPNet, ModelSpec], graph: GraphName) -> None:
    net, spec = tiny
    model = onnx.load_from_string(export_graph(net, spec, graph, ANY_SIZE))
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert not model.functions
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Pad":
            assert node.input[1] in constants
        if node.op_type in ("ReduceMax", "ReduceMin"):
            assert [attribute.name for attribute in node.attribute if attribute.name == "axes"]


def test_the_file_says_what_it_is(tiny: tuple[SPNet, ModelSpec]) -> None:
    net, spec = tiny
    model = onnx.load_from_string(export_graph(net, spec, "actions", FIXED))
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert (said["name"], said["graph"]) == ("tiny", "actions")
    assert spec_from_dict(json.loads(said["config"])) == spec


def test_graphs_and_torch_backend_pack_features_alike(tiny: tuple[SPNet, ModelSpec], tiny_checkpoint: Path) -> None:
    net, spec = tiny
    square = replace(ANY_BATCH, width=64)
    crops = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    backend = TorchBackend(tiny_checkpoint, "cpu")
    prediction = backend.predict(crops)
    images = torch.from_numpy(crops).movedim(-1, 1) / 127.5 - 1
    frame = run(export_graph(net, spec, "frame", square), images)
    np.testing.assert_allclose(frame["pose_p2_l1"], prediction.poses, atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(frame["features"], prediction.features, atol=TOLERANCE, rtol=0)
    clips = torch.from_numpy(frame["features"])[None]
    actions = run(export_graph(net, spec, "actions", square), clips)
    for got, want in zip(actions.values(), backend.classify(clips.numpy()), strict=True):
        np.testing.assert_allclose(got, want, atol=TOLERANCE, rtol=0)


def test_packing_is_undone_by_unpacking(tiny: tuple[SPNet, ModelSpec]) -> None:
    net, _ = tiny
    with torch.no_grad():
        features = net.frames(torch.zeros(3, 3, 64, 64)).features
    rows = pack(features)
    assert rows.shape == (3, sum(section_sizes(net.config)))
    for got, want in zip(unpack(rows, net.config), features, strict=True):
        assert torch.equal(got.pose, want.pose)
        assert got.appearance is not None
        assert want.appearance is not None
        assert torch.equal(got.appearance, want.appearance)


@pytest.mark.parametrize(("height", "width"), [(60, 64), (64, 32)])  # no multiple of 32; one cell at the coarsest level
def test_sizes_that_do_not_fit_are_refused(tiny: tuple[SPNet, ModelSpec], height: int, width: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        export_graph(*tiny, "frame", replace(FIXED, height=height, width=width))
    with pytest.raises(ValueError, match="batch = 0"):
        replace(FIXED, batch=0)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["export", *map(str, arguments)])
    return cli.main()


def test_command_writes_compares_and_reports(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, tiny_checkpoint, "--out", tmp_path / "all") == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["actions.onnx", "clip.onnx", "frame.onnx"]
    assert "pose_p2_l1" in capsys.readouterr().out
    options = ("--graph", "frame", "--cut", 1, 2, "--size", "dynamic", "--batch", 2)
    assert command(monkeypatch, tiny_checkpoint, "--out", tmp_path / "cut", *options) == 0
    assert dims((tmp_path / "cut" / "frame.onnx").read_bytes())[0] == [2, 3, "height", "width"]


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--size", 60], "multiple of 32"), (["--cut", 2, 9], "cut"), (["--batch", 0], "batch = 0")],
)
def test_command_names_what_does_not_fit(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[object],
    message: str,
) -> None:
    assert command(monkeypatch, tiny_checkpoint, "--out", tmp_path, "--graph", "frame", *options) == 1
    error = capsys.readouterr().err
    assert error.startswith("export: ")
    assert error.count("\n") == 1
    assert message in error


def test_command_writes_half_precision_and_compares_it(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--precision", "float16", "--graph", "frame")
    assert command(monkeypatch, tiny_checkpoint, "--out", tmp_path, *options) == 0
    model = onnx.load(tmp_path / "frame.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props}["precision"] == "float16"
    assert "pose_p2_l1" in capsys.readouterr().out


def test_engines_need_a_gpu_and_tensorrt_and_the_command_says_so(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, tiny_checkpoint, "--engine", "--device", "cpu") == 1
    assert capsys.readouterr().err.startswith("export: backend tensorrt ")
    with pytest.raises(SystemExit):
        command(monkeypatch, tiny_checkpoint)
    assert "say --out FOLDER, or --engine" in capsys.readouterr().err


def test_command_writes_nothing_that_differs(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "TOLERANCE", {"float32": -1.0})
    assert command(monkeypatch, tiny_checkpoint, "--out", tmp_path, "--graph", "frame") == 1
    assert "differs from PyTorch" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
