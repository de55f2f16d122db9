"""Every joint of every person as a point: sensor_msgs/PointCloud2, where sensor_msgs_py is installed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from deephar_ros.depth import DepthSource
from deephar_ros.node.markers import id_number
from deephar_ros.people import Person, State

FIELDS = {
    **dict.fromkeys(("x", "y", "z", "confidence"), (np.float32, PointField.FLOAT32)),
    **dict.fromkeys(("person", "joint"), (np.uint32, PointField.UINT32)),
}
"""Fields of a point, four bytes each: metres, 0..1, the person's `id_number`, the joint's place in the layout."""
POINT = np.dtype([(name, kind) for name, (kind, _) in FIELDS.items()])


def available() -> str:
    """Why there can be no clouds on this machine; empty if there can."""
    try:
        from sensor_msgs_py import point_cloud2  # noqa: F401
    except ImportError as error:
        return f"{error}; install ros-$ROS_DISTRO-sensor-msgs-py"
    return ""


def to_cloud(people: Iterable[Person], header: Header) -> PointCloud2:
    """The joints whose place in `header.frame_id` is known, one row; no points if there are none.

    People whose position is only relative to their pelvis have no place there.

    Raises:
        ImportError: sensor_msgs_py is missing; see `available`.
    """
    from sensor_msgs_py import point_cloud2

    placed = [p for p in people if p.depth_source is not DepthSource.RELATIVE and p.state is not State.LOST]
    points = np.concatenate([np.empty(0, POINT), *(_points(person) for person in placed)])
    fields = [
        PointField(name=name, offset=4 * place, datatype=type, count=1)
        for place, (name, (_, type)) in enumerate(FIELDS.items())
    ]
    return point_cloud2.create_cloud(header, fields, points)


def _points(person: Person) -> NDArray[np.void]:
    points = np.empty(len(person.layout), POINT)
    points["x"], points["y"], points["z"] = person.position.T
    points["confidence"] = person.confidence
    points["person"], points["joint"] = id_number(person.id), np.arange(len(person.layout))
    return points[np.isfinite(person.position).all(-1)]
