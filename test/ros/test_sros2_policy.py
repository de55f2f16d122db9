"""The SROS2 policy allows what the real node does, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from node_testing import NODE, connect, deliver, info, picture
from sensor_msgs.msg import CameraInfo

from deephar_ros.node.stamps import to_stamp
from deephar_ros.share import share_folder

if TYPE_CHECKING:
    from conftest import Peer, Process

POLICY = share_folder() / "config" / "sros2" / "policy.xml"
Names = dict[str, set[str]]
"""By what is done with them: subscribe, publish, reply."""

NEEDS = {
    "/perception_node/joints": "sensor_msgs_py",
    "/tf_static": "tf2_ros",
    "subscribe /tf": "tf2_ros",
    "/perception_node/get_type_description": "type_description_interfaces",  # since Jazzy
}
"""What the node does only where this package is."""


def allowed() -> Names:
    """Full names, as the policy's relative ones are resolved for the node that it names."""
    profile = next(ElementTree.parse(POLICY).iter("profile"))
    assert (profile.get("ns"), profile.get("node")) == ("/", "perception_node")
    names: Names = {"subscribe": set(), "publish": set(), "reply": set()}
    for part in profile:
        for what, rule in part.attrib.items():
            assert rule == "ALLOW"
            names[what] |= {_resolve(entry.text or "") for entry in part}
    return names


def _resolve(name: str) -> str:
    return "/" + name.replace("~/", "perception_node/").removeprefix("/")


def done_by(peer: Peer) -> Names:
    """Full names of what the running node does."""
    node, names = peer.node, ("perception_node", "/")
    try:
        return {
            "subscribe": {name for name, _ in node.get_subscriber_names_and_types_by_node(*names)},
            "publish": {name for name, _ in node.get_publisher_names_and_types_by_node(*names)},
            "reply": {name for name, _ in node.get_service_names_and_types_by_node(*names)},
        }
    except RuntimeError:  # between two runs there is no such node
        return {"subscribe": set(), "publish": set(), "reply": set()}


def unmet(rules: set[str], names: set[str]) -> set[str]:
    """The rules (`*` stands for anything) that none of the names meets."""
    return {rule for rule in rules if not any(fnmatchcase(name, rule) for name in names)}


@pytest.fixture
def seen(start: Callable[..., Process], peer: Peer, spread_checkpoint: Path, interfaces: dict[str, str]) -> Names:
    """What the node does in two runs that together switch on all that there is."""
    common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "publish_tf:=true", "publish_humans:=true")
    process = start(NODE, *common, "depth:=image", "target_frame:=base", environment=interfaces)
    process.wait_for("waiting for images")
    infos, images = connect(peer, "camera_info", CameraInfo), connect(peer)
    image = picture(to_stamp(1_000_000_000))
    infos.publish(info(image))
    deliver(peer, images, image, lambda: any("/skeleton2d" in name for name in done_by(peer)["publish"]))
    first = done_by(peer)
    process.stop()
    process = start(
        *(NODE, *common, "depth:=cloud", "box_source:=detections", "image_transport:=compressed", "use_sim_time:=true"),
        environment=interfaces,
    )
    process.wait_for("waiting for images")
    assert peer.spin_until(lambda: {"/depth/points", "/clock"} <= done_by(peer)["subscribe"])
    assert peer.spin_until(lambda: first["reply"] <= done_by(peer)["reply"])
    return {what: names | done_by(peer)[what] for what, names in first.items()}


def test_the_policy_allows_what_the_node_does_and_nothing_else(seen: Names) -> None:
    policy = allowed()
    for what, names in seen.items():
        forbidden = {name for name in names if not any(fnmatchcase(name, rule) for rule in policy[what])}
        assert not forbidden, f"the node cannot {what} {forbidden} under {POLICY}"
        superfluous = unmet(policy[what], names)
        absent = {rule for rule in superfluous if _is_off(NEEDS.get(f"{what} {rule}", NEEDS.get(rule)))}
        assert superfluous == absent, f"the node does not {what} {superfluous - absent}, which {POLICY} allows"


def _is_off(package: str | None) -> bool:
    """Whether a new process lacks the package."""
    if package is None:
        return False
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode != 0
