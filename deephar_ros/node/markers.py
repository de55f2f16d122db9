"""People as markers for rviz: bones, joints, and what they do above their heads."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from deephar_ros.clip import NANOSECONDS
from deephar_ros.depth import DepthSource
from deephar_ros.draw import Colour, action_text, opacity, side_colour
from deephar_ros.geometry import Array
from deephar_ros.people import Person, Result, State

ASSUMED_FOCAL_LENGTH = 0.9
"""Focal length over the width of the image (58 degrees across) with which people are placed in the room as long as the
camera is not calibrated. It decides how far away markers stand, and nothing else."""
BONE, JOINT, LETTER = 0.03, 0.06, 0.15
"""Metres: thickness of bones, diameter of joints, height of letters."""
ABOVE = 0.3
"""Metres between head and label."""


class MarkerDrawer:
    """Makes the markers of every frame, and deletes those of people who are gone.

    Namespaces are `skeleton`, `joints` and `label`; a marker's id is the person's (`id_number`).

    Args:
        lifetime: seconds for which markers outlive the last frame.
    """

    def __init__(self, lifetime: float = 0.5) -> None:
        self.lifetime = lifetime
        self._drawn: set[tuple[str, int]] = set()

    def __call__(self, result: Result, header: Header, width: int, height: int) -> MarkerArray:
        """Markers of `result.display`; `header`, `width` and `height` are those of the image."""
        people = [person for person in result.display if person.state is not State.LOST]
        markers = [
            marker
            for person in people
            for marker in _person(person, place(person, width, height), action_text(person.id, result.actions))
        ]
        seconds, nanoseconds = divmod(round(self.lifetime * NANOSECONDS), NANOSECONDS)
        for marker in markers:
            marker.header, marker.lifetime = header, Duration(sec=seconds, nanosec=nanoseconds)
        drawn = {(marker.ns, marker.id) for marker in markers}
        gone = [Marker(header=header, ns=ns, id=id, action=Marker.DELETE) for ns, id in sorted(self._drawn - drawn)]
        self._drawn = drawn
        return MarkerArray(markers=gone + markers)

    def clear(self, header: Header) -> MarkerArray:
        """Deletes every marker."""
        self._drawn.clear()
        return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])


def id_number(id: str) -> int:
    """A person's id as a number from 0 to 2**31 - 1: "12" is 12, and what is no such number a hash."""
    return int(id) if id.isdecimal() and int(id) < 2**31 else crc32(id.encode()) & 0x7FFFFFFF


def place(person: Person, width: int, height: int) -> Array:
    """Joints (J, 3) in metres from the camera, optical axes; NaN where not even x and y are known.

    Where the depth of a joint is unknown, it is the pelvis'. A person whose position is relative to the pelvis stands
    where a camera of ASSUMED_FOCAL_LENGTH would see that size: smaller people farther away, each in their direction.
    """
    position, root = person.position.astype(np.float64), person.layout.index("pelvis")
    if person.depth_source is DepthSource.RELATIVE:
        scale = _metres_per_pixel(person, root)
        x, y = (person.joints[root] - [width / 2, height / 2]) * scale
        position[root, 2] = 0.0
        position += [x, y, scale * ASSUMED_FOCAL_LENGTH * width]
    position[:, 2] = np.where(np.isfinite(position[:, 2]), position[:, 2], position[root, 2])
    position[~np.isfinite(position).all(-1)] = np.nan
    return position


def _metres_per_pixel(person: Person, root: int) -> float:
    """The scale between the person's pixels and metres: least squares over all joints; NaN if nothing is known."""
    pixels, metres = person.joints - person.joints[root], person.position[:, :2]
    known = np.isfinite(pixels) & np.isfinite(metres)
    square = float((pixels[known] ** 2).sum())
    return float((pixels[known] * metres[known]).sum()) / square if square else float("nan")


def _person(person: Person, position: Array, action: str) -> list[Marker]:
    known = np.isfinite(position[:, 0])  # all three or none
    if not known.any():
        return []
    id, joints, confidence = id_number(person.id), person.layout.joints, person.confidence
    points = [Point(x=x, y=y, z=z) for x, y, z in position.tolist()]
    bones = Marker(ns="skeleton", id=id, type=Marker.LINE_LIST, scale=Vector3(x=BONE))
    for a, b in person.layout.link_indices:
        if known[a] and known[b]:
            bones.points += [points[a], points[b]]
            bones.colors += [_colour(side_colour(joints[b]), opacity(confidence[a], confidence[b]))] * 2
    balls = Marker(ns="joints", id=id, type=Marker.SPHERE_LIST, scale=Vector3(x=JOINT, y=JOINT, z=JOINT))
    shown = np.flatnonzero(known).tolist()
    balls.points = [points[i] for i in shown]
    balls.colors = [_colour(side_colour(joints[i]), opacity(confidence[i])) for i in shown]
    label = Marker(ns="label", id=id, type=Marker.TEXT_VIEW_FACING, scale=Vector3(z=LETTER))
    label.text, label.color = f"{person.id} {action}".strip(), _colour((255, 255, 255), 1.0)
    x, _, z = np.nanmean(position, 0).tolist()
    label.pose.position = Point(x=x, y=float(np.nanmin(position[:, 1])) - ABOVE, z=z)  # y points down
    return [bones, balls, label] if bones.points else [balls, label]  # rviz warns of a list without points


def _colour(colour: Colour, alpha: float) -> ColorRGBA:
    red, green, blue = (part / 255 for part in colour)
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
