"""ONNX Runtime on CUDA against float32 on the CPU."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime not installed")

from deephar_ros.backend.choose import OFFERED, open_backend  # noqa: E402
from deephar_ros.backend.tolerances import TOLERANCES, beyond, difference  # noqa: E402
from deephar_ros.backend.torch_backend import TorchBackend  # noqa: E402
from deephar_ros.share import default_checkpoint  # noqa: E402

pytestmark = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="this onnxruntime is built for CPUs"
)


@pytest.mark.parametrize("precision", OFFERED["onnxruntime", "cuda"])
def test_every_precision_stays_within_its_tolerance(
    precision: str, reference: TorchBackend, crops: np.ndarray, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backend, _ = open_backend(default_checkpoint(), "onnxruntime", "cuda", precision)
    found = difference(backend, reference, crops)
    print(f"\n{backend.name} {backend.precision} on {backend.device}: {found}")
    assert backend.device == "cuda:0"
    assert beyond(found, TOLERANCES[precision]) == []
