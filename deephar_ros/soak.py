"""Judges a long run of the node from what was sampled once a second: does memory grow, do results get old?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deephar_ros.geometry import Array

Sample = Mapping[str, Any]
"""One second: `seconds` since the start, what `read_process` gives, and what the observer or the cycler printed."""
WARM_UP = 0.2
"""Part of the run, at most WARM_UP_SECONDS, that is not judged: buffers are filled for the first time."""
WARM_UP_SECONDS = 120.0
NOISE_MB = 6.0
"""Megabytes that the private memory may rise in a run of any length: an allocator's pools."""
COLUMNS = ("private_mb", "pss_mb", "rss_mb", "shm_mb", "threads", "fds", "people", "age_p50", "age_p95", "age_max")


@dataclass(frozen=True)
class Limits:
    """
    Attributes:
        growth: MB per hour by which private memory may grow.
        age: seconds that the oldest result of a second may be old, in 99 % of the seconds.
    """

    growth: float = 10.0
    age: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """One thing that was judged."""

    good: bool
    text: str


def read_process(pid: int) -> dict[str, float]:
    """Memory (10^6 bytes), threads and file descriptors of a process, from /proc; `shm_mb`: what it maps of /dev/shm.

    `private_mb` is what only this process has and no file backs, which is where leaks are; `pss_mb` adds its share of
    what it has together with others.

    Raises:
        OSError: there is no such process.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    memory = {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "rss_mb": memory["Rss"],
        "private_mb": memory["Anonymous"],
        "pss_mb": memory["Pss"],
        "shm_mb": sum(_size(file) for file in _mapped(pid)) / 1e6,
        "threads": int(status["Threads"]),
        "fds": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def judge(samples: Sequence[Sample], limits: Limits) -> list[Verdict]:
    """What a run of at least ten seconds shows; in a run of cycles, ages and frames are not looked at."""
    steady = after_warm_up(samples)
    verdicts = [_memory(steady, limits), *(_no_growth(steady, name) for name in ("threads", "fds", "shm_mb"))]
    if "age_max" in samples[-1]:
        verdicts += [_age(steady, limits), _goes_on(steady)]
    return verdicts


def after_warm_up(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that count."""
    end = samples[-1]["seconds"]
    return [sample for sample in samples if sample["seconds"] >= min(WARM_UP * end, WARM_UP_SECONDS)]


def figures(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """By column: its median in the first and in the last tenth of the steady run, and its largest value."""
    steady = after_warm_up(samples)
    found = {}
    for name in COLUMNS:
        values = column(steady, name)
        values = values[np.isfinite(values)]
        part = max(1, len(values) // 10)
        if len(values):
            first, last, most = np.median(values[:part]), np.median(values[-part:]), values.max()
            found[name] = {k: round(float(v), 4) for k, v in (("first", first), ("last", last), ("largest", most))}
    return found


def table(samples: Sequence[Sample]) -> str:
    """`figures` for people."""
    rows = [f"{'':12}{'first tenth':>12}{'last tenth':>12}{'largest':>12}"]
    for name, row in figures(samples).items():
        rows.append(f"{name:12}{row['first']:12.3f}{row['last']:12.3f}{row['largest']:12.3f}")
    return "\n".join(rows)


def column(samples: Sequence[Sample], name: str) -> Array:
    """(N,) values; NaN where there is none."""
    return np.array([np.nan if sample.get(name) is None else sample[name] for sample in samples], float)


def draw(samples: Sequence[Sample], title: str, path: Path) -> None:
    """Writes the run as PNG: memory, threads and descriptors, ages, people and results per second (or cycles)."""
    from matplotlib.figure import Figure

    minutes = column(samples, "seconds") / 60
    frames = np.array([sum(sample.get("frames", {}).values()) for sample in samples])
    panels = {
        "MB": {name: column(samples, name) for name in ("private_mb", "pss_mb", "rss_mb", "shm_mb")},
        "count": {name: column(samples, name) for name in ("threads", "fds")},
    }
    if "age_max" in samples[-1]:
        panels["age, ms"] = {name: 1e3 * column(samples, name) for name in ("age_p50", "age_p95", "age_max")}
        panels["per second"] = {"people": column(samples, "people"), "results": frames}
    else:
        panels["cycles"] = {"cycles": column(samples, "cycles")}
    figure = Figure(figsize=(9, 2.2 * len(panels)), layout="constrained")
    for axes, (unit, lines) in zip(figure.subplots(len(panels), sharex=True), panels.items(), strict=True):
        for name, values in lines.items():
            axes.plot(minutes, values, linewidth=0.8, label=name)
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axes.set_xlabel("minutes")
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=100)


def _memory(steady: Sequence[Sample], limits: Limits) -> Verdict:
    seconds, values = column(steady, "seconds"), column(steady, "private_mb")
    tenth = max(1, len(values) // 10)
    grown = float(np.median(values[-tenth:]) - np.median(values[:tenth]))  # medians: a moment's peak is no growth
    hours = (seconds[-1] - seconds[0]) / 3600
    allowed = NOISE_MB + limits.growth * hours
    text = (
        f"private memory grew by {grown:.1f} MB in {60 * hours:.1f} minutes; allowed: {allowed:.1f} MB "
        f"({NOISE_MB:g} + {limits.growth:g} per hour)"
    )
    return Verdict(bool(grown <= allowed), text)


def _no_growth(steady: Sequence[Sample], name: str) -> Verdict:
    values, quarter = column(steady, name), max(1, len(steady) // 4)
    first, last = float(np.median(values[:quarter])), float(np.median(values[-quarter:]))
    return Verdict(
        bool(last <= first), f"{name}: {first:g} in the first quarter, {last:g} in the last; allowed: no more"
    )


def _age(steady: Sequence[Sample], limits: Limits) -> Verdict:
    oldest = column(steady, "age_max")
    if not np.isfinite(oldest).any():
        return Verdict(False, "no results came")
    age = float(np.nanquantile(oldest, 0.99))
    text = f"age of the oldest result within {age:.3f} s in 99 % of the seconds; allowed: {limits.age:g} s"
    return Verdict(bool(age <= limits.age), text)


def _goes_on(steady: Sequence[Sample]) -> Verdict:
    """Results of every camera until the end."""
    cameras = {camera for sample in steady for camera in sample["frames"]}
    silent = [c for c in sorted(cameras) if not any(sample["frames"].get(c) for sample in steady[-5:])]
    text = f"results until the end for {len(cameras) - len(silent)} of {len(cameras)} camera(s)"
    return Verdict(bool(cameras) and not silent, text)


def _mapped(pid: int) -> set[Path]:
    """Files in /dev/shm that the process maps."""
    paths = (line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return {Path(path) for path in paths if path.startswith("/dev/shm/")}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # a process has just ended
        return 0
