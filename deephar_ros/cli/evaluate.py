"""Prints the 2D pose accuracy of a checkpoint on the held-out pictures of Leeds Sports Pose, joint by joint.

Example:
    python -m deephar_ros.cli.evaluate models/default --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from deephar_ros.checkpoint import CheckpointError, load_checkpoint
from deephar_ros.data.lsp import lsp_split
from deephar_ros.train.evaluate import pose_accuracy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="folder with lspet_compact and lsp_train")
    parser.add_argument("--validation", type=int, default=100, help="how many of the last persons of lsp_train (100)")
    args = parser.parse_args()
    try:
        net, spec = load_checkpoint(args.checkpoint)
        _, held_out = lsp_split(args.data, repeat_lsp=1, validation=args.validation)
    except (CheckpointError, FileNotFoundError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    pck = pose_accuracy(net, spec, held_out, torch.device("cpu"))
    for joint, value in zip(spec.layout.joints, pck, strict=True):
        print(f"{joint:15} {value:6.1f}")
    print(f"{'mean':15} {np.nanmean(pck):6.1f}   PCK@0.2 of the torso, %, {len(held_out)} persons, {args.checkpoint}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
