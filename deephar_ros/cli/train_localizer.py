"""Trains the person localizer on composites of Leeds Sports Pose, rendered people, and pictures without people.

Example:
    python -m deephar_ros.cli.train_localizer config/train/localizer.yaml --data ../shared/data --out runs/localizer
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from deephar_ros.data.cutouts import load_sources
from deephar_ros.draw import save_picture
from deephar_ros.files import read_yaml
from deephar_ros.strict import build
from deephar_ros.train.localizer import LocalizerRun, LocalizerTrainer
from deephar_ros.train.log_curve import draw_curves


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file of a LocalizerRun")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with lsp_train, lspet_compact, backgrounds_320, and cut-outs"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the localizer, the log and the state")
    parser.add_argument("--resume", action="store_true", help="go on from the state in --out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that make scenes (1)")
    args = parser.parse_args()
    try:
        train(args)
    except (OSError, ValueError) as error:
        print(f"train_localizer: {error}", file=sys.stderr)
        return 1
    return 0


def train(args: argparse.Namespace) -> None:
    run = build(LocalizerRun, read_yaml(args.config), f"{args.config}:")
    torch.manual_seed(run.train.seed)
    net = run.first_network()
    sources = load_sources(args.data, held_out=False, rendered=args.data / run.rendered if run.rendered else None)
    people = f"{len(sources.portraits)} people, {len(sources.rendered)} rendered ones"
    print(f"{people}, {len(sources.backgrounds)} pictures without any", flush=True)

    args.out.mkdir(parents=True, exist_ok=True)
    trainer = LocalizerTrainer(net, run.model, run.train, args.out, args.device)
    if args.resume:
        trainer.resume()
    trainer.fit(sources, args.workers)
    save_picture(args.out / "loss.png", draw_curves(args.out / "log.jsonl", ("heat_loss", "side_loss")))


if __name__ == "__main__":
    raise SystemExit(main())
