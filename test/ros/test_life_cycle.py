"""The life cycle of the node, driven from outside as nav2's lifecycle manager does it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builtin_interfaces.msg import Time
from deephar_ros.msg import Skeleton3D, Skeleton3DArray
from node_testing import NODE, call, change, connect, picture, set_parameter, state
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

if TYPE_CHECKING:
    from conftest import Peer, Process


@pytest.fixture
def node(start: Callable[..., Process], spread_checkpoint: Path) -> Process:
    return start(
        NODE,
        *(f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "autostart:=false", "max_persons:=1"),
        "status_period:=0.5",
    )


def test_a_manager_takes_the_node_through_its_whole_life(node: Process, peer: Peer) -> None:
    arrays, skeletons = peer.listen(Skeleton3DArray, "skeletons"), peer.listen(Skeleton3D, "skeleton")
    assert state(peer) == "unconfigured"
    assert "model" not in node.output
    assert change(peer, "configure")
    assert "loaded in" in node.output
    images = peer.publisher(Image, "image", 10)
    peer.spin_until(lambda: False, 0.5)
    assert images.get_subscription_count() == 0  # it listens only when it is active
    for second in (1, 10):
        assert change(peer, "activate")
        assert peer.spin_until(images.get_subscription_count)
        for stamp in (Time(sec=second), Time(sec=second, nanosec=100_000_000)):
            images.publish(picture(stamp))
            assert peer.spin_until(lambda: arrays and arrays[-1].header.stamp == stamp)  # noqa: B023
        assert change(peer, "deactivate")
        assert peer.spin_until(lambda: skeletons[-1].state == Skeleton3D.LOST)  # nobody is left hanging
        assert peer.spin_until(lambda: not images.get_subscription_count())
    assert change(peer, "cleanup")
    assert state(peer) == "unconfigured"
    before, after = re.findall(r"cleaned up, (\d+) -> (\d+) MB", node.output)[0]
    assert int(after) <= int(before)
    assert change(peer, "configure")
    assert state(peer) == "inactive"


def test_a_transition_that_fails_says_why_and_can_be_tried_again(
    node: Process, peer: Peer, tiny_checkpoint: Path
) -> None:
    assert set_parameter(peer, "checkpoint", "/nowhere") == ""
    assert not change(peer, "configure")
    node.wait_for("cannot be configured: /nowhere is not a checkpoint folder")
    assert state(peer) == "unconfigured"
    assert set_parameter(peer, "checkpoint", str(tiny_checkpoint)) == ""
    assert change(peer, "configure")


def test_what_is_read_at_configure_is_refused_afterwards_with_the_remedy(node: Process, peer: Peer) -> None:
    assert change(peer, "configure")
    assert "clean it up first" in set_parameter(peer, "checkpoint", "/elsewhere")
    assert change(peer, "cleanup")
    assert set_parameter(peer, "checkpoint", "/elsewhere") == ""


def test_enable_and_reset(node: Process, peer: Peer) -> None:
    refused = call(peer, Trigger, "/perception_node/reset", Trigger.Request())
    assert (refused.success, refused.message) == (False, "the node is not active")
    assert change(peer, "configure")
    assert change(peer, "activate")
    arrays, skeletons = peer.listen(Skeleton3DArray, "skeletons"), peer.listen(Skeleton3D, "skeleton")
    images = connect(peer)
    assert call(peer, SetBool, "/perception_node/enable", SetBool.Request(data=False)).success
    images.publish(picture(Time(sec=1)))
    node.wait_for("1 not enabled")
    assert arrays == []
    assert call(peer, SetBool, "/perception_node/enable", SetBool.Request(data=True)).success
    for nanosec in (0, 1):
        images.publish(picture(Time(sec=2, nanosec=nanosec)))
        assert peer.spin_until(lambda: len(arrays) == nanosec + 1)  # noqa: B023
    assert call(peer, Trigger, "/perception_node/reset", Trigger.Request()).success
    assert peer.spin_until(lambda: skeletons[-1].state == Skeleton3D.LOST)
    images.publish(picture(Time(sec=3)))
    assert peer.spin_until(lambda: len(arrays) == 3 and len(skeletons) == 4)
    assert [s.id for s in skeletons] == ["1", "1", "1", "2"]


def test_a_broken_model_never_becomes_active(
    start: Callable[..., Process], peer: Peer, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(tiny_checkpoint, tmp_path / "broken"))
    (broken / "weights.safetensors").write_bytes(b"not weights")
    node = start(NODE, f"checkpoint:={broken}", "autostart:=false")
    assert not change(peer, "configure")
    node.wait_for("is not a whole safetensors file")
    assert not change(peer, "activate")
    assert state(peer) == "unconfigured"
    assert "no transition 3 from unconfigured" in node.output
