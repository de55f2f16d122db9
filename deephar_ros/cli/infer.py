"""Finds people and what they do in a video, a picture, a folder of pictures, a camera or a ROS 2 bag. Needs no ROS.

The pipeline is that of the node. It leaves in the folder of results:

    overlay.mp4      the pictures with skeletons, beside them the same in 3D, and actions; of one picture, overlay.png
    records.jsonl    all that was found, one line per frame, after a line about source, model and settings
    bag              an MCAP bag with our messages beside the original ones, or the pictures
    summary.png      one page about all of it

Ctrl-C keeps what was done. With --resume, the same command goes on: it looks again at the last seconds before the cut
(a clip, and the patience with people who are hidden: 2.5 s with the model that comes along), and people keep their ids.

Examples:
    python -m deephar_ros.cli.infer my_video.mp4 --out results
    python -m deephar_ros.cli.infer my_bag --topic /camera/image_raw --out results
    python -m deephar_ros.cli.infer photos --stills --box-source localizer --out results
    python -m deephar_ros.cli.infer /dev/video0 --out results      until Ctrl-C
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from deephar_ros.backend.base import Start
from deephar_ros.backend.choose import open_backend
from deephar_ros.infer.job import Job
from deephar_ros.infer.output import Output, OutputError
from deephar_ros.infer.run import Outcome, Run
from deephar_ros.localizer.localizer import Localizer
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import BACKENDS, PRECISIONS, node_settings
from deephar_ros.share import default_checkpoint, default_localizer
from deephar_ros.sources import FOLDER_RATE, Reading, is_camera
from deephar_ros.train.interrupt import Interrupt

STOPPED = 130
"""Exit status after Ctrl-C, as shells count."""
BOX_SOURCES = ("auto", "localizer", "full_image")
STILLS_RATE = 1.0
"""Pictures per second of a folder of stills: time to look at each in the video."""
SHOWN = 5
"""Broken pictures that are named; the others are only counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        return _infer(args)
    except (ValueError, OSError) as error:  # all our own errors are ValueErrors
        print(f"infer: {error}", file=sys.stderr)
        return 1


def _infer(args: argparse.Namespace) -> int:
    output = Output(args.out)
    if args.resume and output.finished:
        print(f"{args.out} is finished; --force begins anew")
        return 0
    if args.resume and is_camera(args.source):
        raise OutputError("--resume: a camera does not show again what it has shown; name another folder")
    output.check(args.source, args.resume or args.force)
    broken = Broken()
    run = Run(_job(args), _pipeline(args), output, broken)
    if run.source.topic:
        print(f"images of {run.source.topic}")
    with Interrupt() as interrupt:
        try:
            outcome = run(lambda: interrupt.requested)
        except KeyboardInterrupt:
            print(f"infer: stopped at once; what was done is in {output.parts}: --resume goes on", file=sys.stderr)
            return STOPPED
    return _report(args.out, outcome, broken)


class Broken:
    """Names the first pictures that are left out, and counts all of them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, sentence: str) -> None:
        self.count += 1
        if self.count <= SHOWN:
            tqdm.write(f"infer: {sentence}", file=sys.stderr)


def _report(out: Path, outcome: Outcome, broken: Broken) -> int:
    more = f"; {broken.count} complaints, the first {SHOWN} of them above" if broken.count else ""
    print(f"{outcome.frames} frames in {out}{more}")
    if outcome.failure:
        print(f"infer: {outcome.failure}", file=sys.stderr)
        return 1
    if not outcome.finished:
        print("stopped before the end: --resume goes on")
        return STOPPED
    return 0


def _job(args: argparse.Namespace) -> Job:
    rate = args.rate or (STILLS_RATE if args.stills else FOLDER_RATE)
    return Job(
        source=args.source,
        reading=Reading(topic=args.topic, rectified=args.rectified, rate=rate, every=args.every),
        checkpoint=args.checkpoint,
        cut=args.cut,
        input_size=args.input_size,
        explain=args.explain,
        stills=args.stills,
        video=args.video,
        bag=args.bag,
        summary=args.summary,
        resume=args.resume,
    )


def _pipeline(args: argparse.Namespace) -> Pipeline:
    """The node's, with its settings but for those that were given."""
    settings = node_settings()
    track = replace(
        settings.track,
        **{name: getattr(args, name) for name in ("max_persons", "min_confidence") if getattr(args, name) is not None},
    )
    settings = replace(settings, track=track, box_source=args.box_source or settings.box_source)
    start = Start(args.input_size, args.cut, largest_batch=track.max_persons)
    backend, reason = open_backend(args.checkpoint, args.backend, args.device, args.precision, start)
    print(f"{backend.spec.name} runs in {backend.name}, {backend.precision}, on {backend.device}: {reason}")
    finder = Localizer(default_localizer(), backend.device) if settings.box_source == "localizer" else None
    return Pipeline(backend, settings, finder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="INPUT", help="video, picture, folder of pictures, camera or ROS 2 bag")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of results")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with an earlier run that was stopped")
    again.add_argument("--force", action="store_true", help="remove the results of earlier runs from FOLDER")

    model = parser.add_argument_group("model and people")
    model.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="folder of the model")
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="what runs it; auto: the fastest here")
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    model.add_argument("--precision", choices=PRECISIONS, default="auto", help="auto: half on a GPU, float32 on a CPU")
    model.add_argument("--input-size", type=_positive, default=0, metavar="N", help="side of the crops; the model's")
    model.add_argument("--cut", type=_positive, default=0, metavar="N", help="run N pyramids of the network only")
    model.add_argument("--box-source", choices=BOX_SOURCES, help="who finds people; default: as the node does")
    model.add_argument("--max-persons", type=_positive, metavar="N", help="people looked at in one frame")
    model.add_argument("--min-confidence", type=float, metavar="C", help="mean joint confidence of a person, 0 to 1")

    source = parser.add_argument_group("input")
    source.add_argument("--topic", default="", help="of the images in a bag; default: the first that can be read")
    source.add_argument("--rectified", action="store_true", help="the images of the bag are rectified")
    source.add_argument("--every", type=_positive, default=1, metavar="N", help="take every Nth picture only")
    source.add_argument("--rate", type=float, metavar="HZ", help=f"pictures per second of a folder ({FOLDER_RATE:g})")
    source.add_argument(
        "--stills", action="store_true", help="the pictures have nothing to do with each other: follow nobody"
    )

    files = parser.add_argument_group("output")
    files.add_argument("--no-video", dest="video", action="store_false", help="no overlay.mp4")
    files.add_argument("--no-bag", dest="bag", action="store_false", help="no bag")
    files.add_argument("--no-summary", dest="summary", action="store_false", help="no summary.png")
    files.add_argument(
        "--explain",
        default="",
        metavar="BLOCK",
        help="show what a block of the network sees: its name, number, or last",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    raise SystemExit(main())
