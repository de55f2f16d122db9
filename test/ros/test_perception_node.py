"""The real perception node in its own process, fed over DDS."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from conftest import wait
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from rclpy.qos import qos_profile_sensor_data
from safetensors.torch import load_file, save_file
from sensor_msgs.msg import Image

from deephar_ros.node.images import to_image
from deephar_ros.node.stamps import to_nanoseconds, to_stamp

if TYPE_CHECKING:
    from conftest import Peer, Process

NODE = "deephar_ros.node.perception_node"


def picture(stamp: Time, frame_id: str = "camera_optical_frame") -> Image:
    pixels = np.random.default_rng(to_nanoseconds(stamp)).integers(0, 255, (120, 160, 3), np.uint8)
    msg = to_image(pixels)
    msg.header.stamp, msg.header.frame_id = stamp, frame_id
    return msg


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that puts every joint somewhere else, so that all that it sees is as large as a person."""
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("checkpoint") / "spread"))
    weights = load_file(folder / "weights.safetensors")
    weights["blocks.up2_pb0.heatmaps_conv1.weight"] *= 50
    save_file(weights, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="module")
def node(start_for_module: Callable[..., Process], checkpoint: Path) -> Process:
    """One node for all tests here; it takes everything for a person."""
    process = start_for_module(
        NODE, f"checkpoint:={checkpoint}", "min_confidence:=0.0", "device:=cpu", "status_period:=0.5"
    )
    process.wait_for("waiting for images on /image")
    return process


def connect(peer: Peer) -> object:
    publisher = peer.publisher(Image, "image", qos_profile_sensor_data)
    assert peer.spin_until(lambda: publisher.get_subscription_count() and peer.node.count_publishers("action_probs"))
    return publisher


def test_images_become_skeletons_and_actions_with_the_images_stamps(node: Process, peer: Peer) -> None:
    skeletons, arrays = peer.listen(Skeleton3D, "skeleton"), peer.listen(Skeleton3DArray, "skeletons")
    actions = peer.listen(ActionProbs, "action_probs")
    publisher = connect(peer)
    stamps = [to_stamp(5_000_000_000 + i * 100_000_003) for i in range(6)]
    for number, stamp in enumerate(stamps, start=1):
        publisher.publish(picture(stamp))  # type: ignore[attr-defined]
        assert peer.spin_until(lambda: len(arrays) == number and len(skeletons) == number)  # noqa: B023
    assert [array.header.stamp for array in arrays] == stamps
    assert {array.header.frame_id for array in arrays} == {"camera_optical_frame"}
    assert [array.skeletons[0] for array in arrays] == skeletons
    assert [s.state for s in skeletons] == [Skeleton3D.NEW] + [Skeleton3D.TRACKED] * 5
    assert {s.id for s in skeletons} == {"1"}
    # two action sets; clips of four frames 0.1 s apart end with frames 4, 5 and 6
    assert peer.spin_until(lambda: len(actions) == 6)
    assert [a.header.stamp for a in actions] == [stamp for stamp in stamps[3:] for _ in range(2)]
    assert [a.clip_start for a in actions] == [stamp for stamp in stamps[:3] for _ in range(2)]
    assert [list(a.labels) for a in actions[:2]] == [["sit", "stand", "walk"], ["a", "b", "c", "d", "e"]]
    for a in actions:
        assert sum(a.probabilities) == pytest.approx(1)
        assert (a.id, a.frames, a.label) == (skeletons[-1].id, 4, a.labels[int(np.argmax(a.probabilities))])


def malformed() -> dict[str, Image]:
    stamp = Time(sec=9)
    wrong_step, wrong_size, unknown, empty, short_row = (picture(stamp) for _ in range(5))
    wrong_step.step += 1
    wrong_size.data = wrong_size.data[:-5]
    unknown.encoding = "yuv_of_mars"
    empty.width = 0
    short_row.step = 10
    return {
        "step 481 x height 120 asks for": wrong_step,
        "data has 57595 bytes": wrong_size,
        "encoding 'yuv_of_mars' is not one of": unknown,
        "size 0x120 holds no pixel": empty,
        "step 10 is shorter": short_row,
    }


@pytest.mark.parametrize("reason", list(malformed()))
def test_malformed_images_are_named_once_counted_and_survived(reason: str, node: Process, peer: Peer) -> None:
    arrays = peer.listen(Skeleton3DArray, "skeletons")
    publisher = connect(peer)
    bad = malformed()[reason]
    before = bad_so_far(node)
    while bad_so_far(node) < before + 5:
        seen = bad_so_far(node)
        publisher.publish(bad)  # type: ignore[attr-defined]
        assert wait(lambda: bad_so_far(node) > seen)  # noqa: B023
    publisher.publish(picture(Time(sec=10)))  # type: ignore[attr-defined]
    assert peer.spin_until(lambda: arrays)
    assert arrays[0].header.stamp.sec == 10
    assert node.output.count(reason) == 1


def bad_so_far(node: Process) -> int:
    counts = re.findall(r"(\d+) bad", node.output)
    return int(counts[-1]) if counts else 0


def test_newer_images_replace_waiting_ones_and_are_counted(node: Process, peer: Peer) -> None:
    arrays = peer.listen(Skeleton3DArray, "skeletons")
    publisher = connect(peer)
    last = 200
    for i in range(1, last + 1):
        publisher.publish(picture(to_stamp(i * 1_000_000)))  # type: ignore[attr-defined]
    assert peer.spin_until(lambda: arrays and to_nanoseconds(arrays[-1].header.stamp) == last * 1_000_000)
    stamps = [to_nanoseconds(a.header.stamp) for a in arrays]
    assert stamps == sorted(stamps)
    assert len(stamps) < last
    peer.spin_until(lambda: False, 1.2)  # the next status line
    replaced = int(re.findall(r"(\d+) replaced", node.output)[-1])
    assert 0 < replaced <= last - len(stamps)  # DDS, with its depth of one, may have replaced some before


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_without_a_trace(
    ending: signal.Signals, start: Callable[..., Process], tiny_checkpoint: Path
) -> None:
    process = start(NODE, f"checkpoint:={tiny_checkpoint}")
    process.wait_for("waiting for images")
    process.popen.send_signal(ending)
    assert process.popen.wait(20) == 0
    assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["checkpoint:=/nowhere"], "/nowhere is not a checkpoint folder"),
        (["min_confidence:=1.5"], "min_confidence"),
        (["min_confidence:=high"], "min_confidence"),
        (["device:=abacus"], "device 'abacus' does not work here"),
    ],
)
def test_a_node_that_cannot_start_says_why(parameters: list[str], message: str, start: Callable[..., Process]) -> None:
    process = start(NODE, *parameters)
    assert process.popen.wait(60) == 1
    assert message in process.output
    assert "Traceback" not in process.output


def test_silence_is_reported_with_its_cause(node: Process, peer: Peer) -> None:
    node.wait_for("nobody publishes there")
    connect(peer)
    node.wait_for("1 publisher(s), but no image arrives")
