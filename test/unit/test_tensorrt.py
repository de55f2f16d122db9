"""TensorRT without a GPU: types, flags of each version, keys of engines, and what is said when something is missing.

What needs a GPU is in test/gpu.
"""

from __future__ import annotations

import enum
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx", reason="extra onnx not installed")

from deephar_ros.backend import choose, engine_cache, tensorrt_build  # noqa: E402
from deephar_ros.backend.base import DEFAULT_START, Start  # noqa: E402
from deephar_ros.backend.cache import Cache, Key  # noqa: E402
from deephar_ros.backend.choose import open_backend  # noqa: E402
from deephar_ros.backend.engine_cache import ENGINES, Gpu, engine_key, why_no_engine  # noqa: E402
from deephar_ros.backend.engine_error import EngineError, NoEngine  # noqa: E402
from deephar_ros.backend.onnx_export import InputShape, export_graph  # noqa: E402
from deephar_ros.backend.progress import Ticker  # noqa: E402
from deephar_ros.backend.tensorrt_backend import PROFILE, TensorRtBackend  # noqa: E402
from deephar_ros.backend.tensorrt_build import float32_nodes, load_tensorrt, network_flags  # noqa: E402
from deephar_ros.backend.torch_backend import TorchBackend  # noqa: E402
from deephar_ros.checkpoint import ModelSpec, load_checkpoint  # noqa: E402

CREATION_FLAGS = {
    "8.6.0": {"EXPLICIT_BATCH": 0, "EXPLICIT_PRECISION": 1},
    "10.7.0": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1},
    "11.1.0": {"STRONGLY_TYPED": 1, "PREFER_AOT_PYTHON_PLUGINS": 2, "PREFER_JIT_PYTHON_PLUGINS": 3},
}
"""NetworkDefinitionCreationFlag: of 8.6.0 from the package itself, of the others from NVIDIA's documentation."""
ORIN = Gpu("Orin", "8.7")


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Cache(ENGINES)


@pytest.fixture
def key(tiny_checkpoint: Path) -> Callable[..., dict[str, str]]:
    _, spec = load_checkpoint(tiny_checkpoint)

    def make(**other: Any) -> dict[str, str]:
        values: dict[str, Any] = {"spec": spec, "graph": "frame", "precision": "float16", "profile": str(PROFILE)}
        values |= {"tensorrt": "10.7.0", "gpu": ORIN} | other
        return engine_key(tiny_checkpoint, **values)

    return make


@pytest.mark.parametrize(("version", "expected"), [("8.6.0", 1 << 0), ("10.7.0", 1 << 1), ("11.1.0", 1 << 1)])
def test_networks_are_strongly_typed_where_the_version_knows_it(version: str, expected: int) -> None:
    flags = enum.IntEnum("NetworkDefinitionCreationFlag", CREATION_FLAGS[version])
    assert network_flags(SimpleNamespace(NetworkDefinitionCreationFlag=flags)) == expected


@pytest.mark.parametrize("graph", ["frame", "actions", "clip"])
def test_a_graph_in_half_has_half_convolutions_and_float32_sums_and_ends(tiny_checkpoint: Path, graph: Any) -> None:
    net, spec = load_checkpoint(tiny_checkpoint)
    shape = InputShape(frames=4, height=64, width=64, dynamic_batch=True)
    model = onnx.shape_inference.infer_shapes(
        onnx.load_from_string(export_graph(net, spec, graph, shape, precision="float16"))
    )
    types = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.value_info, *model.graph.output)}
    by_kind = {(node.op_type, types[node.output[0]]) for node in model.graph.node}
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert {kind for op, kind in by_kind if op in ("Conv", "Relu", "MaxPool")} == {half}
    assert {kind for op, kind in by_kind if op in ("Softmax", "Einsum", "ReduceSum", "AveragePool")} == {single}
    assert all(v.type.tensor_type.elem_type == single for v in (*model.graph.input, *model.graph.output))
    pinned = float32_nodes(model.SerializeToString())
    assert {node.name for node in model.graph.node if node.op_type == "Softmax"} <= pinned
    assert not {node.name for node in model.graph.node if node.op_type == "Conv"} & pinned
    assert all(node.name for node in model.graph.node)  # TensorRT names its layers after them


def test_a_graph_in_half_gives_what_the_network_gives(tiny_checkpoint: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="extra onnx not installed")
    net, spec = load_checkpoint(tiny_checkpoint)
    shape = InputShape(frames=4, height=64, width=64, dynamic_batch=True)
    graph = export_graph(net, spec, "frame", shape, precision="float16")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    images = torch.nn.functional.interpolate(torch.rand(3, 3, 8, 8) * 2 - 1, 64, mode="bilinear")
    pose, features = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = net.frames(images)
    np.testing.assert_allclose(pose, expected.poses[-1], atol=0.02)
    assert np.abs(pose - expected.poses[-1].numpy()).max() > 1e-7  # it was half
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"tensorrt": "8.6.1"}, "built for TensorRT 10.7.0, not for TensorRT 8.6.1"),
        ({"gpu": Gpu("NVIDIA H200", "9.0")}, "built for the GPU Orin (8.7), not for the GPU NVIDIA H200 (9.0)"),
        ({"precision": "float32"}, "built for float16, not for float32"),
        ({"profile": "1 to 8, best at 1"}, "built for batches of 1 to 16, best at 4, not for batches of 1 to 8"),
        ({"graph": "actions"}, "there is no engine for actions of tiny in"),
    ],
)
def test_an_engine_for_something_else_is_not_taken_and_named(
    engines: Cache, key: Callable[..., Key], other: dict[str, Any], said: str
) -> None:
    engines.write(key(), b"an engine")
    assert engines.read(key(**other)) is None
    assert said in why_no_engine(engines, key(**other))
    assert engines.read(key()) == b"an engine"


def test_another_size_cut_or_weights_need_another_engine(
    engines: Cache, key: Callable[..., Key], tiny_checkpoint: Path, spread_checkpoint: Path
) -> None:
    net, spec = load_checkpoint(tiny_checkpoint)
    engines.write(key(), b"an engine")
    larger: ModelSpec = replace(spec, input_size=96)
    assert "crops of 64 pixels, not for crops of 96 pixels" in why_no_engine(engines, key(spec=larger))
    cut = replace(spec, network=net.cut(1, 3).config)
    assert "2 pyramids, not for 1 pyramids" in why_no_engine(engines, key(spec=cut))
    spread = engine_key(spread_checkpoint, spec, "frame", "float16", str(PROFILE), "10.7.0", ORIN)
    assert "other weights" in why_no_engine(engines, spread)


@pytest.mark.parametrize("what", ["code_hash", "file_hash"])
def test_a_change_of_our_code_needs_another_engine(
    engines: Cache, key: Callable[..., Key], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    engines.write(key(), b"an engine")
    monkeypatch.setattr(engine_cache, what, lambda *files: "of other code")
    assert engines.read(key()) is None
    assert "was built for" in why_no_engine(engines, key())


@pytest.mark.parametrize("damage", [b"", b"{}", b"x" * 100])
def test_a_damaged_or_foreign_engine_is_never_given_to_tensorrt(
    engines: Cache, key: Callable[..., Key], damage: bytes
) -> None:
    path = engines.write(key(), b"an engine")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(damage)
    assert engines.read(key()) is None
    assert "damaged" in why_no_engine(engines, key())
    path.unlink()
    other = path.with_name("elsewhere")
    other.write_bytes(engines.write(key(), b"an engine").read_bytes())
    path.unlink()
    os.symlink(other, path)
    assert engines.read(key()) is None


def test_a_folder_that_others_can_write_is_not_used(engines: Cache, key: Callable[..., Key]) -> None:
    engines.write(key(), b"an engine")
    engines.folder.chmod(0o777)
    assert engines.read(key()) is None
    assert "others can write there" in why_no_engine(engines, key())
    with pytest.raises(OSError, match="XDG_CACHE_HOME"):
        engines.write(key(), b"an engine")


def test_tensorrt_is_refused_with_a_sentence_where_it_cannot_run(tiny_checkpoint: Path) -> None:
    with pytest.raises(EngineError, match="runs on CUDA devices, not on cpu"):
        TensorRtBackend(tiny_checkpoint, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"backend tensorrt (needs tensorrt: pip install|does not run on cpu)"):
        open_backend(tiny_checkpoint, "tensorrt", "cpu")


@pytest.mark.parametrize(
    ("version", "said"), [("8.4.3.1", "TensorRT 8.4.3.1 is too old"), (None, "cannot be imported")]
)
def test_a_tensorrt_that_is_too_old_or_broken_is_refused(
    monkeypatch: pytest.MonkeyPatch, version: str | None, said: str
) -> None:
    def import_module(name: str) -> Any:
        if version is None:
            raise ImportError("libcublas.so.12: cannot open shared object file")
        return SimpleNamespace(__version__=version)

    monkeypatch.setattr(tensorrt_build, "importlib", SimpleNamespace(import_module=import_module))
    with pytest.raises(EngineError, match=said):
        load_tensorrt()


class _OnCuda:
    """Opens what is asked for on a made-up GPU: TensorRT as told, PyTorch on the CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tensorrt: Exception | None) -> None:
        self.opened: list[tuple[str, str]] = []
        self.said: list[str] = []
        self._tensorrt, self._open = tensorrt, choose._open
        monkeypatch.setattr(choose, "find_device", lambda name: torch.device("cuda", 0))
        monkeypatch.setattr(choose, "missing_packages", lambda name: [])
        monkeypatch.setattr(choose, "_open", self.open)

    def open(
        self, name: str, folder: Path, where: Any, precision: str, start: Start, say: Any, build: bool = True
    ) -> Any:
        self.opened.append((name, choose._precision(name, where, precision)))
        if name == "tensorrt" and self._tensorrt is not None:
            assert not build or isinstance(self._tensorrt, EngineError)
            raise self._tensorrt
        return self._open("torch", folder, torch.device("cpu"), "float32", start, say)


def test_auto_takes_tensorrt_if_its_engines_are_built(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = _OnCuda(monkeypatch, None)
    assert open_backend(tiny_checkpoint, say=cuda.said.append).reason == "its engines are built"
    assert cuda.opened == [("tensorrt", "float16")]


def test_auto_builds_nothing_and_says_how_to(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = _OnCuda(monkeypatch, NoEngine("there is no engine for frame of tiny"))
    reason = open_backend(tiny_checkpoint, say=cuda.said.append).reason
    assert reason == f"there is no engine for frame of tiny; `export {tiny_checkpoint} --engine` builds TensorRT's"
    assert cuda.opened == [("tensorrt", "float16"), ("torch", "float16")]
    assert cuda.said == []


def test_auto_falls_back_to_pytorch_with_a_warning(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = _OnCuda(monkeypatch, EngineError("TensorRT cannot be imported: no such file"))
    open_backend(tiny_checkpoint, say=cuda.said.append)
    assert cuda.opened == [("tensorrt", "float16"), ("torch", "float16")]
    assert cuda.said == [
        "TensorRT does not work here: TensorRT cannot be imported: no such file; PyTorch runs the network instead"
    ]


def test_tensorrt_that_was_asked_for_does_not_fall_back(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = _OnCuda(monkeypatch, EngineError("out of memory"))
    with pytest.raises(ValueError, match="backend tensorrt does not work here: out of memory; use backend 'torch'"):
        open_backend(tiny_checkpoint, "tensorrt", start=DEFAULT_START, say=cuda.said.append)


def test_auto_takes_pytorch_for_a_precision_that_tensorrt_has_not(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = _OnCuda(monkeypatch, None)
    assert "bfloat16" in open_backend(tiny_checkpoint, precision="bfloat16").reason
    assert cuda.opened == [("torch", "bfloat16")]


def test_without_graphs_the_network_still_runs_on_the_gpu(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []

    def no_graphs(folder: Path, device: str, precision: str, start: Start, graphs: bool = True) -> TorchBackend:
        tried.append(graphs)
        if graphs:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")
        return TorchBackend(folder, "cpu", "float32", start)

    monkeypatch.setattr(choose, "find_device", lambda name: torch.device("cuda", 0))
    monkeypatch.setattr(choose, "TorchBackend", no_graphs)
    said: list[str] = []
    open_backend(tiny_checkpoint, "torch", say=said.append)
    assert tried == [True, False]
    assert said == [
        "no CUDA graphs (CUDA error: operation not permitted when stream is capturing more): the network runs without "
        "them, slower"
    ]


def test_something_long_says_that_it_goes_on() -> None:
    said: list[str] = []
    with Ticker("building", said.append, period=0.05) as ticker:
        for detail in ("", "step 2 of 9"):
            ticker.detail = detail
            heard = len(said) + 2  # the first line may have been on its way
            while len(said) < heard:
                time.sleep(0.01)
    assert re.fullmatch(r"building: \d+ s", said[0])
    assert re.fullmatch(r"building: \d+ s, step 2 of 9", said[-1])
    count = len(said)
    time.sleep(0.15)
    assert len(said) == count
