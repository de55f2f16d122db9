"""The stand-ins for optional message packages: processes with them talk to each other, processes without lack them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header

if TYPE_CHECKING:
    from conftest import Peer, Process

ECHO = str(Path(__file__).with_name("echo_interfaces.py"))
HEADER = Header(frame_id="camera_optical_frame")


@pytest.fixture(scope="module")
def examples(interfaces: dict[str, str]) -> dict[str, Any]:
    """One message of each type, by the name of its type; imported here, where the packages are there for certain."""
    from hri_msgs.msg import IdsList, NormalizedPointOfInterest2D, NormalizedRegionOfInterest2D, Skeleton2D
    from tf2_msgs.msg import TFMessage
    from vision_msgs.msg import Detection2D, Detection2DArray, LabelInfo, ObjectHypothesisWithPose, VisionClass

    person = ObjectHypothesisWithPose()
    person.hypothesis.class_id, person.hypothesis.score = "person", 0.75
    detection = Detection2D(header=HEADER, results=[person], id="3")
    detection.bbox.center.position.x, detection.bbox.size_y = 320.5, 400.0
    points = [NormalizedPointOfInterest2D(x=number / 32, y=0.5, c=1.0) for number in range(18)]
    messages = [
        Detection2DArray(header=HEADER, detections=[detection]),
        LabelInfo(header=HEADER, class_map=[VisionClass(class_id=2, class_name="walk")], threshold=0.5),
        TFMessage(transforms=[TransformStamped(header=HEADER, child_frame_id="body_1")]),
        IdsList(header=HEADER, ids=["1", "2"]),
        NormalizedRegionOfInterest2D(header=HEADER, xmin=0.25, ymax=0.75),
        Skeleton2D(header=HEADER, skeleton=points),
    ]
    return {type(message).__name__: message for message in messages}


def test_every_message_comes_back_unchanged_from_another_process(
    start: Callable[..., Process], peer: Peer, interfaces: dict[str, str], examples: dict[str, Any]
) -> None:
    start(ECHO, environment=interfaces)
    publishers = {name: peer.publisher(type(message), f"to_echo/{name}") for name, message in examples.items()}
    echoed = {name: peer.listen(type(message), f"echoed/{name}") for name, message in examples.items()}
    assert peer.spin_until(
        lambda: all(
            publisher.get_subscription_count() and peer.node.count_publishers(f"echoed/{name}")
            for name, publisher in publishers.items()
        )
    )
    for name, publisher in publishers.items():
        publisher.publish(examples[name])
    assert peer.spin_until(lambda: all(echoed.values()))
    assert {name: messages[0] for name, messages in echoed.items()} == examples


def test_a_process_without_the_variables_does_not_have_the_stand_ins(interfaces: dict[str, str]) -> None:
    if not interfaces:
        pytest.skip("every package is really installed here")
    command = [sys.executable, "-c", "import vision_msgs.msg, tf2_msgs.msg, hri_msgs.msg"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "ModuleNotFoundError" in done.stderr
