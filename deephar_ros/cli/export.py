"""Writes the network of a checkpoint as ONNX files: frame.onnx, actions.onnx and clip.onnx.

Each file is checked, and compared with PyTorch on smooth random images where onnxruntime is installed; one that differs
by more than 1e-4 is not written.

Example:
    python -m deephar_ros.cli.export models/default --out onnx --graph frame actions --batch dynamic
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deephar_ros.checkpoint import CheckpointError, ModelSpec, load_checkpoint
from deephar_ros.model.spnet import SPNet

if TYPE_CHECKING:
    from deephar_ros.backend.onnx_export import GraphName, InputShape

TOLERANCE = 1e-4
"""Largest absolute difference from PyTorch allowed in any output; all are of the order of 1."""

DYNAMIC: Literal["dynamic"] = "dynamic"


def number_or_dynamic(text: str) -> int | Literal["dynamic"]:
    """An axis: its size, or "dynamic"."""
    return DYNAMIC if text == DYNAMIC else int(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument(
        "--graph", nargs="+", choices=["frame", "actions", "clip"], help="which files (all that the network has)"
    )
    axis: dict[str, Any] = {"type": number_or_dynamic, "metavar": "N|dynamic"}
    parser.add_argument("--batch", **axis, default=DYNAMIC, help="frames or clips at a time (dynamic)")
    parser.add_argument("--size", **axis, help="height and width of the images, pixels (the checkpoint's)")
    parser.add_argument("--cut", type=int, nargs=2, metavar=("P", "L"), help="end with this prediction block")
    parser.add_argument("--all-poses", action="store_true", help="frame.onnx gives the poses of every block")
    return parser.parse_args()


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


def export(net: SPNet, spec: ModelSpec, graph: GraphName, shape: InputShape, all_poses: bool, path: Path) -> None:
    """Exports, compares and writes one graph, and prints how far its outputs are from PyTorch's.

    Raises:
        ValueError: the options do not fit the network, or an output differs by more than `TOLERANCE`.
    """
    from deephar_ros.backend.onnx_export import example_input, export_graph, largest_differences

    model = export_graph(net, spec, graph, shape, all_poses)
    if find_spec("onnxruntime") is None:
        print(f"{path.name}: not compared with PyTorch, onnxruntime is not installed")
    else:
        example = example_input(net, graph, other_shape(spec, shape))
        found = largest_differences(net, graph, model, example, all_poses)
        for name, worst in found.items():
            print(f"{path.name:14} {name:24} {worst:.1e}")
        beyond = [name for name, worst in found.items() if not worst <= TOLERANCE]
        if beyond:
            raise ValueError(f"{path.name} is not written: {beyond[0]} differs from PyTorch by {found[beyond[0]]:.1e}")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(model)
    os.replace(partial, path)
    print(f"{path}: {len(model) / 1e6:.1f} MB")


def main() -> int:
    args = parse()
    if find_spec("onnx") is None:
        print("export: the package onnx is not installed; pip install onnx onnxruntime", file=sys.stderr)
        return 1
    try:
        net, spec = cut(*load_checkpoint(args.checkpoint), args.cut)
        shape = input_shape(spec, args.batch, args.size)
        acts = any(stage.action for stage in spec.network.stages)
        args.out.mkdir(parents=True, exist_ok=True)
        for graph in args.graph or (["frame", "actions", "clip"] if acts else ["frame", "clip"]):
            export(net, spec, graph, shape, args.all_poses, args.out / f"{graph}.onnx")
    except (CheckpointError, ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
