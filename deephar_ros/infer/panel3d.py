"""The skeletons in metres, seen from the side: each person about the own pelvis, on a grid, in a fixed oblique view.

Lines drawn by OpenCV: a picture takes half a millisecond, so that every frame of a video can have one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from deephar_ros.depth import DepthSource
from deephar_ros.draw import LEFT, OUTLINE, RIGHT, Colour, Pixels, Point, opacity, side_colour, whole_pixels
from deephar_ros.geometry import Array
from deephar_ros.infer.panel import BACKGROUND, FAINT, LINE, line_height, shorten, text_width, thickness, write
from deephar_ros.people import Person

YAW, PITCH = math.radians(30), math.radians(15)
"""The viewer stands this far to the left of the camera and above it."""
VIEW = np.array(
    [
        [math.cos(YAW), math.sin(YAW) * math.sin(PITCH)],
        [0.0, math.cos(PITCH)],
        [math.sin(YAW), -math.cos(YAW) * math.sin(PITCH)],
    ]
)
"""Optical axes (x right, y down, z forward) -> right and down in the view, both in metres; no perspective."""
WIDE, HIGH = 2.2, 2.45
"""Metres of the view that each person gets."""
FLOOR, HALF, STEP = 1.0, 0.75, 0.5
"""Metres: of the grid below the pelvis, of half its side, of its squares."""
SHADOW: Colour = (12, 12, 14)
MOST = 9
"""People who are shown; of more, the panel says how many."""


def draw_people(panel: Pixels, people: Sequence[Person], depth_trained: bool) -> None:
    """Draws up to MOST people into `panel` (H, W, 3) RGB, side by side."""
    panel[:] = BACKGROUND
    shown, top = people[:MOST], line_height(panel)
    columns = math.ceil(math.sqrt(max(len(shown), 1)))
    rows = math.ceil(max(len(shown), 1) / columns)
    width, height = panel.shape[1] / columns, (panel.shape[0] - 2 * top) / rows
    scale = min(width / WIDE, height / HIGH)
    for number in range(max(len(shown), 1)):
        x, y = number % columns * width, number // columns * height + top
        centre = np.array([x + width / 2, y + 0.48 * height])
        _draw_grid(panel, centre, scale)
        if number < len(shown):
            _draw_person(panel, shown[number], centre, scale)
            write(panel, shorten(panel, _name(shown[number]), width - 6), x + 6, y + 0.8 * top)
    _write_title(panel, shown, len(people), depth_trained)
    _draw_legend(panel, scale)


def flat(person: Person) -> bool:
    """Whether nothing is known of how deep the joints lie behind each other."""
    return not (np.isfinite(person.position[:, 2]).sum() > 1)


def about_the_pelvis(person: Person) -> Array:
    """(J, 3) metres; a joint whose depth is unknown is as far away as the pelvis, one without x and y is NaN."""
    position = person.position.astype(np.float64)
    root = position[person.layout.index("pelvis")].copy()
    position[:, 2] = np.where(np.isfinite(position[:, 2]), position[:, 2] - root[2], 0.0)
    position[:, 2] = np.nan_to_num(position[:, 2])  # the pelvis' own depth is unknown
    position[:, :2] -= root[:2]
    return position


def _draw_person(panel: Pixels, person: Person, centre: Array, scale: float) -> None:
    position, layout, sure = about_the_pelvis(person), person.layout, person.confidence.tolist()
    points = whole_pixels(centre + scale * position @ VIEW)
    shadow = whole_pixels(centre + scale * (position * [1, 0, 1] + [0, FLOOR, 0]) @ VIEW)
    thin = max(1, round(scale / 60))
    for a, b in layout.link_indices:
        _line(panel, shadow[a], shadow[b], SHADOW, thin + 1)
    away = np.nan_to_num(position @ np.cross(VIEW[:, 0], VIEW[:, 1])).tolist()
    for a, b in sorted(layout.link_indices, key=lambda link: -away[link[0]] - away[link[1]]):  # the nearest last
        _line(panel, points[a], points[b], OUTLINE, 2 * thin + 2)
        _line(panel, points[a], points[b], _mix(side_colour(layout.joints[b]), opacity(sure[a], sure[b])), 2 * thin)
    for point, name, weight in zip(points, layout.joints, map(opacity, sure), strict=True):
        _line(panel, point, point, _mix(side_colour(name), weight), 4 * thin)


def _draw_grid(panel: Pixels, centre: Array, scale: float) -> None:
    along = np.arange(-HALF, HALF + STEP / 2, STEP)
    sides = [[at, end] for at in along for end in (-HALF, HALF)]
    lines = np.array([[a, FLOOR, b] for a, b in sides] + [[b, FLOOR, a] for a, b in sides])
    points = whole_pixels(centre + scale * lines @ VIEW)
    for a, b in zip(points[::2], points[1::2], strict=True):
        _line(panel, a, b, LINE, 1)


def _draw_legend(panel: Pixels, scale: float) -> None:
    """Whose side has which colour, and a bar as long as one metre that is seen from the front."""
    height, width = panel.shape[:2]
    y = height - 7
    x = 6 + write(panel, "left ", 6, y, LEFT)
    write(panel, "right", x, y, RIGHT)
    end, start = width - 8, width - 8 - round(scale)
    _line(panel, (start, y), (end, y), FAINT, 2 * thickness(panel))
    write(panel, "1 m", start - text_width(panel, "1 m "), y + 2, FAINT)


def _write_title(panel: Pixels, shown: Sequence[Person], count: int, depth_trained: bool) -> None:
    title = "3D, metres from the pelvis" if shown else "3D: nobody"
    if shown and all(map(flat, shown)):
        title = "3D: depth unknown: flat" if depth_trained else "3D: depth untrained: flat"
    more = f"  +{count - len(shown)} people" if count > len(shown) else ""
    write(panel, title + more, 6, line_height(panel) * 0.8)


def _name(person: Person) -> str:
    distance = float(person.position[person.layout.index("pelvis"), 2])
    if person.depth_source is DepthSource.RELATIVE or not math.isfinite(distance):
        return person.id
    return f"{person.id}: {distance:.1f} m"


def _mix(colour: Colour, weight: float) -> Colour:
    red, green, blue = (round(weight * c + (1 - weight) * b) for c, b in zip(colour, BACKGROUND, strict=True))
    return red, green, blue


def _line(panel: Pixels, a: Point | None, b: Point | None, colour: Colour, thick: int) -> None:
    if a is not None and b is not None:
        cv2.line(panel, a, b, colour, thick, cv2.LINE_AA)
