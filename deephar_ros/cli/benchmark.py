"""Measures speed, prints a table and writes JSON with the machine, the versions and the checkpoint in it.

    network     the network alone: latency and throughput by cut, batch, backend and precision, beside what the machine
                could do at best in the same run (multiply-adds of its largest matrix product, bytes of its copies)
    streaming   one streamed step against running the whole clip
    pipeline    all but the network: a decoded picture to messages, for some people
    start       from the checkpoint to the first skeleton, in processes of their own
    node        from published image to received skeleton, in processes of their own; needs ROS 2

Things that are compared are timed in turns. Random weights, unless --checkpoint names a folder.

Examples:
    python -m deephar_ros.cli.benchmark network --preset pose2d --cuts 2 8 --batches 1 16
    python -m deephar_ros.cli.benchmark network --device cuda --precision float16 float32 --out gpu.json
    python -m deephar_ros.cli.benchmark pipeline --persons 1 4 16
    python -m deephar_ros.cli.benchmark start --checkpoint models/default
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deephar_ros.backend.base import load_network
from deephar_ros.benchmark.machine import about, document
from deephar_ros.benchmark.network import Way, checkpoint_of, measure_network
from deephar_ros.benchmark.node import SIZES, measure_node
from deephar_ros.benchmark.pipeline import measure_pipeline
from deephar_ros.benchmark.start import measure_start
from deephar_ros.benchmark.streaming import measure_streaming
from deephar_ros.benchmark.timing import percentiles
from deephar_ros.model.presets import PRESETS
from deephar_ros.settings import BACKENDS, PRECISIONS
from deephar_ros.share import default_checkpoint

Rows = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        results = args.run(args)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n")
        print(f"{args.out} has the results")
    return 0


def _network(args: argparse.Namespace) -> dict[str, Any]:
    with _checkpoint(args) as folder:
        _, spec = load_network(folder, args.size)
        cuts = args.cuts or [spec.network.num_pyramids]
        ways = [Way(*pair) for pair in product(args.backend, args.precision)]
        print(f"{spec.name}, {torch.get_num_threads()} threads; limit: products and bytes; ms per batch")
        print(
            f"{'backend':12} {'precision':9} {'P':>2} {'batch':>5} {'p50':>8} {'p95':>8} {'p99':>8} {'frames/s':>9}",
            end=" ",
        )
        print(f"{'GMAC':>6} {'limit':>8} {'bytes':>7} {'of limit':>8}", flush=True)
        rows: Rows = []
        for row in measure_network(folder, ways, args.device, args.size, cuts, args.batches, args.seconds):
            rows.append(row)
            ms = row["milliseconds"]
            print(f"{row['backend']:12} {row['precision']:9} {row['pyramids']:2} {row['batch']:5}", end=" ")
            print(f"{ms['p50']:8.2f} {ms['p95']:8.2f} {ms['p99']:8.2f} {row['frames_per_second']:9.1f}", end=" ")
            print(f"{row['gmac_per_frame']:6.2f} {row['limit_products_ms']:8.2f} {row['limit_bytes_ms']:7.2f}", end=" ")
            print(f"{100 * row['of_limit']:7.0f}%", flush=True)
        return document(rows, checkpoint=about(folder, spec))


def _streaming(args: argparse.Namespace) -> dict[str, Any]:
    print(f"{'preset':24} {'T':>3} {'whole clip, ms (quartiles)':>28} {'streamed step, ms':>24}", end=" ")
    print(f"{'ratio':>6} {'kB/person':>10}")
    rows: Rows = []
    for preset, frames in product(args.presets, args.frames):
        with checkpoint_of(preset, args.size, frames) as folder:
            row = measure_streaming(folder, frames, args.size, args.repeats, args.backend)
        rows.append(row)
        ms = row["milliseconds_quartiles"]
        print(f"{preset:24} {frames:3} {ms['whole']!s:>28} {ms['step']!s:>24} {row['ratio']:6}", end=" ")
        print(f"{row['bytes_per_person'] / 1000:10.0f}", flush=True)
    return document(rows)


def _pipeline(args: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm  # the network alone is measured where it is missing, too

    width, height = args.picture
    with _checkpoint(args) as folder:
        _, spec = load_network(folder, args.size)
        found = about(folder, spec)
    rows: Rows = []
    print(f"{width}x{height}, crops of {spec.input_size}; ms, network left out")
    for persons in args.persons:
        with tqdm(total=args.frames, file=sys.stderr, leave=False) as bar:
            moments = measure_pipeline(spec, persons, width, height, args.frames, bar.update)
        total = percentiles(np.array(moments.total) * 1e3)
        stages = {name: round(1e3 * float(np.median(each)), 3) for name, each in moments.stages.items()}
        del stages["network"]
        rows.append({"persons": persons, "picture": [width, height], "milliseconds": total, "stages_p50": stages})
        print(f"{persons:3} people: p50 {total['p50']:6.2f}  p95 {total['p95']:6.2f}  p99 {total['p99']:6.2f} ", stages)
    return document(rows, checkpoint=found, size=spec.input_size)


def _start(args: argparse.Namespace) -> dict[str, Any]:
    with _checkpoint(args) as folder:
        _, spec = load_network(folder)
        rows = measure_start(folder, args.backend, args.device, args.precision, args.repeats)
        for row in rows:
            print(", ".join(f"{key} {value}" for key, value in row.items()))
        return document(rows, checkpoint=about(folder, spec))


def _node(args: argparse.Namespace) -> dict[str, Any]:
    rows: Rows = []
    print(
        f"{'size':6} {'Hz':>4} {'sent':>5} {'got':>5} {'age p50':>8} {'p95':>7} {'p99':>7} {'over network p50':>17}",
        end=" ",
    )
    print(f"{'p99':>7} {'CPU':>6} {'MB':>6}")
    for size, rate in product(args.pictures, args.rates):
        row = measure_node(args.checkpoint or default_checkpoint(), size, rate, args.seconds, args.parameter)
        rows.append(row)
        age, added = row["age_ms"], row["added_ms"]
        print(f"{size:6} {rate:4g} {row['sent']:5} {row['received']:5} {age['p50']:8.1f} {age['p95']:7.1f}", end=" ")
        print(
            f"{age['p99']:7.1f} {added['p50']:17.1f} {added['p99']:7.1f} {row['cpu']:5.0f}% {row['megabytes']:6.0f}",
            flush=True,
        )
    return document(rows)


@contextmanager
def _checkpoint(args: argparse.Namespace) -> Iterator[Path]:
    """The folder that was named, or one with random weights."""
    size = getattr(args, "size", 0) or 256
    with nullcontext(args.checkpoint) if args.checkpoint else checkpoint_of(args.preset, size) as folder:
        yield folder


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--out", type=Path, metavar="FILE", help="JSON file to write")
    shared.add_argument("--threads", type=int, default=0, help="CPU threads of the network (all)")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="checkpoint folder instead of random weights")
    model.add_argument("--preset", choices=sorted(PRESETS), default="pose2d", metavar="NAME", help="network (pose2d)")
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")

    network = commands.add_parser("network", parents=[shared, model, device])
    network.add_argument("--size", type=int, default=0, help="input size (the checkpoint's; 256)")
    network.add_argument("--cuts", type=int, nargs="+", metavar="P", help="pyramids (all of the network's)")
    network.add_argument("--batches", type=int, nargs="+", default=[1, 16], metavar="N", help="(1 16)")
    network.add_argument("--backend", nargs="+", default=["auto"], choices=BACKENDS)
    network.add_argument("--precision", nargs="+", default=["auto"], choices=PRECISIONS)
    network.add_argument("--seconds", type=float, default=2.0, help="for each row (2)")
    network.set_defaults(run=_network)

    streaming = commands.add_parser("streaming", parents=[shared])
    streaming.add_argument("--preset", dest="presets", nargs="+", default=["ntu_published"], choices=sorted(PRESETS))
    streaming.add_argument("--frames", type=int, nargs="+", default=[8], help="clip lengths (8)")
    streaming.add_argument("--size", type=int, default=256, help="input size (256)")
    streaming.add_argument("--backend", default="auto", choices=BACKENDS, help="of the streamed step (auto)")
    streaming.add_argument("--repeats", type=int, default=10)
    streaming.set_defaults(run=_streaming)

    pipeline = commands.add_parser("pipeline", parents=[shared, model])
    pipeline.add_argument("--size", type=int, default=0, help="input size (the checkpoint's; 256)")
    pipeline.add_argument("--persons", type=int, nargs="+", default=[1, 4, 16], metavar="N", help="(1 4 16)")
    pipeline.add_argument("--picture", type=int, nargs=2, default=[1920, 1080], metavar=("W", "H"), help="(1920 1080)")
    pipeline.add_argument("--frames", type=int, default=300, help="frames that are timed (300)")
    pipeline.set_defaults(run=_pipeline)

    start = commands.add_parser("start", parents=[shared, model, device])
    start.add_argument("--backend", default="auto", choices=BACKENDS)
    start.add_argument("--precision", default="auto", choices=PRECISIONS)
    start.add_argument("--repeats", type=int, default=3, help="starts from the cache (3)")
    start.set_defaults(run=_start)

    node = commands.add_parser("node", parents=[shared])
    node.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="(the model that comes along)")
    node.add_argument("--pictures", nargs="+", default=["1080p"], choices=sorted(SIZES))
    node.add_argument("--rates", type=float, nargs="+", default=[30.0], metavar="HZ", help="(30)")
    node.add_argument("--seconds", type=float, default=10.0, help="for each row (10)")
    node.add_argument("--parameter", nargs="+", default=[], metavar="NAME:=VALUE", help="of the node")
    node.set_defaults(run=_node)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
