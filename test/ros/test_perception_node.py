"""The real perception node in its own process, fed over DDS."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from conftest import wait
from deephar_ros.msg import ActionProbs, Skeleton3D, Skeleton3DArray
from node_testing import NODE, connect, picture
from sensor_msgs.msg import Image

from deephar_ros.node.stamps import to_nanoseconds, to_stamp

if TYPE_CHECKING:
    from conftest import Peer, Process


@pytest.fixture(scope="module")
def node(start_for_module: Callable[..., Process], spread_checkpoint: Path) -> Process:
    """One node for all tests here; it takes everything for a person."""
    process = start_for_module(
        NODE,
        *(f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "device:=cpu"),
        *("status_period:=0.5", "max_persons:=1"),
    )
    process.wait_for("waiting for images on /image")
    return process


def test_images_become_skeletons_and_actions_with_the_images_stamps(node: Process, peer: Peer) -> None:
    skeletons, arrays = peer.listen(Skeleton3D, "skeleton"), peer.listen(Skeleton3DArray, "skeletons")
    actions = peer.listen(ActionProbs, "action_probs")
    publisher = connect(peer)
    assert peer.spin_until(lambda: peer.node.count_publishers("action_probs"))
    stamps = [to_stamp(5_000_000_000 + i * 100_000_003) for i in range(6)]
    for number, stamp in enumerate(stamps, start=1):
        publisher.publish(picture(stamp))
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
    before = count(node, "bad image")
    while count(node, "bad image") < before + 5:
        seen = count(node, "bad image")
        publisher.publish(bad)
        assert wait(lambda: count(node, "bad image") > seen)  # noqa: B023
    publisher.publish(picture(Time(sec=10)))
    assert peer.spin_until(lambda: arrays)
    assert arrays[0].header.stamp.sec == 10
    assert node.output.count(f"dropped: {reason}") + node.output.count(f"dropped: size 0x120 {reason}") <= 1


def count(node: Process, cause: str) -> int:
    """How many images were dropped for this cause, as the last status line says."""
    counts = re.findall(rf"(\d+) {cause}", node.output)
    return int(counts[-1]) if counts else 0


def test_newer_images_replace_waiting_ones_and_are_counted(node: Process, peer: Peer) -> None:
    arrays = peer.listen(Skeleton3DArray, "skeletons")
    publisher = connect(peer)
    first, last = 20_000, 20_200
    for i in range(first + 1, last + 1):
        publisher.publish(picture(to_stamp(i * 1_000_000)))
    assert peer.spin_until(lambda: arrays and to_nanoseconds(arrays[-1].header.stamp) == last * 1_000_000)
    stamps = [to_nanoseconds(a.header.stamp) for a in arrays]
    assert stamps == sorted(stamps)
    assert len(stamps) < last - first
    peer.spin_until(lambda: False, 1.2)  # the next status line
    assert 0 < count(node, "replaced by a newer one") <= last - first - len(stamps)  # DDS may have replaced some, too


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
        (["box_source:=crystal_ball"], "box_source is 'crystal_ball'; allowed: one of auto, detections"),
        (["cameras:=[front, front]"], "parameter cameras is"),
        (["cut:=7"], "cut is 7, but the model default has 4 pyramids"),
        (["box_source:=localizer", "localizer:=/nowhere"], "/nowhere is not a localizer folder"),
        (["cameras:=[front"], "Couldn't parse parameter override rule: '-p cameras:=[front'"),
    ],
)
def test_a_node_that_cannot_start_says_why(parameters: list[str], message: str, start: Callable[..., Process]) -> None:
    process = start(NODE, *parameters)
    assert process.popen.wait(60) == 1
    assert message in process.output
    assert "Traceback" not in process.output


def test_a_misspelt_parameter_is_pointed_out(start: Callable[..., Process], tiny_checkpoint: Path) -> None:
    process = start(NODE, f"checkpoint:={tiny_checkpoint}", "min_confidance:=0.5")
    process.wait_for("parameter min_confidance is unknown and has no effect; did you mean min_confidence?")
