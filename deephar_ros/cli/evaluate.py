"""Scores a checkpoint on an annotated set: joint by joint, activity by activity, class by class, block by block.

| --set | --data holds | what is scored |
|---|---|---|
| lsp | lsp_train | PCK@0.2 of the torso and PCKh@0.5, on the last --validation persons |
| lspet | lspet_compact | the same, on everybody |
| synthetic | pictures of `synthesize frames` | the same, and MPJPE, PA-MPJPE and the distance, on held-out people |
| mpii | the release of MPII | PCKh@0.5, on the validation list |
| human36m | the set, S9 and S11 | MPJPE and PA-MPJPE |
| penn, ntu, utd_mhad | the set, its test part | accuracy |

--protocol paper crops as the released code does and reports the block that is best on the test data, as the paper
does; usual crops as the node does and reports the last block (deephar_ros/train/protocols.py). With --out, the folder
gets the scores as JSON, the confusion matrix, and the paper's Tables 1, 2, 3 and 7 of all the sets whose scores are in
it.

Examples:
    python -m deephar_ros.cli.evaluate models/default --data ../shared/data
    python -m deephar_ros.cli.evaluate runs/ntu --set ntu --data /data/ntu --clips multi --blocks all --out results
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from deephar_ros.backend.base import load_network
from deephar_ros.benchmark.machine import machine
from deephar_ros.benchmark.timing import in_turns
from deephar_ros.checkpoint import CheckpointError, ModelSpec
from deephar_ros.data.clip_indices import Protocol as ClipProtocol
from deephar_ros.data.samples import DatasetError, Sample
from deephar_ros.draw import save_picture
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.curve import curve, curve_to_dict, cut_calls, draw_confusion, draw_curve
from deephar_ros.train.evaluate import Poses
from deephar_ros.train.protocols import Score, score_from_dict, score_to_dict
from deephar_ros.train.score_sets import CROSS_VIEW, SETS, Rules, score_set
from deephar_ros.train.tables import score_table, to_dict, to_markdown
from deephar_ros.train.worst import worst_people


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    device = torch.device(args.device)
    blocks = args.blocks or ("all" if args.protocol == "paper" else "last")
    rules = Rules(
        protocol=args.protocol,
        every_block=blocks == "all" or args.curve is not None,
        flip=args.flip,
        clips=_clip_protocols(args.clips, args.protocol),
        spacing=args.spacing,
        split=args.split,
        validation=args.validation,
        view=args.view,
        batch=args.batch,
        workers=args.workers,
    )
    try:
        net, spec = load_network(args.checkpoint, args.input_size)
        look = partial(_draw_worst, args.worst) if args.worst else None
        scores = score_set(net, spec, args.set, args.data, rules, device, look)
    except (CheckpointError, DatasetError, FileNotFoundError, ValueError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    for score in scores:
        print(score_table(score), f"  {args.checkpoint}", "", sep="\n")
    if args.out:
        _write(args.out, scores, str(args.checkpoint))
    if args.curve:
        _write_curve(args.curve, net, spec, scores[0], args.threads, args.repeats, device)
    return 0


def _draw_worst(out: Path, poses: Poses, samples: Sequence[Sample]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    save_picture(out, worst_people(poses, samples))
    print(f"{out} shows the people whose poses are farthest from the truth")


def _clip_protocols(clips: str, protocol: str) -> tuple[ClipProtocol, ...]:
    """Multi-clip scores come in two kinds, the paper's average and the released code's product; `usual` averages."""
    if clips == "single":
        return ("single",)
    return ("paper", "released") if protocol == "paper" else ("paper",)


def _write(out: Path, scores: list[Score], checkpoint: str) -> None:
    """The scores of this set as JSON, and the tables of all the sets in the folder."""
    data = scores[0].data
    out.mkdir(parents=True, exist_ok=True)
    document = {"checkpoint": checkpoint, "scores": [score_to_dict(score) for score in scores]}
    (out / f"{data}.json").write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
    if scores[0].confusion:
        draw_confusion(scores[0], out / f"{data}_confusion.png")
    files = [out / f"{name}.json" for name in (*SETS, CROSS_VIEW) if (out / f"{name}.json").is_file()]
    present = [score_from_dict(values) for file in files for values in json.loads(file.read_text())["scores"]]
    (out / "tables.md").write_text(to_markdown(present))
    (out / "tables.json").write_text(json.dumps(to_dict(present), indent=1) + "\n")
    print(f"{out / 'tables.md'} has the tables, {out / f'{data}.json'} the scores")


def _write_curve(
    out: Path, net: SPNet, spec: ModelSpec, score: Score, threads: int, repeats: int, device: torch.device
) -> None:
    """The accuracy of each block against the time of the network cut there, as JSON and PNG."""
    torch.set_num_threads(threads)
    frames = spec.clip_frames if score.confusion else 0
    blocks = [block.block for block in score.blocks]
    times = in_turns(cut_calls(net, blocks, spec.input_size, 1, frames, device), repeats)
    host = machine()
    host["device"] = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    points = curve(score, times, max(1, frames))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(curve_to_dict(points, score, host), indent=1) + "\n")
    name = host["device"] if device.type == "cuda" else f"{host['cpu']}, threads: {threads}"
    draw_curve(points, score, name, out.with_suffix(".png"))
    print(f"{out.with_suffix('.json')} and {out.with_suffix('.png')} have the speed-accuracy curve")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint folder")
    parser.add_argument("--set", choices=SETS, default="lsp", help="which set (lsp)")
    parser.add_argument("--data", type=Path, required=True, help="folder of the set; for lsp the folder of lsp_train")
    parser.add_argument("--protocol", choices=("paper", "usual"), default="usual", help="whose rules (usual)")
    parser.add_argument("--input-size", type=int, default=0, metavar="N", help="side of the crops (as trained)")
    parser.add_argument("--blocks", choices=("all", "last"), help="prediction blocks (paper: all, usual: last)")
    parser.add_argument("--flip", action="store_true", help="average with the predictions for mirrored crops")
    parser.add_argument("--clips", choices=("single", "multi"), default="single", help="clips of a video (single)")
    parser.add_argument("--spacing", type=int, help="frames of the video from one of a clip's frames to the next")
    parser.add_argument(
        "--split", choices=("test", "inner_validation"), default="test", help="inner_validation: of utd_mhad (test)"
    )
    parser.add_argument("--view", action="store_true", help="ntu: cross-view instead of cross-subject")
    parser.add_argument("--validation", type=int, default=100, help="lsp: how many of the last persons (100)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write scores, confusion matrix and tables")
    parser.add_argument("--worst", type=Path, metavar="FILE", help="draw failures, of a set of poses, as PNG or JPEG")
    parser.add_argument("--curve", type=Path, metavar="FILE", help="write the speed-accuracy curve, .json and .png")
    parser.add_argument("--repeats", type=int, default=10, help="timings of each cut for the curve (10)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads for the curve")
    parser.add_argument("--batch", type=int, default=16, help="pictures that go through the network together (16)")
    parser.add_argument("--workers", type=int, default=0, help="processes that read pictures; 0: this one (0)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
