"""Checks that a data set was downloaded in full and extracts the frames of its videos that training reads.

Example:
    python -m deephar_ros.cli.prepare human36m /data/h36m --out /fast/h36m --workers 8

Nothing is downloaded: what is missing is named with the page where it is found. Frames are extracted from the videos of
human36m (every 5th for training, every 64th for validation) and ntu (every 2nd at half the size); the other sets are
pictures already. It can be stopped and started again. Crops in memory-mapped files are made by training itself
(`crops_cache`), because what they hold depends on the augmentation.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from deephar_ros.data.prepare import extract_all, extractions, link, missing
from deephar_ros.data.sets import SETS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("folder", type=Path, help="where the set's own archives were unpacked")
    parser.add_argument("--out", type=Path, help="prepared folder, which links to what it does not hold (the folder)")
    parser.add_argument("--workers", type=int, default=1, help="processes that decode videos (1)")
    parser.add_argument("--check", action="store_true", help="only tell what is missing")
    args = parser.parse_args()
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is not a folder")

    lacking = missing(args.set, args.folder)
    for line in lacking:
        print(f"MISSING in {args.folder}: {line}")
    if args.check:
        return 1 if lacking else 0

    out = args.out or args.folder
    if out != args.folder:
        link(args.set, args.folder, out)
    failed = _extract(args.set, out, args.workers)
    print(f"{out} is prepared, but for what is missing above" if lacking or failed else f"{out} is complete")
    return 1 if lacking or failed else 0


def _extract(name: str, out: Path, workers: int) -> int:
    """Extracts what is not done; returns how many videos failed."""
    work = extractions(name, out)
    todo = [one for one in work if not one.done]
    failed = 0
    with tqdm(total=len(work), initial=len(work) - len(todo), unit="video", disable=not work) as bar:
        for problem in extract_all(todo, workers):
            bar.update()
            if problem:
                failed += 1
                tqdm.write(f"MISSING: {problem}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
