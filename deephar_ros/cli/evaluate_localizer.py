"""Prints how well a localizer finds people, and draws what it finds in pictures and videos.

Examples:
    python -m deephar_ros.cli.evaluate_localizer models/localizer --data ../shared/data
    python -m deephar_ros.cli.evaluate_localizer models/localizer --look ../shared/data/demo_photos --sheet sheet.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from deephar_ros.data.cutouts import Sources, load_sources
from deephar_ros.data.resample import Image
from deephar_ros.data.samples import DatasetError
from deephar_ros.draw import save_picture
from deephar_ros.geometry import Box
from deephar_ros.localizer.checkpoint import LocalizerError
from deephar_ros.localizer.letterbox import fit
from deephar_ros.localizer.localizer import Localizer
from deephar_ros.sources import SourceError, open_source
from deephar_ros.train.evaluate_localizer import ROOMS, milliseconds, on_backgrounds, on_composites, on_portraits

TILE = 400
GREEN = (0, 200, 80)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="localizer folder")
    parser.add_argument("--data", type=Path, help="folder with lsp_train, lspet_compact, backgrounds_320")
    parser.add_argument(
        "--rendered", type=Path, help="cut-outs that were held out, for composites of rendered people too"
    )
    parser.add_argument("--composites", type=int, default=1000, help="how many scenes to compose (1000)")
    parser.add_argument("--speed", action="store_true", help="time it on one and two threads")
    parser.add_argument("--look", nargs="+", default=[], help="videos, or folders of pictures, to draw boxes in")
    parser.add_argument("--frames", type=int, default=5, help="how many frames of each video, evenly spread (5)")
    parser.add_argument("--sheet", type=Path, default=Path("sheet.png"), help="where the drawn pictures go")
    args = parser.parse_args()
    try:
        localizer = Localizer(args.folder)
        if args.data:
            print_figures(localizer, load_sources(args.data, True, args.rendered), args.composites)
        if args.speed:
            for width, height in ((640, 480), (1280, 720)):
                one, two = (milliseconds(localizer, width, height, threads) for threads in (1, 2))
                print(f"{width} x {height}: {one:.1f} ms on one thread, {two:.1f} ms on two")
        if args.look:
            save_picture(args.sheet, sheet([tile for name in args.look for tile in look(localizer, name, args.frames)]))
    except (LocalizerError, SourceError, DatasetError, FileNotFoundError) as error:
        print(f"evaluate_localizer: {error}", file=sys.stderr)
        return 1
    return 0


def print_figures(localizer: Localizer, sources: Sources, composites: int) -> None:
    """Tables over thresholds; the one in config.yaml is marked."""
    pasted = on_composites(localizer, sources, composites)
    real, empty = on_portraits(localizer, sources), on_backgrounds(localizer, sources)
    print(f"{pasted.people} people in {pasted.pictures} composites, {real.people} in real pictures, IoU 0.5;")
    print(f"{empty.pictures} pictures without people; nothing of it was trained on")
    print("threshold  composites: recall  precision   real: recall   empty: false per picture")
    for threshold in _thresholds(localizer):
        print(
            f"{_marked(localizer, threshold)} {100 * pasted.recall(threshold):18.1f}"
            f" {100 * pasted.precision(threshold):10.1f} {100 * real.recall(threshold):14.1f}"
            f" {empty.false_per_picture(threshold):25.3f}"
        )
    if sources.rendered:
        rooms = on_composites(localizer, sources, composites, kind=ROOMS)
        print(f"{rooms.people} people, half of them rendered, in {rooms.pictures} composites with crowds and tables")
        print("threshold   recall  precision")
        for threshold in _thresholds(localizer):
            recall, precision = 100 * rooms.recall(threshold), 100 * rooms.precision(threshold)
            print(f"{_marked(localizer, threshold)} {recall:8.1f} {precision:10.1f}")


def _thresholds(localizer: Localizer) -> list[float]:
    return sorted({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, localizer.spec.threshold})


def _marked(localizer: Localizer, threshold: float) -> str:
    return f"{threshold:8.2f}{'*' if threshold == localizer.spec.threshold else ' '}"


def look(localizer: Localizer, name: str, frames: int) -> list[Image]:
    """All pictures of a folder, or some frames of a video, with the boxes found."""
    pictures = [frame.pixels for frame in open_source(name).frames]
    if not Path(name).is_dir():
        pictures = [pictures[i] for i in np.linspace(0, len(pictures) - 1, frames).round().astype(int)]
    return [_draw(picture, localizer(picture)) for picture in pictures]


def _draw(picture: Image, boxes: list[Box]) -> Image:
    height, width = picture.shape[:2]
    where = fit(width, height, TILE)
    tile = np.zeros((TILE, TILE, 3), np.uint8)
    tile[: where.height, : where.width] = cv2.resize(picture, (where.width, where.height), interpolation=cv2.INTER_AREA)
    for box in boxes:
        left, top, right, bottom = (round(side * where.scale_x) for side in box[:4])
        cv2.rectangle(tile, (left, top), (right, bottom), GREEN, 2)
        cv2.putText(tile, f"{box.score:.2f}", (left + 3, top + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, GREEN, 1)
    return tile


def sheet(tiles: list[Image], columns: int = 5) -> Image:
    """Equal tiles in rows, the last row filled up with black."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


if __name__ == "__main__":
    raise SystemExit(main())
