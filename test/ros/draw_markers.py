"""Draws a MarkerArray as rviz would show it, without perspective: from the front, and from above.

Used by the tests to look at what is drawn; `save(array, path)` makes a picture for people.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from visualization_msgs.msg import Marker, MarkerArray

from deephar_ros.draw import save_picture

GREY, FRAME = (48, 48, 48), (110, 110, 110)
FRONT, ABOVE = (0, 1), (0, 2)
"""Which of x, y, z (optical axes) run to the right and downwards in the picture; from above, z runs upwards."""


def draw(array: MarkerArray, axes: tuple[int, int] = FRONT, size: int = 600, metres: float = 6.0) -> np.ndarray:
    """One view (size, size, 3) RGB, `metres` wide: from the front centred on the optical axis, from above starting at
    the camera. A later marker of the same namespace and id replaces an earlier one; deleted ones are not drawn."""
    picture = np.full((size, size, 3), GREY, np.uint8)
    scale = size / metres
    for line in np.arange(0, metres + 0.5, 1.0):
        at = round(line * scale)
        cv2.line(picture, (at, 0), (at, size), (70, 70, 70), 1)
        cv2.line(picture, (0, at), (size, at), (70, 70, 70), 1)
    for marker in _alive(array):
        _draw_marker(picture, marker, axes, scale)
    return picture


def save(array: MarkerArray, path: Path, metres: float = 6.0) -> None:
    """Both views side by side, as a picture file."""
    views = []
    for axes, name in ((FRONT, "from the front: x right, y down; 1 m grid"), (ABOVE, "from above: x right, z up")):
        view = draw(array, axes, metres=metres)
        cv2.putText(view, name, (10, 590), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (200, 200, 200), 1, cv2.LINE_AA)
        cv2.rectangle(view, (0, 0), (599, 599), FRAME, 1)
        views.append(view)
    save_picture(path, np.hstack(views))


def _alive(array: MarkerArray) -> list[Marker]:
    alive: dict[tuple[str, int], Marker] = {}
    for marker in array.markers:
        if marker.action == Marker.DELETEALL:
            alive.clear()
        elif marker.action == Marker.DELETE:
            alive.pop((marker.ns, marker.id), None)
        else:
            alive[marker.ns, marker.id] = marker
    return list(alive.values())


def _draw_marker(picture: np.ndarray, marker: Marker, axes: tuple[int, int], scale: float) -> None:
    size = len(picture)

    def pixel(point: object) -> tuple[int, int]:
        across, along = ((point.x, point.y, point.z)[axis] * scale for axis in axes)  # type: ignore[attr-defined]
        return round(size / 2 + across), round(size / 2 + along if axes == FRONT else size - along)

    points = [pixel(point) for point in marker.points]
    colours = [[255 * part for part in (c.r, c.g, c.b)] for c in marker.colors]
    for part in range(0, len(points), 2 if marker.type == Marker.LINE_LIST else 1):
        layer, alpha = picture.copy(), marker.colors[part].a
        if marker.type == Marker.LINE_LIST:
            thickness = max(1, round(marker.scale.x * scale))
            cv2.line(layer, points[part], points[part + 1], colours[part], thickness, cv2.LINE_AA)
        elif marker.type == Marker.SPHERE_LIST:
            cv2.circle(layer, points[part], max(1, round(marker.scale.x * scale / 2)), colours[part], -1, cv2.LINE_AA)
        picture[:] = cv2.addWeighted(layer, alpha, picture, 1 - alpha, 0)
    if marker.type == Marker.TEXT_VIEW_FACING:
        letters = marker.scale.z * scale / 22  # OpenCV's capital letters are 22 pixels high
        (width, _), _ = cv2.getTextSize(marker.text, cv2.FONT_HERSHEY_SIMPLEX, letters, 1)
        x, y = pixel(marker.pose.position)
        at = (x - width // 2, y)
        cv2.putText(picture, marker.text, at, cv2.FONT_HERSHEY_SIMPLEX, letters, (255, 255, 255), 1, cv2.LINE_AA)
