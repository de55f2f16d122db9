"""ONNX Runtime against PyTorch, and which of them is chosen."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="extra onnx not installed")
pytest.importorskip("onnxruntime", reason="extra onnx not installed")

from deephar_ros.backend import choose
from deephar_ros.backend.choose import open_backend
from deephar_ros.backend.onnx_backend import OnnxBackend
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.sources import open_source

TOLERANCE = 1e-4
"""Of float32 in normalised coordinates, features and probabilities: 0.01 pixels of a 128-pixel crop."""


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Parts of four real frames (4, 128, 128, 3), a second apart, of somebody who comes and waves."""
    frames = islice(open_source(str(demo_clip())).frames, 60, 180, 30)
    return np.stack([frame.pixels[200:328, 256:384] for frame in frames])


@pytest.fixture(scope="module")
def pair() -> tuple[OnnxBackend, TorchBackend]:
    return OnnxBackend(default_checkpoint()), TorchBackend(default_checkpoint(), "cpu")


@pytest.mark.parametrize("cut", [4, 2])
@pytest.mark.parametrize("batch", [1, 4])
def test_onnxruntime_gives_what_pytorch_gives(
    pair: tuple[OnnxBackend, TorchBackend], crops: np.ndarray, cut: int, batch: int
) -> None:
    for backend in pair:
        backend.set_cut(cut)
    ours, theirs = (backend.predict(crops[:batch]) for backend in pair)
    assert ours.features.shape == theirs.features.shape
    np.testing.assert_allclose(ours.poses, theirs.poses, atol=TOLERANCE)
    np.testing.assert_allclose(ours.features, theirs.features, atol=TOLERANCE)


def test_onnxruntime_classifies_as_pytorch_does(pair: tuple[OnnxBackend, TorchBackend], crops: np.ndarray) -> None:
    for backend in pair:
        backend.set_cut(2)
    features = pair[1].predict(crops).features
    clips = np.stack([features[[0, 1, 2, 3, 3, 2, 1, 0]], features[[3, 3, 2, 2, 1, 1, 0, 0]]])
    ours, theirs = (backend.classify(clips) for backend in pair)
    assert len(ours) == len(theirs) == 1
    np.testing.assert_allclose(ours[0], theirs[0], atol=TOLERANCE)
    assert np.abs(ours[0][0] - ours[0][1]).max() > 2 * TOLERANCE  # two clips, two answers


def test_a_cut_without_action_blocks_classifies_nothing(pair: tuple[OnnxBackend, TorchBackend]) -> None:
    pair[0].set_cut(1)
    assert pair[0].classify(np.zeros((1, 8, 0), np.float32)) == []


def test_a_cut_that_the_network_has_not_is_refused(pair: tuple[OnnxBackend, TorchBackend]) -> None:
    for backend in pair:
        pyramids = backend.spec.network.num_pyramids
        with pytest.raises(ValueError, match=f"cut {pyramids + 1}: the network has {pyramids} pyramids"):
            backend.set_cut(pyramids + 1)


def test_auto_takes_onnxruntime_on_a_cpu_and_says_why(tiny_checkpoint: Path) -> None:
    backend, reason = open_backend(tiny_checkpoint, "auto", "cpu")
    assert isinstance(backend, OnnxBackend)
    assert backend.device == "cpu"
    assert "CPU" in reason


def test_auto_takes_pytorch_where_onnxruntime_is_missing(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda name: None if name == "onnxruntime" else object())
    backend, reason = open_backend(tiny_checkpoint, "auto", "cpu")
    assert isinstance(backend, TorchBackend)
    assert reason == "onnxruntime not installed here; pip install onnxruntime makes it faster"
    with pytest.raises(ValueError, match="pip install onnxruntime"):
        open_backend(tiny_checkpoint, "onnxruntime", "cpu")


def test_what_was_asked_for_is_taken(tiny_checkpoint: Path) -> None:
    assert isinstance(open_backend(tiny_checkpoint, "torch", "cpu").backend, TorchBackend)


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("tensorflow", "cpu", "'tensorflow' is not one of auto, torch, tensorrt, onnxruntime"),
        ("tensorrt", "cpu", "backend tensorrt"),
        ("torch", "warp", "device 'warp' does not work here"),
    ],
)
def test_what_cannot_be_had_is_refused(tiny_checkpoint: Path, name: str, device: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_backend(tiny_checkpoint, name, device)
