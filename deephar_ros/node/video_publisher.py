"""Plays a video file, image folder, bag or camera as `image` and `camera_info`, in real time."""

from __future__ import annotations

import math
import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from deephar_ros.node.images import to_image
from deephar_ros.node.parameters import ParameterError, VideoParameters, declare
from deephar_ros.share import demo_clip
from deephar_ros.sources import Pixels, SourceError, TimedFrame, open_source


class VideoPublisher(Node):
    """Publishes each frame when its time has come, stamped with the clock at that moment."""

    def __init__(self) -> None:
        super().__init__("video_publisher")
        self.settings = declare(self, VideoParameters)
        self.source = self.settings.source or str(demo_clip())
        self._images = self.create_publisher(Image, "image", 5)
        self._infos = self.create_publisher(CameraInfo, "camera_info", 5)
        self.sent = 0

    def wait_for_subscribers(self) -> None:
        """Returns once enough nodes subscribe to `image`, so that nobody misses the first frame."""
        wanted = self.settings.wait_for_subscribers
        if self._images.get_subscription_count() < wanted:
            self.get_logger().info(f"waiting for {wanted} subscriber(s) on {self._images.topic_name}")
        while rclpy.ok() and self._images.get_subscription_count() < wanted:
            rclpy.spin_once(self, timeout_sec=0.1)

    def play(self) -> None:
        """Plays the source once."""
        source = open_source(self.source)
        start: float | None = None  # set by the first frame, because opening a source takes its time
        for number, frame in enumerate(source.frames):
            start = time.monotonic() if start is None else start
            if not source.live:
                self._wait_until(start + self._due(number, frame))
            if not rclpy.ok():
                return
            self._publish(frame.pixels)

    def _due(self, number: int, frame: TimedFrame) -> float:
        return number / self.settings.rate if self.settings.rate else frame.seconds

    def _wait_until(self, due: float) -> None:
        while rclpy.ok() and (left := due - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left)

    def _publish(self, pixels: Pixels) -> None:
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.settings.frame_id)
        image = to_image(pixels)
        image.header = header
        info = camera_info(image.width, image.height, self.settings.horizontal_fov)
        info.header = header
        self._infos.publish(info)
        self._images.publish(image)
        self.sent += 1


def camera_info(width: int, height: int, horizontal_fov: float) -> CameraInfo:
    """Pinhole camera without distortion; field of view in degrees, 0 = uncalibrated (all-zero K, as REP-104 says)."""
    info = CameraInfo(width=width, height=height)
    if horizontal_fov > 0:
        f = width / 2 / math.tan(math.radians(horizontal_fov) / 2)
        cx, cy = (width - 1) / 2, (height - 1) / 2  # ROS counts from the centre of the first pixel
        info.distortion_model, info.d = "plumb_bob", [0.0] * 5
        info.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def main() -> int:
    rclpy.init()
    try:
        node = VideoPublisher()
        node.wait_for_subscribers()
        node.play()
        while node.settings.loop and rclpy.ok():
            node.play()
        node.get_logger().info(f"end of {node.source}, {node.sent} images sent")
    except (ParameterError, SourceError) as error:
        print(f"video_publisher: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
