"""Listens to an image topic for a few seconds and prints what is there, one finding a line (see cli/doctor.py)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from deephar_ros.finding import Finding, Level
from deephar_ros.node.monitor import InputMonitor
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.node.symptoms import symptoms
from deephar_ros.pixels import encoding
from deephar_ros.statistics import Rate

DISCOVERY = 5.0
"""Seconds within which nodes find each other; announcements that got lost are repeated after three."""
LISTENING = 3.0
"""Seconds for which images are counted once a publisher is found."""


class Listener(Node):
    """Subscribes with sensor data QoS, which fits every publisher."""

    def __init__(self, topic: str) -> None:
        super().__init__("deephar_doctor")
        kind = CompressedImage if topic.endswith("/compressed") else Image
        self.topic = self.resolve_topic_name(topic)
        self.monitor = InputMonitor(self.topic)
        self.rate = Rate()
        self.last: Image | CompressedImage | None = None
        self.create_subscription(
            kind, topic, self._on_image, qos_profile_sensor_data, event_callbacks=self.monitor.events()
        )

    def _on_image(self, msg: Image | CompressedImage) -> None:
        self.last = msg
        self.rate.add(time.monotonic())
        self.monitor.on_image(to_nanoseconds(msg.header.stamp), self.get_clock().now().nanoseconds)
        if isinstance(msg, Image) and encoding(msg.encoding, bool(msg.is_bigendian)) is None:
            self.monitor.on_bad(f"encoding {msg.encoding}", msg.encoding)

    def listen(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Handles messages for this long, or until something is true."""
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            rclpy.spin_once(self, timeout_sec=0.1)

    def findings(self) -> Iterator[Finding]:
        """What was seen until now."""
        for publisher in self.get_publishers_info_by_topic(self.topic):
            name = f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}"
            qos = f"{publisher.qos_profile.reliability.name}, {publisher.qos_profile.durability.name}".lower()
            yield Finding(Level.OK, f"{name} publishes {publisher.topic_type} on {self.topic} ({qos})")
        if self.last is not None:
            yield Finding(Level.OK, f"{self.rate.per_second(time.monotonic()):.1f} images/s, {describe(self.last)}")
        for symptom in symptoms(self.monitor.state(self)):
            yield Finding(symptom.level, symptom.sentence)


def describe(msg: Image | CompressedImage) -> str:
    """Encoding and size."""
    if isinstance(msg, CompressedImage):
        return f"{msg.format}, {len(msg.data)} bytes"
    return f"{msg.encoding}, {msg.width}x{msg.height}, {len(msg.data)} bytes"


def main() -> int:
    rclpy.init()
    listener = Listener(sys.argv[1])
    listener.listen(DISCOVERY, until=lambda: listener.count_publishers(listener.topic) > 0)
    listener.listen(LISTENING)
    findings = list(listener.findings())
    listener.destroy_node()
    rclpy.try_shutdown()
    print(*findings, sep="\n")
    return 1 if any(finding.level is Level.ERROR for finding in findings) else 0


if __name__ == "__main__":
    raise SystemExit(main())
