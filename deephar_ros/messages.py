"""People and actions as our messages; made of rclpy's classes in the node and of rosbags' without ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Box
from deephar_ros.people import Action, Person

DIGITS = 4
"""Decimals of float64 fields: enough for tenths of millimetres and pixels, and readable in `ros2 topic echo`."""
TOP = 5
"""Entries of `ActionProbs.top`."""


class MessageTypes(NamedTuple):
    """Classes of the messages, of whichever library; all take their fields by name."""

    ActionProbs: Any
    ActionScore: Any
    Keypoint3D: Any
    Skeleton3D: Any
    Skeleton3DArray: Any
    Point: Any
    RegionOfInterest: Any


@dataclass(frozen=True)
class Messages:
    """Makes messages.

    Attributes:
        time: makes a builtin_interfaces/Time of nanoseconds.
        floats: turns (N,) float32 into what a field of the type float32[] takes.
    """

    types: MessageTypes
    time: Callable[[int], Any]
    floats: Callable[[NDArray[np.float32]], Any]

    def skeleton(self, person: Person, header: Any, width: int, height: int) -> Any:
        """Skeleton3D of one person; `width` and `height` are those of the source image."""
        points = np.column_stack([person.position, person.joints, person.confidence]).astype(np.float64).round(DIGITS)
        keypoint, point = self.types.Keypoint3D, self.types.Point
        return self.types.Skeleton3D(
            header=header,
            id=person.id,
            state=int(person.state),
            layout=person.layout.name,
            depth_source=int(person.depth_source),
            confidence=round(person.score, DIGITS),
            roi=self.region(person.box, width, height),
            keypoints=[
                keypoint(name=name, position=point(x=x, y=y, z=z), u=u, v=v, confidence=c)
                for name, (x, y, z, u, v, c) in zip(person.layout.joints, points.tolist(), strict=True)
            ],
        )

    def region(self, box: Box, width: int, height: int) -> Any:
        """sensor_msgs/RegionOfInterest: the part of the box that lies inside the image, in whole pixels."""
        left, top, right, bottom = (round(edge) for edge in box.within(width, height)[:4])
        return self.types.RegionOfInterest(
            x_offset=left, y_offset=top, width=right - left, height=bottom - top, do_rectify=False
        )

    def skeletons(self, skeletons: list[Any], header: Any) -> Any:
        """Skeleton3DArray of everybody in one frame."""
        return self.types.Skeleton3DArray(header=header, skeletons=skeletons)

    def action_probs(self, action: Action, header: Any) -> Any:
        """ActionProbs of one clip; `header` is that of the clip's last frame."""
        probabilities = action.probabilities.astype(np.float32)
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        score = self.types.ActionScore
        top = [score(label=action.labels[i], probability=round(float(probabilities[i]), DIGITS)) for i in order]
        return self.types.ActionProbs(
            header=header,
            clip_start=self.time(action.start),
            frames=action.frames,
            id=action.id,
            label=top[0].label,
            probability=top[0].probability,
            top=top,
            probabilities=self.floats(probabilities),
            labels=list(action.labels),
        )
