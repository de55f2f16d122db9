"""Measures the ranges that precision int8 needs, on pictures of people like those to come.

Everybody is looked at as the node would: in the whole picture, then up close. The ranges go beside the weights
(int8.json); with other weights, they have to be measured anew.

Example:
    python -m deephar_ros.cli.calibrate models/default ../shared/data/lsp_train/images --every 10
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.backend.base import Crops, load_network
from deephar_ros.backend.int8 import RANGES, measure_ranges, write_ranges
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.cutout import Cutout
from deephar_ros.people import Frame
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import node_settings
from deephar_ros.sources import Reading, open_source

LOOKS = 2
"""At each picture: at all of it, and at whoever was found."""


class Recorder(TorchBackend):
    """Keeps the crops that it is asked to look at."""

    crops: Crops

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        self.crops = super().crop(cutouts)
        return self.crops


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        count = _calibrate(args)
    except (ValueError, OSError) as error:  # all our own errors are ValueErrors
        print(f"calibrate: {error}", file=sys.stderr)
        return 1
    print(f"{args.checkpoint / RANGES} holds what {count} crops needed; --precision int8 can be used now")
    return 0


def _calibrate(args: argparse.Namespace) -> int:
    net, _ = load_network(args.checkpoint)
    source = open_source(
        args.source, Reading(every=args.every, complain=lambda sentence: print(sentence, file=sys.stderr))
    )
    frames = tqdm(islice(source.frames, args.most), total=args.most, unit="picture", leave=False)
    crops = list(_crops(args.checkpoint, (frame.pixels for frame in frames)))
    if not crops:
        raise ValueError(f"{args.source} holds no picture")
    write_ranges(args.checkpoint, measure_ranges(net, crops), sum(map(len, crops)))
    return sum(map(len, crops))


def _crops(checkpoint: Path, pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """(N, S, S, 3) of each look."""
    backend = Recorder(checkpoint, "cpu")
    settings = node_settings()
    pipeline = Pipeline(backend, replace(settings, track=replace(settings.track, search_period=0.0)))
    for pixels in pictures:
        for look in range(LOOKS):
            pipeline(Frame(pixels, stamp=look))
            yield np.asarray(backend.crops)
        pipeline.reset()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("source", metavar="PICTURES", help="folder of pictures, video, bag or camera")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth picture only")
    parser.add_argument("--most", type=int, default=200, metavar="N", help="pictures at most (200)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
