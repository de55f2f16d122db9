"""The loader's benchmark runs on a folder in the data set's format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import natural_picture

from deephar_ros.cli import benchmark_loader


def test_benchmark_prints_and_writes_every_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "lspet_compact" / "images"
    images.mkdir(parents=True)
    for number in range(1, 4):
        cv2.imwrite(str(images / f"im{number:05d}.jpg"), natural_picture(120, 90, seed=number))
    joints = np.ones((3, 14, 3))
    joints[..., :2] = np.random.default_rng(0).uniform(20, 80, (3, 14, 2))
    np.savez(tmp_path / "lspet_compact" / "joints.npz", joints=joints)
    out = tmp_path / "loader.json"
    arguments = ["--data", str(tmp_path), "--images", "3", "--size", "32", "--height", "180", "--cached"]
    monkeypatch.setattr(sys, "argv", ["benchmark_loader", *arguments, "--gpu-rate", "1e7", "--out", str(out)])
    monkeypatch.setattr(benchmark_loader, "ROUNDS", 1)
    assert benchmark_loader.main() == 0
    written = json.loads(out.read_text())
    plain, large = written["results"]
    assert (plain["picture_size"], large["picture_size"]) == ([120, 90], [240, 180])
    rates = plain["images_per_core_second"]
    assert {"files", "cache", "files, batch", "cache, batch"} < rates.keys()
    assert min(rates.values()) > 0
    assert written["machine"]["cores"] > 0
    cores = -(-1e7 // rates["files"])
    assert f"{cores:.0f} cores for 10000000 images/s" in capsys.readouterr().out
