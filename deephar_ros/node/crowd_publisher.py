"""Plays cameras that see a changing number of people: the person of the demo clip, several times. For tests of load."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from deephar_ros.node.ending import quiet_end
from deephar_ros.node.images import to_image
from deephar_ros.node.parameters import ParameterError, declare, parameter
from deephar_ros.node.video_publisher import camera_info
from deephar_ros.share import demo_clip
from deephar_ros.sources import Pixels, open_source

COLUMNS, ROWS = 4, 2
"""Places for people in a picture."""
PERSON = slice(200, 440)
"""Columns of the demo clip that hold the person from FIRST on, standing and waving."""
FIRST = 120
"""Frame of the demo clip."""
WALL = (200, 200, 195)
"""Colour between the people, RGB."""
FIELD_OF_VIEW = 60.0
"""Of camera_info, degrees."""


@dataclass(frozen=True)
class CrowdParameters:
    """Parameters of `crowd_publisher`, all read at start."""

    cameras: Sequence[str] = parameter(("",), "Names of the cameras, the first part of their topics.")
    width: int = parameter(1280, "Pixels.", 64, 8192)
    height: int = parameter(720, "Pixels.", 64, 8192)
    rate: float = parameter(30.0, "Pictures per second and camera.", 0.1, 1000.0)
    fewest: int = parameter(1, "People at first.", 0, COLUMNS * ROWS)
    most: int = parameter(8, "People in the middle of a round.", 0, COLUMNS * ROWS)
    stay: float = parameter(10.0, "Seconds after which one more comes or one leaves.", 0.1, 3600.0)


class Crowd:
    """Pictures of people side by side; the same for the same frame number and size."""

    def __init__(self, width: int, height: int) -> None:
        clip = [frame.pixels[:, PERSON] for frame in open_source(str(demo_clip())).frames][FIRST:]
        scale = min(height / ROWS / clip[0].shape[0], width / COLUMNS / clip[0].shape[1])
        self._person = [cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for p in clip]
        self._empty = np.full((height, width, 3), WALL, np.uint8)

    def picture(self, number: int, people: int) -> Pixels:
        """Frame `number` (height, width, 3) RGB; each of the people is at another moment of the clip."""
        picture = self._empty.copy()
        height, width = picture.shape[0] // ROWS, picture.shape[1] // COLUMNS
        for place in range(people):
            # Back and forth through the clip, so that nobody jumps.
            moment = (number + 29 * place) % (2 * len(self._person) - 1)
            person = self._person[min(moment, 2 * len(self._person) - 2 - moment)]
            row, column = divmod(place, COLUMNS)
            top, left = row * height, column * width + (width - person.shape[1]) // 2
            picture[top : top + person.shape[0], left : left + person.shape[1]] = person
        return picture


def people_at(seconds: float, fewest: int, most: int, stay: float) -> int:
    """How many people are there: from `fewest` up to `most` and down again, one more or less every `stay` seconds."""
    span = most - fewest
    step = int(seconds / stay) % (2 * span) if span else 0
    return fewest + min(step, 2 * span - step)


class CrowdPublisher(Node):
    """Publishes the same picture for all cameras, each with its own frame id."""

    def __init__(self) -> None:
        super().__init__("crowd_publisher")
        self.settings = declare(self, CrowdParameters)
        self._crowd = Crowd(self.settings.width, self.settings.height)
        prefixes = {name: f"{name}/" if name else "" for name in self.settings.cameras}
        self._cameras = {
            name: (
                self.create_publisher(Image, f"{prefix}image", qos_profile_sensor_data),
                self.create_publisher(CameraInfo, f"{prefix}camera_info", qos_profile_sensor_data),
            )
            for name, prefix in prefixes.items()
        }

    def play(self) -> None:
        """Publishes until the process is asked to end. A picture that is late is sent late, and none is left out."""
        started, number, settings = time.monotonic(), 0, self.settings
        while rclpy.ok():
            due = number / settings.rate
            people = people_at(due, settings.fewest, settings.most, settings.stay)
            picture = self._crowd.picture(number, people)
            time.sleep(max(0.0, started + due - time.monotonic()))
            self._publish(picture)
            number += 1

    def _publish(self, picture: Pixels) -> None:
        image = to_image(picture)
        info = camera_info(image.width, image.height, FIELD_OF_VIEW)
        for name, (images, infos) in self._cameras.items():
            stamp = self.get_clock().now().to_msg()
            image.header = info.header = Header(stamp=stamp, frame_id=f"{name or 'camera'}_optical_frame")
            infos.publish(info)
            images.publish(image)


def main() -> int:
    rclpy.init()
    try:
        node = CrowdPublisher()
    except ParameterError as error:
        print(f"crowd_publisher: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    with quiet_end(node.context):
        node.play()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
