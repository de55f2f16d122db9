"""Watches a running perception node from outside: prints rates, leaves pictures, a video and every message as files."""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter, OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from deephar_ros.draw import VideoWriter, contact_sheet, draw_skeleton, save_picture, write_text
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from deephar_ros.node.ending import quiet_end
from deephar_ros.node.images import to_frame
from deephar_ros.node.parameters import ObserverParameters, ParameterError, declare
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.people import Frame
from deephar_ros.skeleton import MESSAGE_LAYOUTS
from deephar_ros.sources import Pixels

WAITING = 90
"""Images kept while their skeletons have not come, and skeletons while their images have not."""
SHEET_PICTURES = 256
"""Small pictures kept for the contact sheet; when there are more, every second one is dropped."""
LAYOUTS = {layout.name: layout for layout in MESSAGE_LAYOUTS.values()}


class DemoObserver(Node):
    """Joins images and skeletons by stamp, as any user of the topics would."""

    def __init__(self) -> None:
        super().__init__("demo_observer")
        self.settings = declare(self, ObserverParameters)
        self.out = Path(self.settings.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self._lines = (self.out / "messages.jsonl").open("w")
        self._video = VideoWriter(self.out / "overlay.mp4")
        self._images: OrderedDict[int, Frame] = OrderedDict()
        self._skeletons: OrderedDict[int, Skeleton3DArray] = OrderedDict()
        self._pictures: list[Pixels] = []
        self._every = 1
        self._first: int | None = None
        self._action = ""
        self.counts: Counter[str] = Counter()
        self._then, self._before = time.monotonic(), Counter[str]()
        self.create_subscription(Image, "image", self._on_image, 30)  # reliable: no picture is to be missing
        self.create_subscription(Skeleton3D, "skeleton", self._on_skeleton, 50)
        self.create_subscription(Skeleton3DArray, "skeletons", self._on_skeletons, 50)
        self.create_subscription(ActionProbs, "action_probs", self._on_action, 50)
        self.create_timer(1.0, self._report)

    def _on_image(self, msg: Image) -> None:
        self.counts["image"] += 1
        frame = to_frame(msg)
        skeletons = self._skeletons.pop(frame.stamp, None)
        if skeletons is not None:
            self._draw(frame, skeletons)
            return
        self._images[frame.stamp] = frame
        while len(self._images) > WAITING:
            self._images.popitem(last=False)

    def _on_skeleton(self, msg: Skeleton3D) -> None:
        self._note("skeleton", msg)

    def _on_action(self, msg: ActionProbs) -> None:
        self._note("action_probs", msg)
        remark = f" ({self.settings.action_remark})" if self.settings.action_remark else ""
        self._action = f"{msg.label} {msg.probability:.2f}{remark}"

    def _on_skeletons(self, msg: Skeleton3DArray) -> None:
        self._note("skeletons", msg)
        stamp = to_nanoseconds(msg.header.stamp)
        frame = self._images.pop(stamp, None)
        if frame is not None:
            self._draw(frame, msg)
            return
        self._skeletons[stamp] = msg  # a large image may come after what was found in it
        while len(self._skeletons) > WAITING:
            self._skeletons.popitem(last=False)

    def _draw(self, frame: Frame, msg: Skeleton3DArray) -> None:
        if not msg.skeletons:
            self._action = ""  # nobody does anything
        picture = np.ascontiguousarray(frame.pixels[..., frame.rgb])
        for skeleton in msg.skeletons:
            if skeleton.state != Skeleton3D.LOST:
                self.counts["persons"] += 1
                joints = np.array([(k.u, k.v) for k in skeleton.keypoints])
                draw_skeleton(
                    picture, LAYOUTS[skeleton.layout], joints, np.array([k.confidence for k in skeleton.keypoints])
                )
        if self._action:
            write_text(picture, self._action)
        self._keep(picture, frame.stamp)

    def _keep(self, picture: Pixels, stamp: int) -> None:
        self._first = stamp if self._first is None else self._first
        self._video.add(picture, (stamp - self._first) / 1e9)
        self.counts["pictures"] += 1
        if self.counts["pictures"] % self._every == 0:
            scale = 320 / picture.shape[1]
            self._pictures.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        if len(self._pictures) >= SHEET_PICTURES:
            self._pictures, self._every = self._pictures[::2], self._every * 2

    def _note(self, topic: str, msg: Any) -> None:
        self.counts[topic] += 1
        self._lines.write(json.dumps({"topic": topic, "message": to_plain(msg)}) + "\n")

    def _report(self) -> None:
        now, counts = time.monotonic(), Counter(self.counts)
        rate = {
            name: (counts[name] - self._before[name]) / (now - self._then) for name in ("image", "skeletons", "persons")
        }
        self._then, self._before = now, counts
        print(
            f"images {rate['image']:5.1f}/s  processed {rate['skeletons']:5.1f}/s  persons {rate['persons']:5.1f}/s  "
            f"action: {self._action or 'none yet'}",
            flush=True,
        )

    def close(self) -> None:
        """Completes the files, each of them whatever becomes of the others; OSError if one could not be written."""
        with ExitStack() as files:
            if self._pictures:
                files.callback(lambda: save_picture(self.out / "contact_sheet.png", contact_sheet(self._pictures)))
            files.callback(self._video.close)
            files.callback(self._lines.close)


def to_plain(value: Any) -> Any:
    """A message as dictionaries, lists and numbers for JSON; NaN becomes None."""
    if hasattr(value, "get_fields_and_field_types"):
        return {name: to_plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (str, int, bool)):
        return value
    return [to_plain(item) for item in value]


def main() -> int:
    rclpy.init()
    try:
        observer = DemoObserver()
    except (ParameterError, OSError) as error:
        print(f"demo_observer: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    status = 0
    try:
        with quiet_end(observer.context):
            rclpy.spin(observer)
    except OSError as error:
        status = _say(f"{error}; make room, or choose another folder")
    try:
        observer.close()
    except OSError as error:
        status = status or _say(f"{observer.out} is not complete: {error}")
    rclpy.try_shutdown()
    totals = ", ".join(f"{count} {name}" for name, count in sorted(observer.counts.items()))
    print(f"received in all: {totals or 'nothing'}", flush=True)
    return status or (0 if observer.counts["pictures"] else 1)


def _say(text: str) -> int:
    print(f"demo_observer: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
