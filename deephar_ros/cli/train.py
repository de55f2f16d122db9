"""Trains a network as a YAML file says; Ctrl-C saves and ends, --resume goes on.

Examples:
    python -m deephar_ros.cli.train config/train/first_light.yaml --data ../shared/data --out runs/first_light
    torchrun --nproc_per_node 4 -m deephar_ros.cli.train config/train/penn.yaml --data /data --out runs/penn
    python -m deephar_ros.cli.train config/train/penn.yaml --data /data --out runs/narrow --set model.network.growth=32
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from deephar_ros.checkpoint import CheckpointError
from deephar_ros.data.samples import DatasetError
from deephar_ros.model.spnet import SPNet
from deephar_ros.strict import ConfigError
from deephar_ros.train.distributed import join, leave
from deephar_ros.train.loading import Loader
from deephar_ros.train.read_config import load_config
from deephar_ros.train.record import record_run
from deephar_ros.train.start import first_weights
from deephar_ros.train.trainer import Trainer
from deephar_ros.train.validation import Validation

INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file, see config/train")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the data sets' folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value in place of the file's"
    )
    args = parser.parse_args()
    group, device = join(args.device)
    try:
        run = load_config(args.config, args.set)
        args.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(run.runtime.seed)
        net = SPNet(run.model.network)
        if run.start is not None and not args.resume:
            print(first_weights(net, Path(run.start)), flush=True)
        trainer = Trainer(net, run, args.out, device, group, Validation(run, args.data, device))
        if args.resume:
            trainer.resume()
        elif (args.out / "log.jsonl").exists() and group.rank == 0:
            raise FileExistsError(f"{args.out} holds a run: --resume goes on with it, another --out starts anew")
        if group.rank == 0:
            record_run(run, args.data, args.out)
        return 0 if trainer.fit(Loader(run, args.data, device, trainer.net, group)) else INTERRUPTED
    except (ConfigError, CheckpointError, DatasetError, OSError, ValueError, FloatingPointError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    finally:
        leave(group)


if __name__ == "__main__":
    raise SystemExit(main())
