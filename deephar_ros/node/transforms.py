"""Positions in another frame: through tf2 where it is installed, and without ever waiting for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from deephar_ros.geometry import Array
from deephar_ros.node.stamps import to_nanoseconds

CACHE_SECONDS = 10.0
"""How long transforms are kept, as tf2 does by default."""
LATEST_SECONDS = 0.5
"""How much older than the image the newest transform may be when that of the image's time has not come yet."""


@dataclass(frozen=True)
class Transform:
    """Where a frame is: a point p of it is rotation @ p + translation in the target frame.

    Attributes:
        rotation: (3, 3).
        translation: (3,) metres.
    """

    rotation: Array
    translation: Array

    def apply(self, position: Array, relative: bool = False) -> Array:
        """Positions in the target frame.

        Args:
            position: (..., 3) metres. A point with one unknown coordinate (NaN) is wholly unknown in another frame.
            relative: positions are differences of two points (relative to the pelvis, say), so they are only turned.
        """
        turned = position @ self.rotation.T
        return turned if relative else turned + self.translation


def rotation_matrix(x: float, y: float, z: float, w: float) -> Array:
    """(3, 3) rotation of a quaternion of any length but zero."""
    x, y, z, w = np.array([x, y, z, w]) / np.linalg.norm([x, y, z, w])
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def unavailable() -> str:
    """Why nothing can be transformed on this machine; empty if it can."""
    try:
        import tf2_ros  # noqa: F401
    except ImportError as error:
        return f"tf2_ros cannot be imported ({error}); install ros-$ROS_DISTRO-tf2-ros-py"
    return ""


class Transforms:
    """The transforms that arrive on /tf and /tf_static of `node`, which has to be spun by somebody else.

    Raises:
        ImportError: as `unavailable()` says.
    """

    def __init__(self, node: Node) -> None:
        import tf2_ros

        self._tf2 = tf2_ros
        self._buffer = tf2_ros.Buffer(Duration(seconds=CACHE_SECONDS))  # with the node, it would add a service to it
        self._listener = tf2_ros.TransformListener(self._buffer, node, spin_thread=False)

    def lookup(self, target_frame: str, source_frame: str, stamp: int) -> tuple[Transform | None, str]:
        """The transform from source to target frame at `stamp` (nanoseconds), or None and the reason; does not wait.

        Transforms often come later than the image they belong to. Then the newest one counts, if it is at most
        `LATEST_SECONDS` older than the image: a robot moves little in that time, and an older one may be of a robot
        that has moved on since.
        """
        try:
            return _transform(self._buffer.lookup_transform(target_frame, source_frame, Time(nanoseconds=stamp))), ""
        except self._tf2.ExtrapolationException as error:
            return self._latest(target_frame, source_frame, stamp, str(error))
        except self._tf2.TransformException as error:
            return None, str(error)

    def _latest(self, target_frame: str, source_frame: str, stamp: int, why: str) -> tuple[Transform | None, str]:
        try:
            message = self._buffer.lookup_transform(target_frame, source_frame, Time())
        except self._tf2.TransformException as error:
            return None, str(error)
        age = (stamp - to_nanoseconds(message.header.stamp)) / 1e9
        if age > LATEST_SECONDS:
            return (
                None,
                f"the newest transform from {source_frame} to {target_frame} is {age:.1f} s older than the image",
            )
        return (_transform(message), "") if age > 0 else (None, why)

    def clear(self) -> None:
        """Forgets what moved: for when time goes backwards, where tf2 would ignore what is older than what it has."""
        self._buffer.clear()

    def close(self) -> None:
        """Ends the subscriptions."""
        self._listener.unregister()


def _transform(message: Any) -> Transform:
    rotation, translation = message.transform.rotation, message.transform.translation
    return Transform(
        rotation_matrix(rotation.x, rotation.y, rotation.z, rotation.w),
        np.array([translation.x, translation.y, translation.z]),
    )
