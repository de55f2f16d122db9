"""Writes the network of a checkpoint as ONNX files: frame.onnx, actions.onnx and clip.onnx; or builds TensorRT engines.

Each file is checked, and compared with PyTorch on smooth random images where onnxruntime is installed; one that differs
by more than its precision allows (1e-4 in float32) is not written.

--engine builds the engines that the node and `infer` would build when they are started with backend "tensorrt", for
the GPU and the TensorRT of this machine, and puts them where these look: the cache folder of whoever calls it. Call it
as the same user.

Examples:
    python -m deephar_ros.cli.export models/default --out onnx --graph frame actions --batch dynamic
    python -m deephar_ros.cli.export models/default --engine
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deephar_ros.backend.base import Start
from deephar_ros.backend.cache import Cache
from deephar_ros.backend.choose import open_backend
from deephar_ros.backend.engine_cache import ENGINES
from deephar_ros.checkpoint import CheckpointError, ModelSpec, load_checkpoint
from deephar_ros.model.spnet import SPNet

if TYPE_CHECKING:
    from deephar_ros.backend.onnx_export import GraphName, GraphPrecision, InputShape

TOLERANCE = {"float32": 1e-4, "float16": 0.05}
"""Largest absolute difference from PyTorch in float32 in any output; all are of the order of 1. Of real pictures, half
precision differs less (backend/tolerances.py): these are noise, on which a network is sure of nothing."""

DYNAMIC: Literal["dynamic"] = "dynamic"


def number_or_dynamic(text: str) -> int | Literal["dynamic"]:
    """An axis: its size, or "dynamic"."""
    return DYNAMIC if text == DYNAMIC else int(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--out", type=Path, help="folder to write into; without it, nothing but --engine is done")
    parser.add_argument(
        "--graph", nargs="+", choices=["frame", "actions", "clip"], help="which files (all that the network has)"
    )
    axis: dict[str, Any] = {"type": number_or_dynamic, "metavar": "N|dynamic"}
    parser.add_argument("--batch", **axis, default=DYNAMIC, help="frames or clips at a time (dynamic)")
    parser.add_argument("--size", **axis, help="height and width of the images, pixels (the checkpoint's)")
    parser.add_argument("--cut", type=int, nargs=2, metavar=("P", "L"), help="end with this prediction block")
    parser.add_argument("--all-poses", action="store_true", help="frame.onnx gives the poses of every block")
    parser.add_argument(
        "--precision", choices=["float32", "float16"], help="of the convolutions (float32; engines: 16)"
    )
    parser.add_argument(
        "--engine", action="store_true", help="build TensorRT engines of frame and actions, and keep them"
    )
    parser.add_argument("--device", default="auto", help="GPU that the engines are for: auto, cuda:1")
    parser.add_argument(
        "--pyramids", type=int, default=0, metavar="N", help="engines of N pyramids of the network (all)"
    )
    parser.add_argument("--every-cut", action="store_true", help="engines of every number of pyramids, for target_rate")
    args = parser.parse_args()
    if not args.out and not args.engine:
        parser.error("say --out FOLDER, or --engine")
    return args


def cut(net: SPNet, spec: ModelSpec, block: list[int] | None) -> tuple[SPNet, ModelSpec]:
    """The network that ends with a block (pyramid, level), and its specification; None keeps all."""
    if block is None:
        return net, spec
    net = net.cut(block[0], block[1])
    return net, replace(spec, network=net.config)


def input_shape(spec: ModelSpec, batch: int | Literal["dynamic"], size: int | Literal["dynamic"] | None) -> InputShape:
    """What the options ask for; a dynamic axis is traced with a small size."""
    from deephar_ros.backend.onnx_export import InputShape

    side = 2 * spec.network.size_multiple if size == DYNAMIC else spec.input_size if size is None else size
    return InputShape(
        batch=1 if batch == DYNAMIC else batch,
        frames=spec.clip_frames,
        height=side,
        width=side,
        dynamic_batch=batch == DYNAMIC,
        dynamic_size=size == DYNAMIC,
    )


def other_shape(spec: ModelSpec, shape: InputShape) -> InputShape:
    """A shape that the graph must take too: where an axis is dynamic, another size than the one traced."""
    wider = shape.width + spec.network.size_multiple * shape.dynamic_size
    return replace(shape, batch=shape.batch + 2 * shape.dynamic_batch, width=wider)


def export(
    net: SPNet,
    spec: ModelSpec,
    graph: GraphName,
    shape: InputShape,
    path: Path,
    all_poses: bool = False,
    precision: GraphPrecision = "float32",
) -> None:
    """Exports, compares and writes one graph, and prints how far its outputs are from PyTorch's.

    Raises:
        ValueError: the options do not fit the network, or an output differs by more than its `TOLERANCE`.
    """
    from deephar_ros.backend.onnx_export import example_input, export_graph, largest_differences

    model = export_graph(net, spec, graph, shape, all_poses, precision)
    if find_spec("onnxruntime") is None:
        print(f"{path.name}: not compared with PyTorch, onnxruntime is not installed")
    else:
        example = example_input(net, graph, other_shape(spec, shape))
        found = largest_differences(net, graph, model, example, all_poses)
        for name, worst in found.items():
            print(f"{path.name:14} {name:24} {worst:.1e}")
        beyond = [name for name, worst in found.items() if not worst <= TOLERANCE[precision]]
        if beyond:
            raise ValueError(f"{path.name} is not written: {beyond[0]} differs from PyTorch by {found[beyond[0]]:.1e}")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(model)
    os.replace(partial, path)
    print(f"{path}: {len(model) / 1e6:.1f} MB")


def build_engines(args: argparse.Namespace) -> None:
    """Builds what is missing, and runs each engine once.

    Raises:
        ValueError: the options do not fit, or TensorRT or its GPU is not here.
    """
    size = 0 if args.size in (None, DYNAMIC) else args.size
    start = Start(input_size=size, cut=args.pyramids, every_cut=args.every_cut)
    backend, _ = open_backend(args.checkpoint, "tensorrt", args.device, args.precision or "auto", start)
    print(f"{backend.spec.name} in {backend.precision} for {backend.device}: engines are in {Cache(ENGINES).folder}")


def main() -> int:
    args = parse()
    if find_spec("onnx") is None:
        print("export: the package onnx is not installed; pip install onnx onnxruntime", file=sys.stderr)
        return 1
    try:
        if args.out:
            net, spec = cut(*load_checkpoint(args.checkpoint), args.cut)
            shape = input_shape(spec, args.batch, args.size)
            acts = any(stage.action for stage in spec.network.stages)
            args.out.mkdir(parents=True, exist_ok=True)
            for graph in args.graph or (["frame", "actions", "clip"] if acts else ["frame", "clip"]):
                precision: GraphPrecision = args.precision or "float32"
                export(net, spec, graph, shape, args.out / f"{graph}.onnx", args.all_poses, precision)
        if args.engine:
            build_engines(args)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
