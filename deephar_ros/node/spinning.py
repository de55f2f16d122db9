"""Callbacks that go on when one of them fails."""

from __future__ import annotations

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

COMPLAINT_PERIOD = 10.0
"""Seconds between two lines in the log."""


def spin(node: Node) -> None:
    """As `rclpy.spin`, but an exception in a callback costs that one message or request, not the process.

    rclpy's own callbacks raise as well, so that one message could end any node: a request that sets a parameter of a
    type that does not exist, or a time before 1970 on /clock.
    """
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        while node.context.ok():
            try:
                executor.spin_once()
            except ExternalShutdownException:
                raise
            except Exception as error:
                if not node.context.ok():
                    raise
                text = f"a message or request was dropped, its callback failed: {type(error).__name__}: {error}"
                node.get_logger().error(text, throttle_duration_sec=COMPLAINT_PERIOD)
    finally:
        executor.remove_node(node)
