"""Writes what a network predicts for a folder of pictures or videos, for others to score.

Pictures (`--images`) give names (N,), joints (J,) names, kpts (N, J, 2) pixels of the pictures, confidence (N, J) and
kpts3d (N, J, 3): mm from the pelvis, axes of the camera, z NaN where the model's depth is untrained. Videos (`--clips`)
give names (N,), labels (N,), label_names (C,), distributions (N, C) and clips (N,). Names are paths below the folder,
sorted. All arrays are read by numpy.load without pickle. Files that cannot be read are left out and named. Where all
videos lie in folders that bear names of the model's labels, it also prints how many are called as these say.

Examples:
    python -m deephar_ros.cli.predict models/default --images photos --boxes boxes.json --out predictions.npz
    python -m deephar_ros.cli.predict models/default --clips videos --out actions.npz
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import CheckpointError
from deephar_ros.settings import node_settings
from deephar_ros.sources import PICTURES
from deephar_ros.track import BOX_MARGIN
from deephar_ros.train.raw_predictions import (
    VIDEOS,
    BoxesError,
    Broken,
    PicturePredictions,
    VideoPredictions,
    agreement,
    find_files,
    predict_pictures,
    predict_videos,
    read_boxes,
)


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        predictions, broken = _videos(args) if args.clips else _pictures(args)
    except (CheckpointError, BoxesError, FileNotFoundError, ValueError) as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    for name, reason in broken:
        print(f"predict: left out {name}: {reason}", file=sys.stderr)
    count = len(predictions.names)
    if not count:
        print(f"predict: none of {len(broken)} files could be read", file=sys.stderr)
        return 1
    save(args.out, predictions)
    print(f"{count} predictions in {args.out}" + (f", {len(broken)} broken files left out" if broken else ""))
    for line in agreement(predictions) if isinstance(predictions, VideoPredictions) else ():
        print(line)
    return 0


def save(path: Path, predictions: PicturePredictions | VideoPredictions) -> None:
    """Writes the npz file; a crash meanwhile leaves an old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **asdict(predictions))
    os.replace(partial, path)


def _pictures(args: argparse.Namespace) -> tuple[PicturePredictions, list[Broken]]:
    names = find_files(args.images, PICTURES)
    boxes = read_boxes(args.boxes, names) if args.boxes else None
    return predict_pictures(TorchBackend(args.checkpoint, args.device), args.images, names, boxes, args.margin)


def _videos(args: argparse.Namespace) -> tuple[VideoPredictions, list[Broken]]:
    names = find_files(args.clips, VIDEOS)
    backend = TorchBackend(args.checkpoint, args.device)
    sets = len(backend.spec.labels)
    if not 0 <= args.action_set < sets:
        raise ValueError(f"--action-set {args.action_set}: the model {backend.spec.name} has {sets} sets of actions")
    if not backend.spec.action_trained:
        print(f"predict: the actions of {backend.spec.name} are untrained: random weights", file=sys.stderr)
    settings = None if args.whole_image else node_settings()
    return predict_videos(backend, args.clips, names, settings, args.action_set)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="FOLDER", help="pictures of one person each, also in subfolders")
    source.add_argument("--clips", type=Path, metavar="FOLDER", help="videos of one action each, also in subfolders")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument(
        "--boxes", type=Path, metavar="JSON", help="{name: [x1, y1, x2, y2]}, pixels; without: the whole picture"
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=BOX_MARGIN,
        help=f"side of the square crop over the longer side of the box ({BOX_MARGIN}); 1: as tight as the box",
    )
    parser.add_argument("--whole-image", action="store_true", help="videos: do not look for people")
    parser.add_argument("--action-set", type=int, default=0, help="videos: which of the model's sets of actions (0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
