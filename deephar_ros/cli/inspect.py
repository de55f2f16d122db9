"""Prints what a data set holds and draws a sheet of people with their joints, left blue and right orange.

Example:
    python -m deephar_ros.cli.inspect lsp ../shared/data/lsp_train --out lsp.png

Look at the sheet before training: in a person who faces the camera, orange has to be on the picture's left.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from deephar_ros.data.contact import Counts, count, people_sheet
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.sets import SETS, labels_of, load_set
from deephar_ros.draw import save_picture
from deephar_ros.skeleton import NETWORK_LAYOUTS, PA17, Layout


def main() -> int:
    layouts = {layout.name: layout for layout in NETWORK_LAYOUTS.values()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("folder", type=Path, help="where the set's own archives were unpacked")
    parser.add_argument("--split", help="one part of the set; without it all of them")
    parser.add_argument("--layout", choices=layouts, default=PA17.name, help=f"order of the joints ({PA17.name})")
    parser.add_argument("--out", type=Path, help="picture for the contact sheet, of the first part that is there")
    args = parser.parse_args()

    layout, out, seen = layouts[args.layout], args.out, 0
    for split in [args.split] if args.split else SETS[args.set].splits:
        if split == "all" and seen and not args.split:
            break
        try:
            entries = load_set(args.set, args.folder, split, layout)
            labels = labels_of(args.set, args.folder)
        except (DatasetError, FileNotFoundError) as error:
            print(f"{args.set} {split}: {error}", file=sys.stderr)
            continue
        if not entries:
            print(f"{args.set} {split}: nobody")
            continue
        seen += 1
        print("\n".join(describe(f"{args.set} {split}", count(entries, labels), layout)))
        if out is not None:
            save_picture(out, people_sheet(entries, labels))
            out = None
    return 0 if seen else 1


def describe(name: str, counts: Counts, layout: Layout) -> list[str]:
    """Lines for people to read."""
    lines = [f"{name}: {counts.persons} persons or clips, {counts.frames} frames"]
    lines += _table("by class", counts.classes) + _table("by subject", counts.subjects)
    lines.append("  joints annotated, % of frames (with depth)")
    for joint, place, depth in zip(layout.joints, counts.joints, counts.depths, strict=True):
        lines.append(f"    {joint:15} {100 * place:5.1f}" + (f" ({100 * depth:.1f})" if depth else ""))
    if counts.missing:
        lines.append(f"  MISSING: {len(counts.missing)} files, as {counts.missing[0]}")
    return lines


def _table(title: str, numbers: Counter[str]) -> list[str]:
    return [f"  {title}", *(f"    {name:30} {number:6}" for name, number in numbers.items())] if numbers else []


if __name__ == "__main__":
    raise SystemExit(main())
