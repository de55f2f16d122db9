"""Prints a JSON line for each frame whose skeletons arrive, and for what the node says of itself on /diagnostics."""

from __future__ import annotations

import json

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from deephar_ros.msg import Skeleton3D, Skeleton3DArray
from deephar_ros.node.ending import quiet_end
from deephar_ros.node.stamps import to_nanoseconds

STAGES = " p50, p99"
"""How keys of /diagnostics end that tell how long something takes."""


class BenchmarkObserver(Node):
    """`age`: seconds from an image's stamp to the arrival of its skeletons here, DDS included both ways."""

    def __init__(self) -> None:
        super().__init__("benchmark_observer")
        self.create_subscription(Skeleton3DArray, "skeletons", self._on_skeletons, 50)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_skeletons(self, msg: Skeleton3DArray) -> None:
        age = (self.get_clock().now().nanoseconds - to_nanoseconds(msg.header.stamp)) / 1e9
        people = sum(skeleton.state != Skeleton3D.LOST for skeleton in msg.skeletons)
        print(json.dumps({"age": age, "people": people}), flush=True)

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        values = [value for status in msg.status for value in status.values if value.key.endswith(STAGES)]
        if values:
            print(json.dumps({"stages": {v.key.removesuffix(STAGES): v.value for v in values}}), flush=True)


def main() -> int:
    rclpy.init()
    node = BenchmarkObserver()
    with quiet_end(node.context):
        rclpy.spin(node)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
