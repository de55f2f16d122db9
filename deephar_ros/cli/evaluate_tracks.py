"""How well an action path recognises poses without pictures: the validation sets of a training run, or others of it.

Examples:
    python -m deephar_ros.cli.evaluate_tracks config/train/default_actions.yaml runs/actions --data DATA --ways
    python -m deephar_ros.cli.evaluate_tracks config/train/default_actions.yaml models/default --data DATA \\
        --sets penn_held_out --clips 5 --out out/penn
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from deephar_ros.checkpoint import CheckpointError, load_checkpoint
from deephar_ros.data.samples import DatasetError
from deephar_ros.strict import ConfigError
from deephar_ros.train.curve import draw_confusion
from deephar_ros.train.loading import track_clips
from deephar_ros.train.protocols import score_to_dict
from deephar_ros.train.read_config import load_config
from deephar_ros.train.score_tracks import by_way, confusions, score_tracks, see_tracks
from deephar_ros.train.tables import score_table


def main() -> int:
    args = _parser().parse_args()
    try:
        run = load_config(args.config, args.set)
        net, spec = load_checkpoint(args.checkpoint)
        if spec.labels != run.model.labels:
            raise ValueError(f"the actions of {args.checkpoint} are not those of {args.config}")
        chosen = [cfg for cfg in run.data.sets if cfg.name in (args.sets or run.data.validation)]
        if not chosen:
            raise ValueError(f"{args.config} has no set {args.sets}; it has {[cfg.name for cfg in run.data.sets]}")
        for cfg in chosen:
            tracks = track_clips(run, cfg, args.data, net, torch.device("cpu"))
            labels, rule = spec.labels[cfg.action_set], f"{args.clips} clips of each, seed {run.runtime.seed}"
            actions = see_tracks(net, tracks, args.clips)
            score = score_tracks(actions, tracks.clips, labels, cfg.name, rule)
            print(score_table(score), *confusions(score), sep="\n")
            if args.ways:
                print(
                    *(f"{way.name:44}{way.right:5} of{way.total:5}" for way in by_way(actions, tracks.clips, labels)),
                    sep="\n",
                )
            if args.out:
                args.out.mkdir(parents=True, exist_ok=True)
                (args.out / f"{cfg.name}.json").write_text(json.dumps(score_to_dict(score), allow_nan=False) + "\n")
                draw_confusion(score, args.out / f"{cfg.name}_confusion.png")
    except (ConfigError, CheckpointError, DatasetError, OSError, ValueError) as error:
        print(f"evaluate_tracks: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file of the training run")
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the data sets' folders")
    parser.add_argument("--sets", nargs="+", help="names of sets in the file (those for validation)")
    parser.add_argument("--clips", type=int, default=1, help="of each video, whose mean counts (1: the middle one)")
    parser.add_argument("--ways", action="store_true", help="show each way of an action by itself")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write scores and pictures of the confusions")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value in place of the file's"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
