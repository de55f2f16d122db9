"""How a long run is judged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deephar_ros.soak import Limits, draw, judge, read_process, table

HOUR = 3600


def run(**changes: Callable[[float], Any]) -> list[dict[str, Any]]:
    """An hour of a healthy node, a sample every ten seconds, with some columns as functions of the time."""
    rng = np.random.default_rng(0)
    healthy: dict[str, Callable[[float], Any]] = {
        "private_mb": lambda t: 300 + rng.normal() * 2 + 100 * (t < 60),
        "rss_mb": lambda t: 500.0,
        "pss_mb": lambda t: 400.0,
        "shm_mb": lambda t: 134.0,
        "threads": lambda t: 19,
        "fds": lambda t: 23,
        "people": lambda t: 4.0,
        "age_p50": lambda t: 0.1,
        "age_p95": lambda t: 0.2,
        "age_max": lambda t: 0.3,
        "frames": lambda t: {"camera": 12},
    }
    columns = healthy | changes
    return [{"seconds": t, **{name: column(t) for name, column in columns.items()}} for t in range(1, HOUR, 10)]


def test_a_healthy_run_is_good() -> None:
    assert [verdict.good for verdict in judge(run(), Limits())] == [True] * 6


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("private_mb", lambda t: 300 + 20 * t / HOUR, "private memory grew by 17"),
        ("threads", lambda t: 19 + t // 1000, "threads: 19 in the first quarter, 22 in the last"),
        ("fds", lambda t: 23 + t // 1000, "fds: 23 in the first quarter"),
        ("shm_mb", lambda t: 134 + t // 100, "shm_mb: "),
        ("age_max", lambda t: 0.3 + t / HOUR, "age of the oldest result within 1.2"),
        ("age_max", lambda t: None, "no results came"),
        ("frames", lambda t: {"camera": 12} if t < 3000 else {}, "results until the end for 0 of 1"),
        ("frames", lambda t: {"a": 12, "b": 12 if t < 3000 else 0}, "results until the end for 1 of 2"),
    ],
)
def test_what_grows_or_stops_is_found(column: str, values: Callable[[float], Any], words: str) -> None:
    bad = [verdict.text for verdict in judge(run(**{column: values}), Limits()) if not verdict.good]
    assert len(bad) == 1
    assert bad[0].startswith(words)


def test_a_single_peak_is_no_growth() -> None:
    peak = run(private_mb=lambda t: 300 + 500 * (2000 < t < 2200), threads=lambda t: 19 + (t == 2001))
    assert all(verdict.good for verdict in judge(peak, Limits()))


def test_runs_of_cycles_are_judged_without_results(tmp_path: Path) -> None:
    cycles = [
        {name: sample[name] for name in ("seconds", "private_mb", "rss_mb", "pss_mb", "shm_mb", "threads", "fds")}
        | {"cycles": number}
        for number, sample in enumerate(run())
    ]
    assert [verdict.good for verdict in judge(cycles, Limits())] == [True] * 4
    assert "age" not in table(cycles)
    draw(cycles, "cycles", tmp_path / "plot.png")
    assert cv2.imread(str(tmp_path / "plot.png")) is not None


def test_this_process_is_read() -> None:
    file = Path("/proc/self/status").open()  # noqa: SIM115
    before = read_process(os.getpid())
    file.close()
    after = read_process(os.getpid())
    assert before["fds"] == after["fds"] + 1
    assert before["threads"] >= 1
    assert 5 < before["private_mb"] < before["rss_mb"]
    with pytest.raises(OSError, match="No such file"):
        read_process(2**22 + 1)
