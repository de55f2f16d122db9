"""What the doctor says of backends."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch

from deephar_ros import doctor
from deephar_ros.backend import choose
from deephar_ros.finding import Level


def said() -> dict[str, doctor.Finding]:
    """Findings by backend."""
    return {finding.text.split()[1]: finding for finding in doctor.check_backends()}


def test_every_backend_is_named_with_what_keeps_it_from_working(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    found = said()
    assert found["onnxruntime"].text == "backend onnxruntime is off: onnx and onnxruntime not installed"
    assert found["tensorrt"].text == "backend tensorrt is off: onnx and tensorrt not installed"
    assert found["torch"].text.startswith("backend torch works: float")
    assert {finding.level for finding in found.values()} == {Level.OK}


@pytest.mark.skipif(find_spec("onnx") is None, reason="extra onnx not installed")
def test_tensorrt_without_a_gpu_is_off_and_a_broken_one_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    from deephar_ros.backend import tensorrt_build

    def install(version: str) -> None:
        here = SimpleNamespace(import_module=lambda name: SimpleNamespace(__version__=version))
        monkeypatch.setattr(tensorrt_build, "importlib", here)

    install("10.7.0")
    assert said()["tensorrt"].text == "backend tensorrt is off: TensorRT 10.7.0 is here, but no CUDA device"
    install("7.1.3")
    assert said()["tensorrt"].level is Level.WARN
