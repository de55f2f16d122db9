"""TensorRT on a GPU: engines are built, kept, run, and not trusted when something is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="onnx not installed")
pytest.importorskip("tensorrt", reason="TensorRT not installed")

from deephar_ros.backend.base import Start
from deephar_ros.backend.cache import Cache
from deephar_ros.backend.choose import open_backend
from deephar_ros.backend.engine_cache import ENGINES
from deephar_ros.backend.engine_error import NoEngine
from deephar_ros.backend.tensorrt_backend import PROFILE, TensorRtBackend
from deephar_ros.backend.tolerances import TOLERANCES, beyond, difference
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.share import default_checkpoint

SAME = 2e-3
CROPS = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), np.uint8)


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Cache(ENGINES)


def opened(folder: Path, said: list[str], build: bool = True) -> TensorRtBackend:
    return TensorRtBackend(folder, torch.device("cuda", 0), "float16", Start(), said.append, build)


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_every_precision_stays_within_its_tolerance(
    precision: str, reference: TorchBackend, crops: np.ndarray, engines: Cache
) -> None:
    backend, _ = open_backend(default_checkpoint(), "tensorrt", "cuda", precision)
    found = difference(backend, reference, crops)
    print(f"\n{backend.name} {backend.precision}: {found}")
    assert beyond(found, TOLERANCES[precision]) == []


def test_an_engine_is_built_once_and_then_taken_from_the_cache(tiny_checkpoint: Path, engines: Cache) -> None:
    said: list[str] = []
    with pytest.raises(NoEngine, match="there is no engine"):
        opened(tiny_checkpoint, said, build=False)
    first = opened(tiny_checkpoint, said)
    assert sum("was built in" in line for line in said) == 2  # frame and actions
    said.clear()
    second = opened(tiny_checkpoint, said, build=False)
    assert said == []
    np.testing.assert_allclose(first.predict(CROPS).poses, second.predict(CROPS).poses, atol=SAME)
    assert open_backend(tiny_checkpoint, say=said.append).backend.name == "tensorrt"
    assert said == []


def test_the_batch_does_not_matter(tiny_checkpoint: Path, engines: Cache) -> None:
    backend = opened(tiny_checkpoint, [])
    rows = np.resize(CROPS, (PROFILE.most + 3, *CROPS.shape[1:]))
    together = backend.predict(rows)
    alone = np.concatenate([backend.predict(row[None]).poses for row in CROPS])
    np.testing.assert_allclose(together.poses[: len(CROPS)], alone, atol=SAME)
    clips = np.stack([together.features[:4]] * 3)
    for probabilities in backend.classify(clips):
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


def test_an_engine_that_was_damaged_is_built_again(tiny_checkpoint: Path, engines: Cache) -> None:
    opened(tiny_checkpoint, [])
    for file in engines.folder.iterdir():
        content = bytearray(file.read_bytes())
        content[-100] ^= 255
        file.write_bytes(content)
    said: list[str] = []
    opened(tiny_checkpoint, said)
    assert sum("is damaged" in line for line in said) == 2


def test_an_engine_that_tensorrt_does_not_take_is_built_again(
    tiny_checkpoint: Path, engines: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(tiny_checkpoint, [])
    monkeypatch.setattr(Cache, "read", lambda self, key: b"nothing that TensorRT knows")
    said: list[str] = []
    opened(tiny_checkpoint, said)
    assert sum("does not take the engine" in line for line in said) == 2


def test_another_cut_builds_its_own_engine(tiny_checkpoint: Path, engines: Cache) -> None:
    said: list[str] = []
    backend = opened(tiny_checkpoint, said)
    whole = backend.predict(CROPS).features
    said.clear()
    backend.set_cut(1)
    assert any("built for 2 pyramids, not for 1 pyramids" in line for line in said)
    part = backend.predict(CROPS).features
    np.testing.assert_allclose(whole[:, : part.shape[1]], part, atol=0.02 * np.abs(whole).max())
