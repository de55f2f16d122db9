"""Watches a running perception node from outside and prints one JSON line a second: results, their age, drops."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from deephar_ros.msg import Skeleton3D, Skeleton3DArray
from deephar_ros.node.ending import quiet_end
from deephar_ros.node.parameters import ParameterError, declare, parameter
from deephar_ros.node.stamps import to_nanoseconds

DROPPED = "dropped: "
"""How entries of /diagnostics begin that count dropped images."""


@dataclass(frozen=True)
class SoakObserverParameters:
    """Parameters of `soak_observer`, all read at start."""

    cameras: Sequence[str] = parameter(("",), "Names of the cameras, the first part of their topics.")


class SoakObserver(Node):
    """Ages are seconds from an image's stamp to the arrival of its skeletons here, DDS included both ways."""

    def __init__(self) -> None:
        super().__init__("soak_observer")
        self._ages: list[float] = []
        self._people: list[int] = []
        self._frames: Counter[str] = Counter()
        self._drops: dict[str, dict[str, int]] = {}  # per status of /diagnostics, since the node's start
        for name in declare(self, SoakObserverParameters).cameras:
            topic = f"{name}/skeletons" if name else "skeletons"
            self.create_subscription(Skeleton3DArray, topic, self._listen_to(name or "camera"), 50)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.create_timer(1.0, self._report)

    def _listen_to(self, camera: str):  # type: ignore[no-untyped-def]
        def on_skeletons(msg: Skeleton3DArray) -> None:
            self._frames[camera] += 1
            self._ages.append((self.get_clock().now().nanoseconds - to_nanoseconds(msg.header.stamp)) / 1e9)
            self._people.append(sum(s.state != Skeleton3D.LOST for s in msg.skeletons))

        return on_skeletons

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            drops = {v.key[len(DROPPED) :]: int(v.value) for v in status.values if v.key.startswith(DROPPED)}
            if drops:
                self._drops[status.name] = drops

    def _report(self) -> None:
        ages, self._ages = sorted(self._ages), []
        people, self._people = self._people, []
        frames, self._frames = self._frames, Counter()
        drops: Counter[str] = Counter()
        for counts in self._drops.values():
            drops.update(counts)
        line = {
            "frames": dict(frames),
            "people": sum(people) / len(people) if people else None,
            "age_p50": _quantile(ages, 0.5),
            "age_p95": _quantile(ages, 0.95),
            "age_max": _quantile(ages, 1.0),
            "drops": dict(drops),
        }
        print(json.dumps(line), flush=True)


def _quantile(ordered: list[float], part: float) -> float | None:
    return ordered[math.ceil(part * len(ordered)) - 1] if ordered else None


def main() -> int:
    rclpy.init()
    try:
        node = SoakObserver()
    except ParameterError as error:
        print(f"soak_observer: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    with quiet_end(node.context):
        rclpy.spin(node)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
