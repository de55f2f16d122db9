"""The perception node: `image` in; `skeleton`, `skeletons` and `action_probs` out."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import CheckpointError
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from deephar_ros.node import messages
from deephar_ros.node.images import to_frame
from deephar_ros.node.mailbox import Mailbox
from deephar_ros.node.parameters import ParameterError, PerceptionParameters, declare
from deephar_ros.pipeline import Pipeline
from deephar_ros.pixels import ImageError
from deephar_ros.share import default_checkpoint
from deephar_ros.track import TrackSettings

LATEST = QoSProfile(depth=1, history=qos_profile_sensor_data.history, reliability=qos_profile_sensor_data.reliability)
"""Sensor data QoS, but with one place in the queue: an old image is worth nothing."""
COMPLAINT_PERIOD = 10.0
"""Seconds for which the same complaint about an image is not repeated in the log."""


class PerceptionNode(Node):
    """Callbacks put images into a one-slot mailbox; a worker thread takes the newest, runs the pipeline, publishes.

    Raises:
        ParameterError, CheckpointError, ValueError: the node cannot start; the message says why.
    """

    def __init__(self) -> None:
        super().__init__("perception_node")
        self.settings = declare(self, PerceptionParameters)
        self._pipeline = self._load()
        self._skeleton = self.create_publisher(Skeleton3D, "skeleton", 10)
        self._skeletons = self.create_publisher(Skeleton3DArray, "skeletons", 10)
        self._actions = self.create_publisher(ActionProbs, "action_probs", 10)
        self._mailbox: Mailbox[Image] = Mailbox()
        self._received = self._processed = self._bad = 0
        self._complaints: dict[str, float] = {}
        self._worker = threading.Thread(target=self._work, name="pipeline", daemon=True)
        self._worker.start()
        self._subscription = self.create_subscription(Image, "image", self._on_image, LATEST)
        self._status_timer = self.create_timer(self.settings.status_period, self._report)
        self._last = (time.monotonic(), 0, 0)
        self.get_logger().info(f"ready, waiting for images on {self._subscription.topic_name}")

    def _load(self) -> Pipeline:
        folder = Path(self.settings.checkpoint or default_checkpoint())
        started = time.monotonic()
        backend = TorchBackend(folder, self.settings.device)
        spec = backend.spec
        self.get_logger().info(
            f"model {spec.name} from {folder} on {backend.device}, loaded in {time.monotonic() - started:.1f} s"
        )
        for what, trained in (("depth", spec.depth_trained), ("action", spec.action_trained)):
            if not trained:
                self.get_logger().warning(
                    f"the {what} outputs of model {spec.name} are untrained, see its MODEL_CARD.md"
                )
        return Pipeline(
            backend, TrackSettings(self.settings.min_confidence, self.settings.margin, self.settings.patience)
        )

    def _on_image(self, msg: Image) -> None:
        self._received += 1
        self._mailbox.put(msg)

    def _work(self) -> None:
        while (msg := self._mailbox.take()) is not None:
            try:
                self._process(msg)
                self._processed += 1
            except ImageError as error:
                self._drop(f"image dropped: {error}")
            except Exception as error:  # whatever one frame does, the next one gets its chance
                if not self.context.ok():  # the publishers are gone before the worker is
                    return
                self._drop(f"frame dropped, {type(error).__name__}: {error}")

    def _drop(self, why: str) -> None:
        """Counts a bad frame, and says so if the same was not said in the last `COMPLAINT_PERIOD` seconds."""
        self._bad += 1
        now = time.monotonic()
        if now - self._complaints.get(why, -math.inf) >= COMPLAINT_PERIOD:
            self.get_logger().warning(why)
            self._complaints = {text: said for text, said in self._complaints.items() if now - said < COMPLAINT_PERIOD}
            self._complaints[why] = now

    def _process(self, msg: Image) -> None:
        result = self._pipeline(to_frame(msg))
        skeletons = [messages.skeleton(person, msg.header, msg.width, msg.height) for person in result.people]
        for skeleton in skeletons:
            self._skeleton.publish(skeleton)
        self._skeletons.publish(Skeleton3DArray(header=msg.header, skeletons=skeletons))
        for action in result.actions:
            self._actions.publish(messages.action_probs(action, msg.header))

    def _report(self) -> None:
        now, received, processed = time.monotonic(), self._received, self._processed
        then, received_then, processed_then = self._last
        self._last = (now, received, processed)
        totals = f"since start {received} in, {self._mailbox.dropped} replaced by newer ones, {self._bad} bad"
        if received == received_then:
            publishers = self.count_publishers(self._subscription.topic_name)
            why = "nobody publishes there" if not publishers else f"{publishers} publisher(s), but no image arrives"
            self.get_logger().warning(
                f"no image on {self._subscription.topic_name} for {now - then:.0f} s: {why}; {totals}"
            )
            return
        rates = [
            (count - before) / (now - then)
            for count, before in ((received, received_then), (processed, processed_then))
        ]
        self.get_logger().info(f"{rates[0]:.1f} images/s in, {rates[1]:.1f}/s processed; {totals}")

    def close(self) -> None:
        """Ends the worker."""
        self._mailbox.close()
        self._worker.join(timeout=2.0)


def main() -> int:
    rclpy.init()
    try:
        node = PerceptionNode()
    except (ParameterError, CheckpointError, ValueError) as error:
        print(f"perception_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        # ros2 launch may send a second SIGINT, which must not cut the clean-up short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
