"""A sheet of small pictures of a recording with their times, by which one writes down segments."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.sources import TimedFrame

TILES, COLUMNS, WIDTH = 120, 10, 192
FINEST = 0.5
"""Seconds between two pictures of a short recording."""


def label_sheet(frames: Iterable[TimedFrame]) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of at most `TILES` pictures, evenly spaced, by rows; their times in seconds are written on them.

    Raises:
        ValueError: there is no frame.
    """
    step, kept = FINEST, list[TimedFrame]()
    for frame in frames:
        if frame.seconds >= len(kept) * step:
            height = round(WIDTH * frame.pixels.shape[0] / frame.pixels.shape[1])
            kept.append(TimedFrame(frame.seconds, cv2.resize(frame.pixels, (WIDTH, height), cv2.INTER_AREA)))
        if len(kept) > TILES:
            step, kept = 2 * step, kept[::2]
    if not kept:
        raise ValueError("the recording has no picture")
    height = max(frame.pixels.shape[0] for frame in kept)
    sheet = np.zeros((ceil(len(kept) / COLUMNS) * height, COLUMNS * WIDTH, 3), np.uint8)
    for number, frame in enumerate(kept):
        row, column = divmod(number, COLUMNS)
        tile = sheet[row * height :, column * WIDTH : (column + 1) * WIDTH]
        tile[: frame.pixels.shape[0]] = _stamped(frame)
    return sheet


def _stamped(frame: TimedFrame) -> NDArray[np.uint8]:
    tile, text, font = np.ascontiguousarray(frame.pixels), f"{frame.seconds:.1f}", cv2.FONT_HERSHEY_SIMPLEX
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):  # white with a black rim, for any background
        cv2.putText(tile, text, (5, 20), font, 0.6, colour, thickness, cv2.LINE_AA)
    return tile
