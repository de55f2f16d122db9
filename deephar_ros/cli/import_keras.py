"""Turns a Keras weights file of SPNet into a checkpoint folder. Needs h5py, not TensorFlow.

Example:
    python -m deephar_ros.cli.import_keras weights_mpii+penn_ar_028.hdf5 --out checkpoints/penn \\
        --labels config/actions/penn_action.txt --clip-spacing 0.2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deephar_ros.checkpoint import CheckpointError, ModelSpec, save_checkpoint
from deephar_ros.keras_file import KerasImportError
from deephar_ros.model.keras_import import import_keras


def read_labels(files: list[Path], counts: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """One label per line, one file per action set; without files the labels are "action_1", "action_2", ..."""
    if not files:
        return tuple(tuple(f"action_{i}" for i in range(1, count + 1)) for count in counts)
    labels = tuple(tuple(file.read_text().split("\n")[:-1]) for file in files)
    if tuple(map(len, labels)) != counts:
        raise ValueError(
            f"--labels files name {[len(names) for names in labels]} actions, the weights have {list(counts)}"
        )
    return labels


def card(source: Path, warnings: list[str]) -> str:
    """What is known of imported weights."""
    lines = [
        f"# {source.stem}",
        "",
        f"Imported from the Keras file `{source.name}`; its training is documented by its authors.",
    ]
    return "\n".join([*lines, *[f"- {warning}" for warning in warnings]]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="HDF5 file written by Keras save_weights")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument(
        "--labels", type=Path, nargs="*", default=[], help="one file per action set, one label per line"
    )
    parser.add_argument("--clip-frames", type=int, default=8, help="frames in a clip (8)")
    parser.add_argument("--clip-spacing", type=float, default=0.2, help="seconds between the frames of a clip (0.2)")
    args = parser.parse_args()
    try:
        net, input_size, warnings = import_keras(args.file)
        if not args.labels and net.config.num_actions:
            warnings.append("no --labels given: actions are numbered")
        spec = ModelSpec(
            network=net.config,
            input_size=input_size,
            labels=read_labels(args.labels, net.config.num_actions),
            clip_frames=args.clip_frames,
            clip_spacing=args.clip_spacing,
            depth_trained=net.config.dim == 3,
            action_trained=bool(net.config.num_actions),
            name=args.file.stem,
        )
        save_checkpoint(args.out, net, spec, card(args.file, warnings), half=False)
    except (KerasImportError, CheckpointError, ValueError, OSError) as error:
        print(f"import_keras: {error}", file=sys.stderr)
        return 1
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{args.out}: {spec.network}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
