"""What is published about one camera."""

from __future__ import annotations

import time
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from deephar_ros.node.images import to_image
from deephar_ros.node.joint_cloud import to_cloud
from deephar_ros.node.markers import MarkerDrawer
from deephar_ros.node.messages import messages
from deephar_ros.node.overlay import draw_overlay
from deephar_ros.node.parameters import PerceptionParameters
from deephar_ros.node.room import Room
from deephar_ros.people import Frame, Person, Result


class CameraOutput:
    """The publishers of one camera. What costs time is made only for those who subscribe.

    Args:
        name: of the camera, "" for the only one.
        room: brings positions into the frame that is wanted.
    """

    def __init__(self, node: LifecycleNode, name: str, settings: PerceptionParameters, room: Room, cloud: bool) -> None:
        self.settings = settings
        self.overlay_line = ""
        self._node, self._room = node, room
        self._prefix = f"{name}/" if name else ""
        self._markers_for = MarkerDrawer()
        self._next_overlay = 0.0
        self._header = Header()
        self._publishers: list[Any] = []
        self._skeleton = self._publisher(Skeleton3D, f"{self._prefix}skeleton")
        self._skeletons = self._publisher(Skeleton3DArray, f"{self._prefix}skeletons")
        self._actions = self._publisher(ActionProbs, f"{self._prefix}action_probs")
        self._markers = self._publisher(MarkerArray, f"~/{self._prefix}markers")
        self._overlay = self._publisher(Image, f"~/{self._prefix}overlay")
        self._joints = self._publisher(PointCloud2, f"~/{self._prefix}joints") if cloud else None

    def _publisher(self, kind: type, topic: str) -> Any:
        publisher = self._node.create_lifecycle_publisher(
            kind, topic, 10, qos_overriding_options=QoSOverridingOptions.with_default_policies()
        )
        self._publishers.append(publisher)
        return publisher

    def publish(self, result: Result, frame: Frame, image: Image | CompressedImage) -> None:
        """Everything about one processed frame; stamp and frame_id are those of `image`."""
        height, width = frame.pixels.shape[:2]
        self._header = image.header
        source = result.display if self.settings.smooth_messages else result.people
        people, header = self._room.bring(source, image.header, self.settings.target_frame)
        skeletons = [messages.skeleton(person, header, width, height) for person in people]
        for skeleton in skeletons:
            self._skeleton.publish(skeleton)
        self._skeletons.publish(messages.skeletons(skeletons, header))
        for action in result.actions:
            self._actions.publish(messages.action_probs(action, image.header))
        if self._joints is not None and self._joints.get_subscription_count():
            self._joints.publish(to_cloud(people, header))
        self._show(result, frame, image.header)
        self._room.announce(self._prefix, people, header, image.header, width, height)

    def publish_lost(self, people: tuple[Person, ...]) -> None:
        """Tells that these people are followed no longer, with the last image's stamp."""
        for person in people:
            self._skeleton.publish(messages.skeleton(person, self._header, 0, 0))

    def clear(self) -> None:
        """Takes all markers away."""
        self._markers.publish(self._markers_for.clear(self._header))

    def close(self) -> None:
        """Gives up the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)

    def _show(self, result: Result, frame: Frame, header: Header) -> None:
        height, width = frame.pixels.shape[:2]
        if self._markers.get_subscription_count():
            self._markers_for.lifetime = self.settings.marker_lifetime
            self._markers.publish(self._markers_for(result, header, width, height))
        now = time.monotonic()
        if self._overlay.get_subscription_count() and now >= self._next_overlay:
            self._next_overlay = max(self._next_overlay + 1 / self.settings.overlay_rate, now)
            picture = to_image(draw_overlay(frame, result, self.overlay_line))
            picture.header = header
            self._overlay.publish(picture)
