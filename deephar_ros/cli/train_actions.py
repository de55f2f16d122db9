"""Teaches the model your own actions, from clips without any annotation of poses: FOLDER/<label>/<clip>.mp4.

The pose network stays as it is; what it sees of the clips is computed once and kept, then the action path is trained,
in minutes on a CPU. Some clips are held out, to tell how good the result is. Ctrl-C saves; --resume goes on.

Examples:
    python -m deephar_ros.cli.train_actions my_actions --out models/my_actions
    python -m deephar_ros.cli.train_actions my_actions --out models/for_ben --hold-out 'ben*' --clip-spacing 0.1
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from deephar_ros.checkpoint import CheckpointError
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.segments import SegmentsError
from deephar_ros.share import default_checkpoint
from deephar_ros.train.own_actions import OwnActions, train_own_actions

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    args = _parser().parse_args(arguments)
    try:
        wish = OwnActions(
            data=args.data,
            out=args.out,
            base=args.base or default_checkpoint(),
            cache=args.cache or args.data / ".features",
            patterns=tuple(args.hold_out),
            clip_spacing=args.clip_spacing,
            mirror=args.mirror,
            steps=args.steps,
            seed=args.seed,
            device=args.device,
            command=shlex.join(["python", "-m", "deephar_ros.cli.train_actions", *arguments]),
        )
        report = train_own_actions(wish, args.resume)
    except (CheckpointError, DatasetError, SegmentsError, OSError, ValueError) as error:
        print(f"train_actions: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_actions: interrupted; the same command goes on with the clips that are left", file=sys.stderr)
        return INTERRUPTED
    if report is None:
        return INTERRUPTED
    print(f"\n{report}\n\nUse it: ros2 launch deephar_ros perception.launch.py model:={args.out.resolve()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FOLDER", help="folder with a folder of clips for each action")
    parser.add_argument("--out", type=Path, required=True, help="folder for the new checkpoint")
    parser.add_argument("--base", type=Path, help="checkpoint with the pose network (the one of the package)")
    parser.add_argument(
        "--hold-out",
        action="append",
        default=[],
        metavar="PATTERN",
        help="recordings or clips to evaluate on, such as 'ben*' (about a quarter, whole recordings if possible)",
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="learn from mirrored pictures too (yes, unless the name of an action tells left from right)",
    )
    parser.add_argument(
        "--clip-spacing", type=float, metavar="SECONDS", help="between the frames of a clip (as the base)"
    )
    parser.add_argument("--steps", type=int, default=OwnActions.steps, help=f"of training ({OwnActions.steps})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run in --out")
    parser.add_argument("--cache", type=Path, help="folder for what the network sees of the clips (FOLDER/.features)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
