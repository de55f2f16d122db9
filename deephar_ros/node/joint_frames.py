"""People as coordinate frames (REP-155): `body_<id>` at the pelvis, and below it a frame per joint."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from std_msgs.msg import Header

from deephar_ros.depth import DepthSource
from deephar_ros.geometry import Array
from deephar_ros.people import Person, State


def body_id(id: str) -> str:
    """The body identifier of REP-155 for a person's id: "b12" for "12".

    It is part of topic names, in which nothing may start with a digit, and has to be the same in frame names.
    """
    return id if id[:1].isalpha() else f"b{id}"


def to_transforms(people: Iterable[Person], header: Header) -> list[TransformStamped]:
    """Frames of everybody whose place in `header.frame_id` is known.

    The axes of `body_<id>` are those of REP-155: x out of the chest, y to the person's left, z to the head. The frames
    of the joints (`left_wrist_<id>`) are its children, turned like it. Unknown joints are left out, and so are people
    whose position is relative or whose trunk is not known.
    """
    transforms = []
    for person in people:
        axes = body_axes(person)
        if person.state is State.LOST or person.depth_source is DepthSource.RELATIVE or axes is None:
            continue
        id, pelvis = body_id(person.id), person.position[person.layout.index("pelvis")]
        body = f"body_{id}"
        transforms.append(_transform(header.stamp, header.frame_id, body, pelvis, _quaternion(axes)))
        transforms += [
            _transform(header.stamp, body, f"{joint}_{id}", point, Quaternion(w=1.0))
            for joint, point in zip(person.layout.joints, (person.position - pelvis) @ axes, strict=True)
            if np.isfinite(point).all()
        ]
    return transforms


def body_axes(person: Person) -> Array | None:
    """(3, 3) rotation whose columns are the axes of the body; None if the trunk is unknown or has no width."""
    joints = dict(zip(person.layout.joints, person.position.astype(np.float64), strict=True))
    up = _unit(joints["thorax"] - joints["pelvis"])
    across = sum(joints[f"left_{part}"] - joints[f"right_{part}"] for part in ("hip", "shoulder"))
    left = _unit(across - (across @ up) * up)
    axes = np.column_stack([np.cross(left, up), left, up])
    return axes if np.isfinite(axes).all() else None


def _unit(vector: Array) -> Array:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-6 else np.full(3, np.nan)


def _quaternion(axes: Array) -> Quaternion:
    vector = cv2.Rodrigues(axes)[0].ravel()  # the axis times the angle
    half = np.linalg.norm(vector) / 2
    x, y, z = (vector / 2 * np.sinc(half / np.pi)).tolist()
    return Quaternion(x=x, y=y, z=z, w=float(np.cos(half)))


def _transform(stamp: Time, parent: str, child: str, at: Array, rotation: Quaternion) -> TransformStamped:
    x, y, z = at.tolist()
    transform = Transform(translation=Vector3(x=x, y=y, z=z), rotation=rotation)
    return TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child, transform=transform)
