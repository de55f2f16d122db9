"""A look at a data set: what it holds in numbers, and a sheet of people with their joints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.pictures import read
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.windows import CropWindow, clip_window
from deephar_ros.draw import contact_sheet, draw_skeleton, write_text_at
from deephar_ros.geometry import Array, Window
from deephar_ros.skeleton import Layout

TILE = 320
COLUMNS = 5
GREY = 90


@dataclass(frozen=True)
class Counts:
    """Numbers of one part of a set.

    Attributes:
        persons: pictures with a person, or clips.
        frames: pictures; those of all clips.
        classes: persons or clips by action or activity.
        subjects: persons or clips by who it is.
        joints: (J,) share of the frames in which a joint has column and row; `depths` where it has a depth, too.
        missing: files that are named but not there.
    """

    persons: int
    frames: int
    classes: Counter[str]
    subjects: Counter[str]
    joints: Array
    depths: Array
    missing: list[Path]


def count(entries: Sequence[Sample] | Sequence[Clip], labels: Sequence[str] = ()) -> Counts:
    """Counts persons or clips; `labels` are the names of the clips' actions. At least one entry."""
    joints = np.concatenate([entry.joints.reshape(-1, len(entry.layout), 3) for entry in entries])
    known = np.isfinite(joints)
    files = dict.fromkeys(picture.path for entry in entries for picture in _pictures(entry))
    return Counts(
        persons=len(entries),
        frames=len(joints),
        classes=Counter(sorted(filter(None, (_class(entry, labels) for entry in entries)))),
        subjects=Counter(sorted(entry.subject for entry in entries if entry.subject)),
        joints=known[..., :2].all(-1).mean(0),
        depths=known.all(-1).mean(0),
        missing=[file for file in files if not file.exists()],
    )


def people_sheet(entries: Sequence[Sample] | Sequence[Clip], labels: Sequence[str] = ()) -> NDArray[np.uint8]:
    """25 people, evenly chosen, cropped with a margin: their left is blue, their right orange.

    Few clips are shown several times, at different frames. What cannot be read is grey.
    """
    places = [divmod((tile + 0.5) * len(entries) / COLUMNS**2, 1) for tile in range(COLUMNS**2)]
    return contact_sheet([_tile(entries[int(i)], moment, labels) for i, moment in places], COLUMNS, TILE)


def _tile(entry: Sample | Clip, moment: float, labels: Sequence[str]) -> NDArray[np.uint8]:
    picture, joints, window = _shown(entry, moment)
    square = Window.around(window.x, window.y, 1.1 * max(window.width, window.height))
    try:
        tile = np.ascontiguousarray(square.cut(read(picture), TILE))
    except DatasetError:
        tile = np.full((TILE, TILE, 3), GREY, np.uint8)
    points = square.to_window(joints[:, :2]) * TILE
    _draw_joints(tile, entry.layout, points)
    write_text_at(tile, f"{entry.name} {_class(entry, labels)}", 4, TILE - 6)
    return tile


def _draw_joints(tile: NDArray[np.uint8], layout: Layout, points: Array) -> None:
    draw_skeleton(tile, layout, points, np.ones(len(layout)))
    for x, y in points[np.isfinite(points).all(-1)]:
        cv2.circle(tile, (int(x), int(y)), 3, (255, 255, 255), -1, cv2.LINE_AA)


def _shown(entry: Sample | Clip, moment: float) -> tuple[Picture, Array, CropWindow]:
    """Of a clip the frame at `moment`, in parts of its length."""
    if isinstance(entry, Sample):
        return entry.picture, entry.joints, entry.window
    t = int(moment * len(entry.frames))
    return entry.frames[t], entry.joints[t], clip_window(entry.joints[[t], :, :2], entry.size)


def _pictures(entry: Sample | Clip) -> Sequence[Picture]:
    return (entry.picture,) if isinstance(entry, Sample) else entry.frames


def _class(entry: Sample | Clip, labels: Sequence[str]) -> str:
    if isinstance(entry, Sample):
        return entry.activity
    return labels[entry.label] if labels else str(entry.label)
