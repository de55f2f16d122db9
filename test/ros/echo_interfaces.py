"""Sends every optional message that arrives on `to_echo/NAME` back on `echoed/NAME`. Run as a process by the tests."""

from __future__ import annotations

import contextlib

import rclpy
from hri_msgs.msg import IdsList, NormalizedRegionOfInterest2D, Skeleton2D
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray, LabelInfo


def main() -> None:
    rclpy.init()
    node = Node("echo_interfaces")
    for kind in (Detection2DArray, LabelInfo, TFMessage, IdsList, NormalizedRegionOfInterest2D, Skeleton2D):
        back = node.create_publisher(kind, f"echoed/{kind.__name__}", 10)
        node.create_subscription(kind, f"to_echo/{kind.__name__}", back.publish, 10)
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == "__main__":
    main()
