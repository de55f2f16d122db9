"""How backends are compared, and that the page states what the code allows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.backend.base import Prediction
from deephar_ros.backend.choose import OFFERED
from deephar_ros.backend.tolerances import TOLERANCES, Difference, beyond, difference
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.cli import verify_backends
from deephar_ros.geometry import Array

PAGE = Path(__file__).resolve().parents[2] / "docs" / "backends.md"


class Off(TorchBackend):
    """Errs by a known amount."""

    def predict(self, crops: Array) -> Prediction:
        poses, features = super().predict(crops)
        poses = poses.copy()
        poses[0, 0, 0] += 0.25
        poses[-1, 3, -1] -= 0.5
        features = features.copy()
        features[0, 0] += 2 * np.abs(features).max()
        return Prediction(poses, features)

    def classify(self, clips: Array) -> list[Array]:
        return [rows + 0.125 for rows in super().classify(clips)]


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, (6, 64, 64, 3), np.uint8)


def test_a_backend_does_not_differ_from_itself(tiny_checkpoint: Path, crops: np.ndarray) -> None:
    backend = TorchBackend(tiny_checkpoint, "cpu")
    found = difference(backend, backend, crops)
    assert found == Difference(0, 0, 0, 0, 0)
    assert beyond(found, TOLERANCES["float32"]) == []


def test_every_kind_of_error_is_found(tiny_checkpoint: Path, crops: np.ndarray) -> None:
    found = difference(Off(tiny_checkpoint, "cpu"), TorchBackend(tiny_checkpoint, "cpu"), crops)
    assert found.coordinates == pytest.approx(0.25)
    assert found.typical < 1e-6
    assert found.confidence == pytest.approx(0.5)
    assert found.features == pytest.approx(2, rel=0.01)
    assert found.probabilities == pytest.approx(0.125)
    assert beyond(found, TOLERANCES["bfloat16"]) == ["coordinates", "confidence", "features", "probabilities"]


def test_what_is_no_number_is_beyond_every_tolerance() -> None:
    assert beyond(Difference(*[float("nan")] * 5), TOLERANCES["bfloat16"]) == list(Difference._fields)


@pytest.mark.parametrize("precision", ["bfloat16"])
def test_the_tiny_network_in_low_precision_differs_but_works(
    tiny_checkpoint: Path, crops: np.ndarray, precision: str
) -> None:
    found = difference(TorchBackend(tiny_checkpoint, "cpu", precision), TorchBackend(tiny_checkpoint, "cpu"), crops)
    assert 1e-6 < found.coordinates < 0.1


def test_the_page_states_the_tolerances() -> None:
    line = r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| (.*) \|$"
    stated = {row[0]: row[1:] for row in re.findall(line, PAGE.read_text(), re.M)}
    assert stated.keys() == TOLERANCES.keys()
    for precision, (coordinates, typical, rest) in stated.items():
        numbers = [float(coordinates), float(typical), *map(float, rest.split(" | "))]
        assert numbers == list(TOLERANCES[precision])


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["verify_backends", *map(str, arguments)])
    return verify_backends.main()


def test_the_command_compares_what_works_here_and_says_what_does_not(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="the demo video cannot be read")
    offered = {key: OFFERED[key] for key in (("torch", "cpu"), ("tensorrt", "cuda"))}
    monkeypatch.setattr(verify_backends, "OFFERED", offered)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(monkeypatch, "--checkpoint", tiny_checkpoint, "--limit", 4) == 0
    out = capsys.readouterr().out
    assert "| torch | cpu | float32 | the reference |" in out
    assert re.search(r"^\| torch \| cpu \| bfloat16 \|( \d\.\de-\d\d \|){6} ok \|$", out, re.M)
    assert "| tensorrt | cuda | float16 | not measured: no CUDA device here |" in out
    monkeypatch.setitem(TOLERANCES, "bfloat16", Difference(1e-9, 1, 1, 1, 1))
    assert run(monkeypatch, "--checkpoint", tiny_checkpoint, "--limit", 4) == 1
    assert "| coordinates |" in capsys.readouterr().out
    assert run(monkeypatch, "--checkpoint", tiny_checkpoint, "--limit", 3) == 1
    assert "gives 3 pictures, fewer than a clip has" in capsys.readouterr().err
