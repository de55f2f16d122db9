"""The names of the actions, latched, as vision_msgs/LabelInfo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile

LATCHED = QoSProfile(depth=4, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Whoever subscribes later gets it, too; one place for each action set."""


class LabelInfo:
    """One message for each action set, published once; the class ids are the places in `ActionProbs.probabilities`."""

    def __init__(
        self, node: LifecycleNode, labels: tuple[tuple[str, ...], ...], complain: Callable[[str], None]
    ) -> None:
        self._node = node
        self._publisher: Any = None
        try:
            from vision_msgs.msg import LabelInfo as Message
            from vision_msgs.msg import VisionClass
        except ImportError as error:
            complain(f"label_info is off: {error}; install ros-$ROS_DISTRO-vision-msgs")
            return
        self._publisher = node.create_publisher(Message, "label_info", LATCHED)
        for names in labels:
            message = Message(class_map=[VisionClass(class_id=i, class_name=name) for i, name in enumerate(names)])
            message.header.stamp = node.get_clock().now().to_msg()
            self._publisher.publish(message)

    def close(self) -> None:
        """Gives up the publisher."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
