"""Compares the backends that work here, in every precision, with PyTorch in float32 on the CPU, over real pictures.

Prints the table of docs/backends.md. Exit status 1 if a backend differs by more than its precision is allowed to, or
one that works here fails. TensorRT first builds its engine, which takes minutes, if that has not been done.

Example:
    python -m deephar_ros.cli.verify_backends --images resource/demo.mp4 --every 5
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.backend.base import Start
from deephar_ros.backend.choose import OFFERED, missing_packages, open_backend
from deephar_ros.backend.int8 import RANGES
from deephar_ros.backend.tolerances import TOLERANCES, Difference, beyond, difference
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import CheckpointError
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Window
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.sources import SourceError, open_source

HEAD = (
    "| backend | device | precision | coordinates, largest | 99 of 100 | pixels of the crop | confidence | features "
    "| actions | |\n|---|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, device: str, precision: str, found: Difference, size: int) -> str:
    """One line of the table, with what goes beyond its tolerance."""
    numbers = [found.coordinates, found.typical, found.coordinates * size, *found[2:]]
    said = ", ".join(beyond(found, TOLERANCES[precision]))
    return f"| {name} | {device} | {precision} | {' | '.join(f'{n:.1e}' for n in numbers)} | {said or 'ok'} |"


def crops_of(source: str, every: int, most: int, size: int) -> NDArray[np.uint8]:
    """(N, size, size, 3): whole pictures of a source, square with black borders."""
    frames = islice(open_source(source).frames, 0, every * most, every)
    whole = [(frame.pixels, Window.whole(frame.pixels.shape[1], frame.pixels.shape[0])) for frame in frames]
    return cut_all([Cutout(pixels, (0, 1, 2), window) for pixels, window in whole], size)


def compare(args: argparse.Namespace) -> bool:
    """Prints the table; whether all is within the tolerances."""
    reference = TorchBackend(args.checkpoint, "cpu", "float32", Start(args.input_size, args.cut))
    size = reference.spec.input_size
    crops = crops_of(str(args.images), args.every, args.limit, size)
    if len(crops) < reference.spec.clip_frames:
        raise ValueError(f"{args.images} gives {len(crops)} pictures, fewer than a clip has; lower --every")
    print(
        f"{reference.spec.name}, {len(crops)} pictures of {args.images}, crops of {size} pixels\n\n{HEAD}", flush=True
    )
    good = True
    for (name, kind), precisions in OFFERED.items():
        for precision in precisions:
            why = reason_against(name, kind)
            if precision == "int8" and not (args.checkpoint / RANGES).is_file():
                why = f"the checkpoint has no {RANGES}, which calibrate makes"
            why = f"not measured: {why}" if why else ""
            if (name, kind, precision) == ("torch", "cpu", "float32"):
                why = "the reference"
            elif not why:
                try:
                    backend = open_backend(args.checkpoint, name, kind, precision, Start(args.input_size, args.cut))
                    found = difference(backend.backend, reference, crops, reference.spec.clip_frames)
                    print(row(name, kind, precision, found, size), flush=True)
                    good &= not beyond(found, TOLERANCES[precision])
                    continue
                except (ValueError, RuntimeError) as error:
                    good, why = False, f"failed: {error}"
            print(f"| {name} | {kind} | {precision} | {why} |{' |' * 6}", flush=True)
    return good


def reason_against(name: str, kind: str) -> str:
    """Why a backend cannot run here; empty if it can."""
    if kind == "cuda" and not torch.cuda.is_available():
        return "no CUDA device here"
    missing = missing_packages(name)
    if missing:
        return f"{' and '.join(missing)} not installed"
    if (name, kind) == ("onnxruntime", "cuda"):
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            return "this onnxruntime is built for CPUs"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="folder of the model")
    parser.add_argument("--images", type=Path, default=demo_clip(), help="folder of pictures, or a video (the demo's)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth picture")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="pictures at most (100)")
    parser.add_argument("--cut", type=int, default=0, metavar="N", help="run N pyramids of the network only")
    parser.add_argument("--input-size", type=int, default=0, metavar="N", help="side of the crops (the model's)")
    args = parser.parse_args()
    try:
        return 0 if compare(args) else 1
    except (CheckpointError, SourceError, ValueError, OSError) as error:
        print(f"verify_backends: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
