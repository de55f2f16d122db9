"""Trains the person localizer on composites of Leeds Sports Pose and pictures without people.

Example:
    python -m deephar_ros.cli.train_localizer config/train/localizer.yaml --data ../shared/data --out runs/localizer
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import torch
import yaml

from deephar_ros.data.cutouts import load_sources
from deephar_ros.draw import save_picture
from deephar_ros.localizer.checkpoint import spec_from_dict
from deephar_ros.localizer.network import LocalizerNet
from deephar_ros.train.localizer import LocalizerTrainConfig, LocalizerTrainer
from deephar_ros.train.log_curve import draw_curves


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file with model and train")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with lsp_train, lspet_compact, backgrounds_320"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the localizer, the log and the state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes (1)")
    args = parser.parse_args()

    config = yaml.safe_load(args.config.read_text())
    unknown = set(config["train"]) - {f.name for f in fields(LocalizerTrainConfig)}
    if unknown:
        parser.error(f"{args.config}: unknown entries {sorted(unknown)} under train")
    spec, cfg = spec_from_dict(config["model"]), LocalizerTrainConfig(**config["train"])
    sources = load_sources(args.data, held_out=False)
    print(f"{len(sources.portraits)} people, {len(sources.backgrounds)} pictures without any", flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(cfg.seed)
    trainer = LocalizerTrainer(LocalizerNet(spec.network), spec, cfg, args.out, args.device)
    if args.resume:
        trainer.resume()
    trainer.fit(sources, args.workers)
    save_picture(args.out / "loss.png", draw_curves(args.out / "log.jsonl", ("heat_loss", "side_loss")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
