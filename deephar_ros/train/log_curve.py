"""The course of a training as a picture, from its log."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from deephar_ros.data.resample import Image
from deephar_ros.draw import LEFT, RIGHT

_WIDTH, _HEIGHT, _MARGIN = 640, 320, 40
_BLACK, _GREY = (30, 30, 30), (215, 215, 215)


def draw_curves(log: Path, keys: tuple[str, str]) -> Image:
    """Two columns of a `log.jsonl` over its "images", from 0 up; the scale is that of the larger one.

    Raises:
        FileNotFoundError: there is no log.
        ValueError: it has fewer than two lines.
    """
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    if len(lines) < 2:
        raise ValueError(f"{log} has {len(lines)} lines, a curve needs two")
    images = np.array([line["images"] for line in lines], float)
    values = np.array([[line[key] for key in keys] for line in lines])
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    top = float(np.ceil(values.max() * 10) / 10)
    for part in range(6):
        y = round(_MARGIN + (_HEIGHT - 2 * _MARGIN) * part / 5)
        cv2.line(picture, (_MARGIN, y), (_WIDTH - _MARGIN, y), _GREY, 1)
        _write(picture, f"{top * (5 - part) / 5:.2f}", 4, y + 4, _BLACK)
    for column, (key, colour) in enumerate(zip(keys, (LEFT, RIGHT), strict=True)):
        x = _MARGIN + images / images.max() * (_WIDTH - 2 * _MARGIN)
        height = values[:, column] / top * (_HEIGHT - 2 * _MARGIN)
        points = np.round(np.column_stack([x, _HEIGHT - _MARGIN - height])).astype(np.int32)
        cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA)
        _write(picture, key, 200 + 160 * column, 20, colour)
    _write(picture, f"{images.max():.0f} images", _WIDTH - 150, _HEIGHT - 12, _BLACK)
    return picture


def _write(picture: Image, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
