"""vision_msgs/Detection2DArray as person boxes."""

from __future__ import annotations

import math
from typing import Any

from deephar_ros.geometry import Box

PERSON = ("person", "human", "people", "pedestrian", "0")
"""Class names that stand for a person; "0" is the person of COCO, which detectors without names send."""
MOST = 256
"""Detections read of one message."""
FAR = 1 << 20
"""Pixels; no picture reaches so far."""


class MissingPackage(ValueError):
    """A ROS package that a parameter needs is not installed."""


def detection_type() -> type:
    """The message type; MissingPackage if vision_msgs is not installed."""
    try:
        from vision_msgs.msg import Detection2DArray
    except ImportError as error:
        raise MissingPackage(
            "box_source 'detections' needs the package vision_msgs (sudo apt install ros-$ROS_DISTRO-vision-msgs); "
            "or set box_source to auto"
        ) from error
    return Detection2DArray


def to_boxes(msg: Any) -> tuple[Box, ...]:
    """Boxes of the people in a Detection2DArray, best score first; what is not a person is left out.

    Raises:
        ValueError: a box is not finite, has no area, or lies beyond any picture.
    """
    boxes = []
    for detection in msg.detections[:MOST]:
        score = _person_score(detection.results)
        if score is None:
            continue
        middle, width, height = detection.bbox.center.position, detection.bbox.size_x, detection.bbox.size_y
        box = Box(middle.x - width / 2, middle.y - height / 2, middle.x + width / 2, middle.y + height / 2, score)
        if not all(map(math.isfinite, box)) or min(box.width, box.height) <= 0 or max(map(abs, box[:4])) > FAR:
            raise ValueError(
                f"detection at {middle.x}, {middle.y} of size {width} x {height}, score {score}, is no box in an image"
            )
        boxes.append(box)
    return tuple(sorted(boxes, key=lambda box: -box.score))


def _person_score(results: Any) -> float | None:
    """Score of the hypothesis that it is a person; 1 for detectors that give no classes; None if it is none."""
    if not results:
        return 1.0
    best = max(results, key=lambda result: result.hypothesis.score)
    return float(best.hypothesis.score) if best.hypothesis.class_id.lower() in PERSON else None
