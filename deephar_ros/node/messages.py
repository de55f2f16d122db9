"""People and actions as our messages."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from deephar_ros.geometry import Box
from deephar_ros.msg import ActionProbs, ActionScore, Keypoint3D, Skeleton3D
from deephar_ros.node.stamps import to_stamp
from deephar_ros.people import Action, Person

DIGITS = 4
"""Decimals of float64 fields: enough for tenths of millimetres and pixels, and readable in `ros2 topic echo`."""
TOP = 5
"""Entries of `ActionProbs.top`."""


def skeleton(person: Person, header: Header, width: int, height: int) -> Skeleton3D:
    """One person; `width` and `height` are those of the source image."""
    points = np.column_stack([person.position, person.joints, person.confidence]).astype(np.float64).round(DIGITS)
    return Skeleton3D(
        header=header,
        id=person.id,
        state=int(person.state),
        layout=person.layout.name,
        depth_source=int(person.depth_source),
        confidence=round(person.score, DIGITS),
        roi=region(person.box, width, height),
        keypoints=[
            Keypoint3D(name=name, position=Point(x=x, y=y, z=z), u=u, v=v, confidence=c)
            for name, (x, y, z, u, v, c) in zip(person.layout.joints, points.tolist(), strict=True)
        ],
    )


def region(box: Box, width: int, height: int) -> RegionOfInterest:
    """The part of the box that lies inside the image, in whole pixels."""
    left, top, right, bottom = (round(edge) for edge in box.within(width, height)[:4])
    return RegionOfInterest(x_offset=left, y_offset=top, width=right - left, height=bottom - top)


def action_probs(action: Action, header: Header) -> ActionProbs:
    """One clip's actions; `header` is that of the clip's last frame."""
    probabilities = action.probabilities.astype(np.float32)
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    top = [ActionScore(label=action.labels[i], probability=round(float(probabilities[i]), DIGITS)) for i in order]
    return ActionProbs(
        header=header,
        clip_start=to_stamp(action.start),
        frames=action.frames,
        id=action.id,
        label=top[0].label,
        probability=top[0].probability,
        top=top,
        probabilities=probabilities.tolist(),
        labels=list(action.labels),
    )
