"""Watches one camera's images, so that `symptoms` can say what is wrong with them."""

from __future__ import annotations

import time
from collections.abc import Callable

import rclpy
from rclpy.node import Node
from rclpy.qos import qos_policy_name_from_kind

try:
    from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks

from deephar_ros.node.symptoms import InputState, SideInput
from deephar_ros.statistics import Rate, Standstill

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


class InputMonitor:
    """Told of each image by the callbacks, and of each bad one by the worker; read by the diagnostics timer.

    Every value is set by one thread and replaced whole, so that no lock is needed.
    """

    def __init__(self, topic: str, info_topic: str = "camera_info") -> None:
        self.topic, self.info_topic = topic, info_topic
        self.calibrated: bool | None = None
        self.incompatible_policy = ""
        self._started = self._last = time.monotonic()
        self._received = 0
        self._stamp: int | None = None
        self._age: float | None = None
        self._stamps = Standstill()
        self._stalled = 0.0
        self._bad = Rate()
        self._bad_reason = self._unsupported = ""

    def events(self) -> SubscriptionEventCallbacks:
        """To be given to the subscription of the images."""
        return qos_events(self._on_incompatible)

    def on_image(self, stamp: int, clock: int) -> None:
        """An image has come: its stamp and the node's time, both ns (0: the clock does not run)."""
        self._last = time.monotonic()
        self._stamp, self._age = stamp, (clock - stamp) / 1e9 if clock else None
        self._stalled = self._stamps.update(stamp, self._last)
        self._received += 1

    def on_good(self) -> None:
        """An image was read."""
        self._unsupported = ""

    def on_bad(self, reason: str, unsupported_encoding: str = "") -> None:
        """An image could not be read."""
        self._bad.add(time.monotonic())
        self._bad_reason, self._unsupported = reason, unsupported_encoding

    def _on_incompatible(self, policy: str) -> None:
        self.incompatible_policy = policy

    def state(self, node: Node, sides: tuple[SideInput, ...] = ()) -> InputState:
        """What is known now."""
        now = time.monotonic()
        publishers = node.count_publishers(self.topic)
        return InputState(
            topic=self.topic,
            publishers=publishers,
            received=self._received,
            silent=now - self._last,
            running=now - self._started,
            rmw=rclpy.get_rmw_implementation_identifier(),
            incompatible_policy=self.incompatible_policy,
            other_image_topics=() if publishers else image_topics(node),
            unsupported_encoding=self._unsupported,
            bad_rate=self._bad.per_second(now),
            bad_reason=self._bad_reason,
            stamp=self._stamp,
            stamp_stalled=self._stalled,
            age=self._age,
            info_topic=self.info_topic,
            calibrated=self.calibrated,
            sides=sides,
        )


def qos_events(on_incompatible: Callable[[str], None]) -> SubscriptionEventCallbacks:
    """Calls back with the name of the policy, "RELIABILITY", when a publisher turns up that cannot be received."""
    return SubscriptionEventCallbacks(incompatible_qos=lambda event: on_incompatible(policy_name(event)))


def policy_name(event: QoSRequestedIncompatibleQoSInfo) -> str:
    """Name of the QoS policy in which the last incompatible publisher differs."""
    return str(qos_policy_name_from_kind(event.last_policy_kind))


def image_topics(node: Node) -> tuple[str, ...]:
    """Topics on which others than this node publish images, sorted."""

    def is_foreign(topic: str) -> bool:
        publishers = node.get_publishers_info_by_topic(topic)
        return any((p.node_name, p.node_namespace) != (node.get_name(), node.get_namespace()) for p in publishers)

    found = node.get_topic_names_and_types()
    return tuple(sorted(name for name, types in found if set(types) & set(IMAGE_TYPES) and is_foreign(name)))
