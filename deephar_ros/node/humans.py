"""The topics of REP-155 for human bodies, where hri_msgs is installed (2.0 or later)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from deephar_ros.geometry import Array
from deephar_ros.node.joint_frames import body_id
from deephar_ros.people import Person, State

if TYPE_CHECKING:
    from hri_msgs.msg import NormalizedPointOfInterest2D, NormalizedRegionOfInterest2D, Skeleton2D

BODIES = "/humans/bodies"
"""REP-155 fixes the topics' names, whatever the node's namespace is."""
LIMBS = tuple(
    f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)
"""The joints that `Skeleton2D` and all our layouts have; it has constants of these names in upper case."""


class Humans:
    """Publishes `tracked`, and `roi` and `skeleton2d` of every body, whose publishers come and go with the people.

    Raises:
        ImportError: hri_msgs is missing.
    """

    def __init__(self, node: Node) -> None:
        from hri_msgs.msg import IdsList

        self._node = node
        self._tracked = node.create_publisher(IdsList, f"{BODIES}/tracked", 1)
        self._bodies: dict[str, dict[str, tuple[Publisher, Publisher]]] = {}  # of each camera
        self._header = Header()

    def publish(self, camera: str, people: Iterable[Person], header: Header, width: int, height: int) -> None:
        """Everybody in one image of one camera, `width` x `height` pixels large, whose header is `header`."""
        bodies = self._bodies.setdefault(camera, {})
        present = {body_id(person.id): person for person in people if person.state is not State.LOST}
        for id in bodies.keys() - present.keys():
            self._destroy(bodies.pop(id))
        for id, person in present.items():
            if id not in bodies:
                bodies[id] = self._create(id)
            for publisher, convert in zip(bodies[id], (to_roi, to_skeleton2d), strict=True):
                publisher.publish(convert(person, header, width, height))
        self._header = header
        self._announce()

    def close(self) -> None:
        """Says that nobody is tracked any more, and destroys all publishers."""
        for bodies in self._bodies.values():
            for publishers in bodies.values():
                self._destroy(publishers)
        self._bodies.clear()
        self._announce()
        self._node.destroy_publisher(self._tracked)

    def _announce(self) -> None:
        ids = sorted(id for bodies in self._bodies.values() for id in bodies)
        self._tracked.publish(self._tracked.msg_type(header=self._header, ids=ids))

    def _create(self, id: str) -> tuple[Publisher, Publisher]:
        from hri_msgs.msg import NormalizedRegionOfInterest2D, Skeleton2D

        return (
            self._node.create_publisher(NormalizedRegionOfInterest2D, f"{BODIES}/{id}/roi", 1),
            self._node.create_publisher(Skeleton2D, f"{BODIES}/{id}/skeleton2d", 1),
        )

    def _destroy(self, publishers: tuple[Publisher, Publisher]) -> None:
        for publisher in publishers:
            self._node.destroy_publisher(publisher)


def to_roi(person: Person, header: Header, width: int, height: int) -> NormalizedRegionOfInterest2D:
    """The part of the person's box inside the image, in parts of its width and height."""
    from hri_msgs.msg import NormalizedRegionOfInterest2D

    left, top, right, bottom = np.clip(np.array(person.box[:4]) / [width, height, width, height], 0, 1).tolist()
    return NormalizedRegionOfInterest2D(header=header, xmin=left, ymin=top, xmax=right, ymax=bottom, c=person.score)


def to_skeleton2d(person: Person, header: Header, width: int, height: int) -> Skeleton2D:
    """The person in the order of OpenPose's COCO model.

    `NECK` is the middle between the shoulders, as OpenPose has it. Confidence is 0 for what we do not know, which is
    eyes, ears and nose (our `head` is its top), and for joints outside of the image, which the message cannot express.
    """
    from hri_msgs.msg import Skeleton2D

    points = dict(zip(person.layout.joints, zip(person.joints, person.confidence, strict=True), strict=True))
    (right, sure_right), (left, sure_left) = points["right_shoulder"], points["left_shoulder"]
    message = Skeleton2D(header=header)
    skeleton = [_point(np.full(2, np.nan), 0.0)] * 18
    skeleton[Skeleton2D.NECK] = _point((left + right) / 2 / [width, height], min(sure_left, sure_right))
    for joint in LIMBS:
        pixel, confidence = points[joint]
        skeleton[getattr(Skeleton2D, joint.upper())] = _point(pixel / [width, height], confidence)
    message.skeleton = skeleton
    return message


def _point(at: Array, confidence: float) -> NormalizedPointOfInterest2D:
    from hri_msgs.msg import NormalizedPointOfInterest2D

    if not ((at >= 0) & (at <= 1)).all():
        return NormalizedPointOfInterest2D()
    return NormalizedPointOfInterest2D(x=float(at[0]), y=float(at[1]), c=float(confidence))
