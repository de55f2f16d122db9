"""Cuts recordings (videos or ROS 2 bags) into labelled clips for `train_actions`.

What is done when comes from a table, or from std_msgs/String messages that were recorded with the pictures:
`ros2 topic pub --once /label std_msgs/msg/String "{data: wave}"` begins an action, an empty string ends it.

Examples:
    python -m deephar_ros.cli.label anna.mp4 --sheet anna.png        # pictures with times, to write the table by
    python -m deephar_ros.cli.label anna.mp4 ben.mp4 --segments segments.csv --out my_actions
    python -m deephar_ros.cli.label bags/* --label-topic /label --pieces 3 --out my_actions

segments.csv, in seconds from the first picture (`recording` is the name of the file without its ending, and not
needed if there is only one):
    recording,start,end,label
    anna,12.5,15.0,wave
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from deephar_ros.data.label_sheet import label_sheet
from deephar_ros.data.label_topic import read_label_topic
from deephar_ros.data.labelled import cut_clips, recording_names
from deephar_ros.data.segments import SegmentsError, check_labels, in_pieces, read_segments
from deephar_ros.draw import save_picture
from deephar_ros.sources import SourceError, open_source

INTERRUPTED = 130


def main() -> int:
    args = _parser().parse_args()
    try:
        return _sheet(args) if args.sheet else _clips(args)
    except (SegmentsError, SourceError, OSError, ValueError) as error:
        print(f"label: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("label: interrupted, no clip was written", file=sys.stderr)
        return INTERRUPTED


def _sheet(args: argparse.Namespace) -> int:
    if len(args.recordings) != 1:
        raise SegmentsError("--sheet draws one recording at a time")
    save_picture(args.sheet, label_sheet(open_source(str(args.recordings[0])).frames))
    print(f"{args.sheet} shows {args.recordings[0]}; write down what you see as start,end,label in segments.csv")
    return 0


def _clips(args: argparse.Namespace) -> int:
    if args.out is None:
        raise SegmentsError("--out is missing: the folder for the clips")
    recordings = recording_names(args.recordings)
    missing = [str(path) for path in recordings.values() if not path.exists()]
    if missing:
        raise SourceError(f"{', '.join(missing)} does not exist")
    if args.segments:
        segments = read_segments(args.segments, list(recordings))
    else:
        bags = recordings.items()
        segments = [segment for name, path in bags for segment in read_label_topic(path, name, args.label_topic)]
    present = [path.name for path in args.out.iterdir() if path.is_dir()] if args.out.is_dir() else []
    check_labels([*(segment.label for segment in segments), *present])
    origins = cut_clips(
        recordings, in_pieces(segments, args.pieces) if args.pieces else segments, args.out, args.replace
    )
    counts = Counter(origin.clip.split("/")[0] for origin in origins)
    for label, count in sorted(counts.items()):
        print(f"{count:5} clips of {label}")
    print(f"in {args.out}; next: python -m deephar_ros.cli.train_actions {args.out} --out models/my_actions")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING", help="videos or ROS 2 bags")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of clips; others in it stay")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--segments", type=Path, metavar="CSV", help="table of what is done when")
    source.add_argument("--label-topic", metavar="TOPIC", help="of bags: topic with the labels")
    source.add_argument("--sheet", type=Path, metavar="PNG", help="only draw pictures with their times")
    parser.add_argument(
        "--pieces", type=float, metavar="SECONDS", help="cut what lasts long into clips of about this length"
    )
    parser.add_argument("--replace", action="store_true", help="cut recordings anew of which there are clips already")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
