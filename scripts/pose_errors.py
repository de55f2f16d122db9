#!/usr/bin/env python3
"""How far the poses that a network finds are from the annotated ones, block by block: what `data.seen` imitates.

Usage: python scripts/pose_errors.py CHECKPOINT LSP_FOLDER [persons]   (the last persons of LSP's training part, 100)
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.data.lsp import load_lsp
from deephar_ros.train.evaluate import predict_poses

KINDS = ("wrist", "elbow", "shoulder", "head", "thorax", "hip", "knee", "ankle")


def main(checkpoint: str, folder: str, count: str = "100") -> None:
    net, spec = load_checkpoint(Path(checkpoint))
    layout = spec.layout
    samples = load_lsp(Path(folder), False, "train", layout)[-int(count) :]
    found = predict_poses(net, spec, samples, torch.device("cpu"), every_block=True)
    truth = np.stack([sample.joints[:, :2] for sample in samples])
    side = np.array([max(sample.window.width, sample.window.height) for sample in samples])[:, None]
    known = np.isfinite(truth).all(-1)
    for name, joints, confidence in zip(found.blocks, found.joints[..., :2], found.confidence, strict=True):
        error = np.linalg.norm(joints - truth, axis=-1) / side
        near, far = known & (error < 0.05), known & (error > 0.1)
        other = np.linalg.norm(joints - truth[:, layout.flip], axis=-1) / side
        sided = known & np.array([flip != j for j, flip in enumerate(layout.flip)])
        print(
            f"{name}: error (sides of the crop) median {np.median(error[known]):.4f},"
            f" 75 % {np.quantile(error[known], 0.75):.4f}, 90 % {np.quantile(error[known], 0.9):.4f};"
            f" > 0.1: {far.sum() / known.sum():.3f},"
            f" of these at the other side's joint {(far & sided & (other < 0.04)).sum() / far.sum():.2f};"
            f" confidence near {np.quantile(confidence[near], [0.1, 0.5, 0.9]).round(2)},"
            f" far {np.quantile(confidence[far], [0.1, 0.5, 0.9]).round(2)}"
        )
        if name == found.blocks[-1]:
            for kind in KINDS:
                rows = [j for j, joint in enumerate(layout.joints) if joint.endswith(kind)]
                each, sure = error[:, rows][known[:, rows]], confidence[:, rows][known[:, rows]]
                share = (each > 0.1).mean()
                print(f"  {kind}: median {np.median(each):.4f}, > 0.1: {share:.3f}, confidence {np.median(sure):.2f}")
    last = found.joints[-1, ..., :2]
    between = np.linalg.norm(found.joints[..., :2] - last, axis=-1) / side
    print(
        "from the last block, median:",
        dict(zip(found.blocks, np.median(between, (1, 2)).round(4).tolist(), strict=True)),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
