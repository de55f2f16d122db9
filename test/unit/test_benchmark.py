"""The benchmark measures what it says, beside what the machine could do, and writes it with the machine in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.benchmark import limits
from deephar_ros.benchmark.pipeline import measure_pipeline
from deephar_ros.benchmark.scripted import Crowd, ScriptedBackend
from deephar_ros.benchmark.start import measure_start
from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.cli import benchmark
from deephar_ros.cutout import Cutout
from deephar_ros.geometry import Window
from deephar_ros.model.blocks import Conv


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIDES", {"cpu": (64,)})
    monkeypatch.setattr(limits, "COPIED", 1 << 16)


def run(out: Path, *arguments: object) -> dict[str, object]:
    assert benchmark.main([*map(str, arguments), "--out", str(out / "found.json")]) == 0
    return json.loads((out / "found.json").read_text())


def test_network_rows_stand_beside_their_limits(
    tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ("network", "--checkpoint", tiny_checkpoint, "--device", "cpu", "--backend", "torch", "--seconds", 0.01)
    found = run(tmp_path, *shared, "--cuts", 1, 2, "--batches", 1, 2, "--precision", "float32", "bfloat16")
    rows = found["results"]
    assert [(r["pyramids"], r["batch"], r["precision"]) for r in rows] == [
        (cut, batch, precision) for cut in (1, 2) for batch in (1, 2) for precision in ("float32", "bfloat16")
    ]
    for row in rows:
        least = max(row["limit_products_ms"], row["limit_bytes_ms"])
        assert row["of_limit"] == pytest.approx(least / row["milliseconds"]["p50"], abs=0.01)
        assert row["milliseconds"]["calls"] >= 5
    assert rows[0]["gmac_per_frame"] < rows[4]["gmac_per_frame"]
    assert {"cpu", "threads", "torch", "numpy"} <= found["machine"].keys()
    assert len(found["checkpoint"]["sha256"]) == 64
    assert "of limit" in capsys.readouterr().out


def test_a_precision_that_is_not_there_is_refused_in_a_sentence(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["network", "--checkpoint", str(tiny_checkpoint), "--device", "cpu", "--backend", "torch"]
    assert benchmark.main([*command, "--precision", "int8"]) == 1
    assert "has no precision 'int8'" in capsys.readouterr().err


def test_work_counts_multiply_adds_of_convolutions(tiny_checkpoint: Path) -> None:
    net, _ = load_checkpoint(tiny_checkpoint)
    work = limits.work_of(net, 64)
    convolutions = [m for name, m in net.named_modules() if isinstance(m, Conv) and not name.startswith("action")]
    assert work.weights == sum(m.weight.numel() for m in convolutions)
    assert limits.work_of(net, 128).products == 4 * work.products
    assert limits.Work(10**9, 10**6, 10**6).milliseconds(limits.Limits(1e11, 1e10), 2, 4) == (20.0, 1.2)


def test_limits_are_those_of_the_faster_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_calls", lambda side, device, precision: [lambda: None, lambda: sum(range(10**5))])
    monkeypatch.setattr(limits, "_best", lambda call, device: 2.0 if call() is None else 8.0)
    assert limits.measure_limits(torch.device("cpu"), "float32").products == 64**3 / 2


def test_the_scripted_backend_finds_whoever_stands_in_the_window(tiny_checkpoint: Path) -> None:
    _, spec = load_checkpoint(tiny_checkpoint)
    crowd = Crowd(4, 640, 480, 17)
    backend = ScriptedBackend(spec, crowd)
    people = crowd.pixels(0)
    windows = [Window.around(*person.mean(0), 300) for person in people]
    crops = backend.crop([Cutout(np.zeros((480, 640, 3), np.uint8), (0, 1, 2), window) for window in windows])
    poses = backend.predict(crops).poses
    for pose, window, person in zip(poses, windows, people, strict=True):
        np.testing.assert_allclose(window.to_image(pose[:, :2]), person, atol=1e-3)


@pytest.mark.parametrize("persons", [1, 5])
def test_the_pipeline_is_measured_while_it_follows_everybody(tiny_checkpoint: Path, persons: int) -> None:
    _, spec = load_checkpoint(tiny_checkpoint)
    moments = measure_pipeline(spec, persons, 640, 480, 5, lambda: None)
    assert len(moments.total) == 5
    assert {"crop", "track", "actions", "messages"} <= moments.stages.keys()
    assert all(seconds > 0 for seconds in moments.total)


def test_pipeline_and_streaming_print_and_write(tiny_checkpoint: Path, tmp_path: Path) -> None:
    arguments = ("--checkpoint", tiny_checkpoint, "--persons", 1, "--frames", 3, "--picture", 320, 240)
    (row,) = run(tmp_path, "pipeline", *arguments)["results"]
    assert row["milliseconds"]["p50"] > 0
    assert "network" not in row["stages_p50"]
    streaming = ("--preset", "lite", "--size", 128, "--frames", 4, "--repeats", 1, "--backend", "torch")
    (row,) = run(tmp_path, "streaming", *streaming)["results"]
    assert row["ratio"] > 0
    assert (row["frames"], row["backend"]) == (4, "torch")


def test_a_start_is_measured_in_a_process_of_its_own(tiny_checkpoint: Path) -> None:
    first, second = measure_start(tiny_checkpoint, "torch", "cpu", "auto", 1)
    assert (first["start"], second["start"]) == ("first", "cached")
    assert second["first_skeleton_s"] > second["open_s"] > 0
    with pytest.raises(RuntimeError, match="'warp' does not work here"):
        measure_start(tiny_checkpoint, "torch", "warp", "auto", 0)


def test_what_needs_no_ros_runs_where_rclpy_is_not() -> None:
    code = "import sys; sys.modules['rclpy'] = None; import deephar_ros.cli.benchmark as b; b._parser()"
    subprocess.run([sys.executable, "-c", code], check=True)
