"""Short versions of the long runs: `scripts/soak` with the real node, a crowd, and life cycles."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2

from deephar_ros.node.crowd_publisher import Crowd, people_at

COMMAND = [sys.executable, "-m", "deephar_ros.cli.soak"]
BUSY_MACHINE = ["--max-growth", "20000", "--max-age", "5"]
"""Limits with which a run of seconds on a busy machine only fails if something is badly wrong."""


def soak(out: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    command = [*COMMAND, "--out", str(out), *BUSY_MACHINE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert (out / "summary.json").exists(), done.stdout + done.stderr
    return done, json.loads((out / "summary.json").read_text())


def test_a_crowd_that_grows_is_followed_and_the_run_is_judged(tmp_path: Path) -> None:
    size = ("--size", "640x360", "--rate", "10", "--cameras", "2", "--people", "1-3", "--stay", "1.5")
    done, summary = soak(tmp_path, "--minutes", "0.25", *size, "--parameter", "backend:=torch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [verdict["good"] for verdict in summary["verdicts"]] == [True] * 6
    assert summary["results"] > 20
    assert summary["figures"]["people"]["largest"] > 1.5
    assert "results until the end for 2 of 2 camera(s)" in done.stdout
    samples = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert samples[-1]["seconds"] >= 15
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


def test_life_cycles_leave_no_thread_and_no_descriptor_behind(tiny_checkpoint: Path, tmp_path: Path) -> None:
    model = ("--parameter", f"checkpoint:={tiny_checkpoint}", "--parameter", "backend:=torch")
    done, summary = soak(tmp_path, "--cycles", "20", "--active", "0.5", "--size", "160x120", "--rate", "10", *model)
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["cycles"] == 20
    assert [verdict["good"] for verdict in summary["verdicts"]] == [True] * 4


def test_a_run_whose_node_dies_is_no_run(tmp_path: Path) -> None:
    command = [*COMMAND, "--out", str(tmp_path), "--parameter", "checkpoint:=/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "soak: perception_node ended with status 1; its last lines above say why" in done.stderr


def test_the_crowd_is_the_same_every_time_and_grows() -> None:
    pictures = [Crowd(320, 240).picture(7, people) for people in (0, 1, 8, 8)]
    assert (pictures[2] == pictures[3]).all()
    changed = [(picture != pictures[0]).mean() for picture in pictures]
    assert changed[0] == 0 < 5 * changed[1] < changed[2]
    assert [people_at(second, 1, 3, 2.0) for second in range(10)] == [1, 1, 2, 2, 3, 3, 2, 2, 1, 1]
    assert people_at(99.0, 2, 2, 1.0) == 2
