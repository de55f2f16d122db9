"""People in the room: positions in the frame that is wanted, frames on /tf, the topics of REP-155."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from deephar_ros.depth import DepthSource
from deephar_ros.node import transforms
from deephar_ros.node.humans import Humans
from deephar_ros.node.joint_frames import to_transforms
from deephar_ros.node.parameters import PerceptionParameters
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.people import Person


class Room:
    """What needs packages that a machine may lack: without one, what it gives is off, and the log says so.

    Args:
        complain: called with a sentence; it sees to it that the log is not flooded.
    """

    def __init__(self, node: LifecycleNode, settings: PerceptionParameters, complain: Callable[[str], None]) -> None:
        self._node, self._complain = node, complain
        self._transforms: transforms.Transforms | None = None
        self._tf = self._tf_publisher() if settings.publish_tf else None
        self._humans: Humans | None = None
        if settings.publish_humans:
            try:
                self._humans = Humans(node)
            except ImportError as error:
                complain(f"publish_humans is off: {error}")
        if settings.target_frame:
            self._listen()

    def bring(self, people: Sequence[Person], header: Header, frame: str) -> tuple[Sequence[Person], Header]:
        """The people in `frame`, with the header that says so; unchanged if `frame` is empty or not reachable now."""
        if not frame or frame == header.frame_id or not self._listen():
            return people, header
        assert self._transforms is not None
        transform, why = self._transforms.lookup(frame, header.frame_id, to_nanoseconds(header.stamp))
        if transform is None:
            self._complain(f"positions stay in {header.frame_id!r}: no transform to target_frame {frame!r}: {why}")
            return people, header
        moved = [
            replace(p, position=transform.apply(p.position, p.depth_source is DepthSource.RELATIVE)) for p in people
        ]
        return moved, Header(stamp=header.stamp, frame_id=frame)

    def announce(
        self, camera: str, people: Sequence[Person], header: Header, image: Header, width: int, height: int
    ) -> None:
        """Publishes the people's frames and their REP-155 topics, where that is switched on.

        Args:
            header: of the positions.
            image: header of the image, `width` x `height` pixels large.
        """
        if self._tf is not None and (frames := to_transforms(people, header)):
            self._tf.publish(self._tf.msg_type(transforms=frames))
        if self._humans is not None:
            self._humans.publish(camera, people, image, width, height)

    def restart(self) -> None:
        """Time went backwards."""
        if self._transforms is not None:
            self._transforms.clear()

    def close(self) -> None:
        """Gives up publishers and subscriptions."""
        if self._transforms is not None:
            self._transforms.close()
        if self._tf is not None:
            self._node.destroy_publisher(self._tf)
        if self._humans is not None:
            self._humans.close()

    def _listen(self) -> bool:
        """Whether transforms are listened to; starts it if they can be."""
        if self._transforms is None:
            why = transforms.unavailable()
            if why:
                self._complain(f"target_frame has no effect: {why}")
                return False
            self._transforms = transforms.Transforms(self._node)
        return True

    def _tf_publisher(self) -> Any:
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError as error:
            self._complain(f"publish_tf is off: {error}; install ros-$ROS_DISTRO-tf2-msgs")
            return None
        return self._node.create_publisher(TFMessage, "/tf", 100)
