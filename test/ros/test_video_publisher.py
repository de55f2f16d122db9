"""The video publisher plays what it is given, in real time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from deephar_ros.draw import VideoWriter
from deephar_ros.node.images import to_frame
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.node.video_publisher import camera_info

if TYPE_CHECKING:
    from conftest import Peer, Process

NODE = "deephar_ros.node.video_publisher"
FRAMES = 12
RELIABLE = QoSProfile(depth=FRAMES)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A grey video, 10 frames a second, each frame brighter than the one before."""
    with VideoWriter(tmp_path / "clip.mp4") as video:
        for number in range(FRAMES):
            video.add(np.full((64, 96, 3), 20 * number, np.uint8), number / 10)
    return tmp_path / "clip.mp4"


def test_every_frame_arrives_in_order_and_in_time(clip: Path, start: Callable[..., Process], peer: Peer) -> None:
    images, infos = peer.listen(Image, "image", RELIABLE), peer.listen(CameraInfo, "camera_info", RELIABLE)
    process = start(NODE, f"source:={clip}", "wait_for_subscribers:=1", "frame_id:=eye", "horizontal_fov:=90.0")
    assert peer.spin_until(lambda: len(images) == FRAMES and len(infos) == FRAMES)
    assert process.popen.wait(10) == 0
    assert [round(to_frame(m).pixels.mean() / 20) for m in images] == list(range(FRAMES))
    stamps = np.array([to_nanoseconds(m.header.stamp) for m in images]) / 1e9
    assert stamps[-1] - stamps[0] == pytest.approx(1.1, abs=0.3)
    assert [m.header for m in infos] == [m.header for m in images]
    assert {m.header.frame_id for m in images} == {"eye"}
    assert infos[0].k[0] == pytest.approx(48)


def test_unknown_intrinsics_are_all_zero() -> None:
    assert not camera_info(640, 480, 0.0).k.any()


def test_a_source_that_is_not_there_is_an_error(start: Callable[..., Process]) -> None:
    process = start(NODE, "source:=/nowhere.mp4")
    assert process.popen.wait(30) == 1
    assert "/nowhere.mp4 does not exist" in process.output
    assert "Traceback" not in process.output
