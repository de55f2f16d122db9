"""Trains the 2D pose part of a network on Leeds Sports Pose.

Example:
    python -m deephar_ros.cli.train config/train/first_light.yaml --data ../shared/data --out runs/first_light
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch
import yaml

from deephar_ros.checkpoint import spec_from_dict
from deephar_ros.data.lsp import lsp_split
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.trainer import TrainConfig, Trainer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file with model, train and data")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with lspet_compact, lsp_train, backgrounds_320"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint, the log and the state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()

    config = yaml.safe_load(args.config.read_text())
    unknown = set(config["train"]) - {f.name for f in fields(TrainConfig)}
    if unknown:
        parser.error(f"{args.config}: unknown entries {sorted(unknown)} under train")
    spec, cfg = spec_from_dict(config["model"]), TrainConfig(**config["train"])
    train, validation = lsp_split(args.data, **config["data"])
    backgrounds = sorted((args.data / "backgrounds_320").glob("*.jpg"))
    print(
        f"{len(train)} training samples, {len(validation)} for validation, {len(backgrounds)} backgrounds", flush=True
    )

    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(cfg.seed)
    trainer = Trainer(SPNet(spec.network), spec, cfg, args.out, args.device)
    if args.resume:
        trainer.resume()
    trainer.fit(train, validation, backgrounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
