"""Draws a column of the logs of several training runs against epochs, or against the pictures seen.

Example:
    python -m deephar_ros.cli.curves runs/lsp_p2_multi runs/lsp_p2_last --column held_out_pck --out curves.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def read_column(run: Path, column: str, against: str) -> tuple[list[float], list[float]]:
    """Two columns of a run's `log.jsonl` (or of a log itself); ValueError if it has no such column."""
    log = run / "log.jsonl" if run.is_dir() else run
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    key = "epoch" if against == "epochs" else against
    points = [(line[key], line[column]) for line in lines if column in line]
    if not points:
        known = sorted({key for line in lines for key in line})
        raise ValueError(f"{log} has no column {column}; it has {', '.join(known) or 'no lines'}")
    x, y = zip(*points, strict=True)
    return list(x), list(y)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, or their logs")
    parser.add_argument("--column", required=True, help="what to draw, such as held_out_pck")
    parser.add_argument("--against", choices=("epochs", "images"), default="epochs", help="images: for several stages")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (.png, .svg)")
    args = parser.parse_args()
    try:
        curves = {run.stem: read_column(run, args.column, args.against) for run in args.runs}
    except (OSError, ValueError) as error:
        print(f"curves: {error}", file=sys.stderr)
        return 1

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for (name, (places, values)), style in zip(curves.items(), 8 * ["-", "--", "-.", ":"], strict=False):
        axes.plot(places, values, style, marker="o", markersize=3, label=f"{name}: {values[-1]:.1f}")
        print(f"{name}: {args.column} {values[-1]:.2f} after {places[-1]:g} {args.against}, best {max(values):.2f}")
    axes.set(xlabel=args.against, ylabel=args.column)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(args.out, dpi=110)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
