#!/usr/bin/env python3
"""Makes of UTD-MHAD's depth sequences what a user would have: a long recording of each person, and segments.csv.

    python scripts/make_utd_recordings.py ../shared/data/utd_mhad_odd --out runs/utd
    python -m deephar_ros.cli.label runs/utd/*.mp4 --segments runs/utd/segments.csv --out runs/utd_actions
    python -m deephar_ros.cli.train_actions runs/utd_actions --out runs/utd_own --hold-out s7

Depth becomes grey: what is near is bright, twice the size, on a grey wall. Every third of the 27 actions is taken.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.data.utd_mhad import LABELS, read_depth
from deephar_ros.draw import VideoWriter

ACTIONS = range(1, len(LABELS) + 1, 3)
RATE, PAUSE = 30.0, 1.0
"""Frames per second of the camera; seconds between two actions, without anybody."""
WALL = 70


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of a1_s1_t1.npz, ... (utd_mhad_odd)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the recordings and segments.csv")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sequences = [(name, path) for path in args.data.glob("*.npz") if (name := _numbers(path))[0] in ACTIONS]
    with (args.out / "segments.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["recording", "start", "end", "label"])
        for subject in sorted({subject for (_, subject, _), _ in sequences}):
            of_them = sorted(((trial, action, path) for (action, s, trial), path in sequences if s == subject))
            _record(f"s{subject}", of_them, args.out, table)


def _numbers(path: Path) -> tuple[int, int, int]:
    """Action, subject and trial by the name of a file."""
    action, subject, trial = (int(number) for number in re.findall(r"\d+", path.stem))
    return action, subject, trial


def _record(name: str, sequences: list[tuple[int, int, Path]], out: Path, table: csv.writer) -> None:  # type: ignore[valid-type]
    time = 0.0
    with VideoWriter(out / f"{name}.mp4") as video:
        for _, action, path in tqdm(sequences, desc=name, unit="action"):
            with np.load(path) as file:
                times = file["frame_idx"] / RATE
            for row, seconds in enumerate(times):
                video.add(grey(read_depth(path, row)[..., 0]), time + seconds)
            end = time + times[-1] + times[1]
            table.writerow([name, f"{time:.3f}", f"{end:.3f}", LABELS[action - 1]])
            video.add(np.full((480, 640, 3), WALL, np.uint8), end)
            time = end + PAUSE


def grey(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(240, 320) levels of depth, 0 for nothing -> (480, 640, 3)."""
    there = levels > 0
    near, far = np.percentile(levels[there], [1, 99]) if there.any() else (0, 1)
    shade = 230 - 130 * np.clip((levels - near) / max(far - near, 1), 0, 1)
    picture = cv2.resize(np.where(there, shade, WALL).astype(np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    return np.repeat(picture[..., None], 3, 2)


if __name__ == "__main__":
    main()
