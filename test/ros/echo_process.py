"""Sends every message of ours that arrives on `to_echo/NAME` back on `echoed/NAME`. Run as a process by the tests."""

from __future__ import annotations

import contextlib

import rclpy
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


def main() -> None:
    rclpy.init()
    node = Node("echo")
    for kind in (Skeleton3D, Skeleton3DArray, ActionProbs):
        back = node.create_publisher(kind, f"echoed/{kind.__name__}", 10)
        node.create_subscription(kind, f"to_echo/{kind.__name__}", back.publish, 10)
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == "__main__":
    main()
