"""Compares a checkpoint with reference outputs: an .npz with `input` (channels last, in [-1, 1]) and `out/<name>`.

Output names: pose_p{pyramid}_l{level}, action_p{}_l{}_set{d}, dbgpose_p{}_l{}, dbgheat_p{}_l{}.

Example:
    python -m deephar_ros.cli.verify checkpoints/tiny --reference tiny2d_clip_replica_io.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from deephar_ros.checkpoint import CheckpointError, load_checkpoint
from deephar_ros.data.arrays import read_npz
from deephar_ros.geometry import Array
from deephar_ros.model.named_outputs import named_outputs
from deephar_ros.model.spnet import SPNet

TOLERANCE = {np.dtype(np.float32): 2e-4, np.dtype(np.float64): 1e-10}
"""Largest difference allowed, by the less precise of the reference and our computation."""


class Difference(NamedTuple):
    """Largest absolute difference of one output, and how much is allowed."""

    found: float
    allowed: float


def differences(net: SPNet, reference: dict[str, Array], dtype: torch.dtype) -> dict[str, Difference]:
    """Of each reference output; infinite where the network has no such output."""
    images = torch.from_numpy(reference["input"]).to(dtype).movedim(-1, -3)
    with torch.inference_mode():
        outputs = {name: value.numpy() for name, value in named_outputs(net.to(dtype), images).items()}
    found = {}
    for key in reference.keys() - {"input", "frames_u8"}:
        name, expected = key.removeprefix("out/"), reference[key]
        fits = name in outputs and outputs[name].shape == expected.shape
        worst = float(np.abs(outputs[name] - expected).max(initial=0.0)) if fits else float("inf")
        precision = min(expected.dtype, images.numpy().dtype, key=lambda kind: kind.itemsize)
        found[name] = Difference(worst, TOLERANCE[precision])
    return dict(sorted(found.items()))


def read_reference(path: Path, inputs: Path | None) -> dict[str, Array]:
    """Arrays of the reference; `input` from another file if it is not in this one.

    Raises:
        ValueError: a file is broken, or the arrays are not those of a reference.
    """
    arrays = read_npz(path)
    if "input" not in arrays and inputs is not None:
        arrays["input"] = read_npz(inputs, ["input"])["input"]
    if "input" not in arrays:
        raise ValueError(f"{path} holds no array 'input'; give the file that does with --input")
    for name in arrays.keys() - {"frames_u8"}:
        if arrays[name].dtype not in TOLERANCE:
            raise ValueError(f"{path}: {name} holds {arrays[name].dtype}; float32 and float64 can be compared")
    shape = arrays["input"].shape
    if len(shape) not in (4, 5) or shape[-1] != 3 or 0 in shape:
        raise ValueError(f"{path}: input of shape {shape} is not pictures (N, H, W, 3) or clips (N, T, H, W, 3)")
    return arrays


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--reference", type=Path, required=True, help=".npz with the expected outputs")
    parser.add_argument("--input", type=Path, help=".npz with the array 'input', if the reference has none")
    parser.add_argument("--float64", action="store_true", help="compute in float64")
    parser.add_argument("--tolerance", type=float, help="largest difference allowed (2e-4; 1e-10 in float64)")
    args = parser.parse_args()
    dtype = torch.float64 if args.float64 else torch.float32
    try:
        net, _ = load_checkpoint(args.checkpoint)
        found = differences(net, read_reference(args.reference, args.input), dtype)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    beyond = 0
    for name, (worst, allowed) in found.items():
        allowed = allowed if args.tolerance is None else args.tolerance
        beyond += not worst <= allowed
        print(f"{name:28} {worst:.3e}  allowed {allowed:.0e}{'' if worst <= allowed else '  BEYOND'}")
    print(f"{len(found)} outputs, {beyond} beyond the tolerance")
    return 0 if found and not beyond else 1


if __name__ == "__main__":
    raise SystemExit(main())
