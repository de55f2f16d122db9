"""The end of a node's process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


@contextmanager
def quiet_end(node: Node) -> Iterator[None]:
    """What runs inside ends without a trace on SIGINT, SIGTERM or a shutdown, in whichever way rclpy tells of it."""
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # the context may have ended between two of rclpy's own steps
        if node.context.ok():
            raise
