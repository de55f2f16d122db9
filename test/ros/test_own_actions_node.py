"""The node runs a model that was taught a user's own actions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from deephar_ros.msg import ActionProbs, Skeleton3DArray
from node_testing import NODE, change, connect, deliver, picture, set_parameter

from deephar_ros.draw import VideoWriter
from deephar_ros.node.stamps import to_stamp
from deephar_ros.train.own_actions import OwnActions, train_own_actions

if TYPE_CHECKING:
    from conftest import Peer, Process

LABELS = ["fall asleep", "wake up"]


def teach(folder: Path, base: Path) -> Path:
    """A model that was taught two actions, of two clips each."""
    for shade, label in zip((40, 200), LABELS, strict=True):
        for number in range(2):
            (folder / "actions" / label).mkdir(parents=True, exist_ok=True)
            with VideoWriter(folder / "actions" / label / f"{number}.mp4") as video:
                for frame in range(6):
                    video.add(np.full((48, 64, 3), shade + frame, np.uint8), frame / 10)
    wish = OwnActions(folder / "actions", folder / "mine", base, folder / "cache", steps=10)
    assert train_own_actions(wish) is not None
    return wish.out


def test_a_running_node_changes_to_ones_own_actions(
    peer: Peer, start: Callable[..., Process], spread_checkpoint: Path, tmp_path: Path
) -> None:
    mine = teach(tmp_path, spread_checkpoint)
    process = start(NODE, f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "device:=cpu", "max_persons:=1")
    process.wait_for("waiting for images on /image")
    assert all(change(peer, transition) for transition in ("deactivate", "cleanup"))
    assert set_parameter(peer, "checkpoint", str(mine)) == ""
    assert all(change(peer, transition) for transition in ("configure", "activate"))
    arrays, actions = peer.listen(Skeleton3DArray, "skeletons"), peer.listen(ActionProbs, "action_probs")
    publisher = connect(peer)
    assert peer.spin_until(lambda: peer.node.count_publishers("action_probs"))
    for number in range(6):
        stamp = to_stamp(10**9 + number * 10**8)
        deliver(peer, publisher, picture(stamp), lambda: arrays and arrays[-1].header.stamp == stamp)  # noqa: B023
    assert peer.spin_until(lambda: actions)
    assert list(actions[0].labels) == LABELS
    assert sum(actions[0].probabilities) == pytest.approx(1)
