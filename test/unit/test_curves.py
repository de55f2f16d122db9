"""Curves of training runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2

COMMAND = [sys.executable, "-m", "deephar_ros.cli.curves"]


def write_log(folder: Path, values: list[float]) -> Path:
    folder.mkdir()
    lines = [{"epoch": n + 1.0, "loss": 1.0, "pck": value} for n, value in enumerate(values)]
    (folder / "log.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return folder


def test_last_and_best_values_are_printed_and_drawn(tmp_path: Path) -> None:
    runs = [write_log(tmp_path / "a", [10.0, 50.0, 40.0]), write_log(tmp_path / "b", [5.0, 20.0])]
    command = [*COMMAND, *map(str, runs), "--column", "pck", "--out", str(tmp_path / "c.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "a: pck 40.00 after 3 epochs, best 50.00",
        "b: pck 20.00 after 2 epochs, best 20.00",
    ]
    assert cv2.imread(str(tmp_path / "c.png")).std() > 5


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    run = write_log(tmp_path / "a", [1.0])
    command = [*COMMAND, str(run), "--column", "mpjpe", "--out", str(tmp_path / "c.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has no column mpjpe; it has epoch, loss, pck" in done.stderr
