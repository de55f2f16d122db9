"""What one camera sends: its subscriptions, and the frame that they make together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from deephar_ros.camera import PinholeCamera
from deephar_ros.camera_info import CameraInfoError, to_camera
from deephar_ros.depth import DepthMap
from deephar_ros.geometry import Box
from deephar_ros.node import clouds
from deephar_ros.node.detections import detection_type, to_boxes
from deephar_ros.node.images import to_depth, to_frame
from deephar_ros.node.matching import ExactMatcher, Recent
from deephar_ros.node.monitor import InputMonitor
from deephar_ros.node.parameters import PerceptionParameters
from deephar_ros.node.quality import compressed_topic, image_qos
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.node.symptoms import InputState, SideInput
from deephar_ros.people import Frame
from deephar_ros.pixels import ImageError
from deephar_ros.statistics import Drops, Rate


class Arrival(NamedTuple):
    """An image that waits to be processed.

    Attributes:
        boxes: those of the detector, if there is one.
        at: when it came, seconds of the monotonic clock.
    """

    image: Image | CompressedImage
    boxes: tuple[Box, ...] | None
    at: float


class CameraInput:
    """Subscribes to one camera. Callbacks run in the executor's thread, `frame` in the worker's.

    Args:
        name: of the camera, "" for the only one.
        deliver: called with each image that is to be processed.
        complain: called with a sentence about what is wrong; it sees to it that the log is not flooded.
    """

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: PerceptionParameters,
        deliver: Callable[[str, Arrival], None],
        complain: Callable[[str], None],
    ) -> None:
        self.name = name
        self.settings = settings
        self.rate_in, self.rate_out, self.drops = Rate(), Rate(), Drops()
        self.size = ""  # of the last image, for people
        self._node, self._deliver, self._complain = node, deliver, complain
        self._prefix = f"{name}/" if name else ""
        self._info: CameraInfo | None = None
        self._depth: Recent[Image | PointCloud2] = Recent()
        self._matcher: ExactMatcher[Image | CompressedImage, tuple[Box, ...]] = ExactMatcher()
        self._due = 0.0  # when the next image may come, if there is a maximal rate
        compressed = settings.image_transport == "compressed"
        image = f"{self._prefix}image"
        self.topic = compressed_topic(node, image) if compressed else node.resolve_topic_name(image)
        self._type = CompressedImage if compressed else Image
        self.monitor = InputMonitor(self.topic, node.resolve_topic_name(f"{self._prefix}camera_info"))
        self._subscriptions: list[Any] = []
        self._image: Any = None
        self._sides: dict[str, _Side] = {}

    def start(self) -> None:
        """Subscribes."""
        self._subscribe_image()
        self._subscribe(CameraInfo, "camera_info", self._on_info)
        if self.settings.box_source == "detections":
            self._sides["detections"] = _Side(self._subscribe(detection_type(), "detections", self._on_detections))
        if self.settings.depth == "image":
            self._sides["depth"] = _Side(self._subscribe(Image, "depth/image", self._on_depth))
        elif self.settings.depth == "cloud":
            self._sides["depth"] = _Side(self._subscribe(PointCloud2, "depth/points", self._on_depth))

    def stop(self) -> None:
        """Ends all subscriptions."""
        for subscription in [self._image, *self._subscriptions]:
            self._node.destroy_subscription(subscription)
        self._image, self._subscriptions, self._sides = None, [], {}

    def match_publisher(self) -> None:
        """Subscribes anew if, with `image_qos: match`, the publishers offer another reliability than before."""
        wanted = image_qos(self._node, self.settings.image_qos, self.topic)
        if self._image is not None and self.settings.image_qos == "match" and wanted != self._qos:
            self._node.destroy_subscription(self._image)
            self._subscribe_image()

    def state(self) -> InputState:
        """What is known of the input, for diagnostics."""
        now = time.monotonic()
        sides = tuple(side.state(what, self._node, now) for what, side in self._sides.items())
        return self.monitor.state(self._node, sides)

    def frame(self, arrival: Arrival) -> Frame:
        """The image with all that belongs to it; ImageError if it cannot be used."""
        frame = to_frame(arrival.image)
        self.monitor.on_good()
        height, width = frame.pixels.shape[:2]
        self.size = f"{getattr(arrival.image, 'encoding', 'compressed')} {width}x{height}"
        return replace(
            frame, camera=self._camera(width, height), depth=self._depth_at(frame.stamp), boxes=arrival.boxes
        )

    def _subscribe_image(self) -> None:
        choice = self.settings.image_qos
        self._qos = image_qos(self._node, choice, self.topic)
        self._image = self._node.create_subscription(
            self._type,
            self.topic,
            self._on_image,
            self._qos,
            event_callbacks=self.monitor.events(),
            # As parameters that cannot change any more: they would keep an explicit choice from having an effect.
            qos_overriding_options=QoSOverridingOptions.with_default_policies() if choice == "sensor_data" else None,
        )

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None]) -> Any:
        subscription = self._node.create_subscription(kind, self._prefix + topic, callback, qos_profile_sensor_data)
        self._subscriptions.append(subscription)
        return subscription

    def _on_image(self, msg: Image | CompressedImage) -> None:
        now, stamp = time.monotonic(), to_nanoseconds(msg.header.stamp)
        self.rate_in.add(now)
        self.monitor.on_image(stamp, self._node.get_clock().now().nanoseconds)
        if self.settings.max_rate:
            if now < self._due:
                self.drops.add("above max_rate")
                return
            # From the time it was due, not the time it came: otherwise 30 images/s at a limit of 20 would give 15.
            period = 1 / self.settings.max_rate
            self._due = max(self._due + period, now)
        if self.settings.box_source != "detections":
            self._deliver(self.name, Arrival(msg, None, now))
        elif (boxes := self._matcher.first(stamp, msg)) is not None:
            self._deliver(self.name, Arrival(msg, boxes, now))

    def _on_detections(self, msg: Any) -> None:
        now, stamp = time.monotonic(), to_nanoseconds(msg.header.stamp)
        side = self._sides["detections"]
        side.came = now
        try:
            boxes = to_boxes(msg)
        except ValueError as error:
            self._complain(f"{side.topic}: {error}")
            self.drops.add("bad detections")
            return
        image = self._matcher.second(stamp, boxes)
        if image is not None:
            side.fitted = now
            self._deliver(self.name, Arrival(image, boxes, now))

    def _on_info(self, msg: CameraInfo) -> None:
        self._info = msg

    def _on_depth(self, msg: Image | PointCloud2) -> None:
        self._sides["depth"].came = time.monotonic()
        self._depth.put(to_nanoseconds(msg.header.stamp), msg)

    def _camera(self, width: int, height: int) -> PinholeCamera | None:
        info = self._info
        if info is None:
            return None
        try:
            camera = to_camera(info, self.settings.rectified, width, height)
        except CameraInfoError as error:
            self._complain(f"{self.monitor.info_topic}: {error}; positions stay relative to the pelvis")
            self.drops.add("bad camera_info")
            camera = None
        self.monitor.calibrated = camera is not None
        return camera

    def _depth_at(self, stamp: int) -> DepthMap | None:
        side = self._sides.get("depth")
        msg = self._depth.nearest(stamp, self.settings.depth_tolerance) if side else None
        if side is None or msg is None:
            return None
        side.fitted = time.monotonic()
        try:
            return clouds.to_depth(msg) if isinstance(msg, PointCloud2) else to_depth(msg)
        except ImageError as error:
            self._complain(f"{side.topic}: {error}")
            self.drops.add("bad depth")
            return None


class _Side:
    """A further subscription, and when it was last of use (seconds of the monotonic clock)."""

    def __init__(self, subscription: Any) -> None:
        self.topic = subscription.topic_name
        self.came = self.fitted = time.monotonic()

    def state(self, what: str, node: LifecycleNode, now: float) -> SideInput:
        return SideInput(what, self.topic, node.count_publishers(self.topic), now - self.came, now - self.fitted)
