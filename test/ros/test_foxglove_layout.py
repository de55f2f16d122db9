"""The Foxglove layout: every panel has a place, reads what the node publishes, and looks where the camera looks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sample_people import HEIGHT, WIDTH, absolute
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from deephar_ros.node.markers import MarkerDrawer
from deephar_ros.node.parameters import VideoParameters
from deephar_ros.people import Result

if TYPE_CHECKING:
    from conftest import Peer, Process

LAYOUT = json.loads((Path(__file__).resolve().parents[2] / "config" / "foxglove.json").read_text())
PANELS: dict[str, dict[str, Any]] = LAYOUT["configById"]


def panel(kind: str) -> dict[str, Any]:
    """The only panel of this kind."""
    (config,) = [config for name, config in PANELS.items() if name.startswith(f"{kind}!")]
    return config


def leaves(tree: str | dict[str, Any]) -> Iterator[str]:
    """Panels in the tree of splits."""
    if isinstance(tree, str):
        yield tree
        return
    assert tree["direction"] in ("row", "column")
    assert 0 < tree["splitPercentage"] < 100
    yield from leaves(tree["first"])
    yield from leaves(tree["second"])


def message_paths() -> list[str]:
    """What plots, states and raw messages read: a topic, then fields."""
    series = [entry["value"] for config in PANELS.values() for entry in config.get("paths", [])]
    return series + [config["topicPath"] for config in PANELS.values() if "topicPath" in config]


def message(kind: str) -> Any:
    """The class of `sensor_msgs/msg/Image`, or of `deephar_ros/ActionScore` as fields name it."""
    package, name = kind.split("/")[0], kind.split("/")[-1]
    return getattr(import_module(f"{package}.msg"), name)


def field_type(kind: str, path: str) -> str:
    """Type of the field that a path like `skeletons[0].confidence` leads to; KeyError if there is no such field."""
    for name, indexed in re.findall(r"(\w+)(\[[\d:]+\])?", path):
        kind = message(kind).get_fields_and_field_types()[name]
        if indexed:
            kind, count = re.subn(r"^sequence<(.*?)(, \d+)?>$", r"\1", kind)
            assert count, f"{name} in {path} is no array"
    return kind


def test_every_panel_has_its_place_and_is_of_a_kind_that_foxglove_and_lichtblick_know() -> None:
    assert sorted(leaves(LAYOUT["layout"])) == sorted(PANELS)
    assert {name.split("!")[0] for name in PANELS} == {"Image", "3D", "Plot", "StateTransitions", "RawMessages"}
    assert {"globalVariables", "userNodes", "playbackConfig"} <= LAYOUT.keys()


def test_the_scene_looks_along_the_optical_axis_with_the_person_upright() -> None:
    scene = panel("3D")
    assert scene["followTf"] == VideoParameters().frame_id
    state = scene["cameraState"]
    phi, theta = np.deg2rad(state["phi"]), -np.deg2rad(state["thetaOffset"])
    # Foxglove's camera: Euler angles (phi, 0, theta) in the order ZYX; it looks along its own -z, its y is up.
    around_x = np.array([[1, 0, 0], [0, np.cos(phi), -np.sin(phi)], [0, np.sin(phi), np.cos(phi)]])
    around_z = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    right, up, back = (around_z @ around_x).T
    np.testing.assert_allclose([right, up, -back], [[1, 0, 0], [0, -1, 0], [0, 0, 1]], atol=0.01)
    eye = np.array(state["targetOffset"]) + state["distance"] * back
    assert eye[2] < 0  # behind the camera, so that whoever it sees is in view


def test_the_marker_namespaces_are_those_of_the_markers() -> None:
    (topic,) = panel("3D")["topics"].values()
    markers = MarkerDrawer()(Result(display=(absolute(),)), Header(), WIDTH, HEIGHT).markers
    assert set(topic["namespaces"]) == {marker.ns for marker in markers}


def test_panels_read_topics_and_fields_that_the_node_publishes(
    start: Callable[..., Process], tiny_checkpoint: Path, peer: Peer
) -> None:
    start("deephar_ros.node.perception_node", f"checkpoint:={tiny_checkpoint}", "device:=cpu")

    def published() -> dict[str, list[str]]:
        return dict(peer.node.get_topic_names_and_types())

    wanted = {panel("Image")["imageMode"]["imageTopic"]: Image, next(iter(panel("3D")["topics"])): MarkerArray}
    topics = {*wanted, *(path.partition(".")[0] for path in message_paths())}
    assert peer.spin_until(lambda: topics <= published().keys(), 60), topics - published().keys()
    for topic, kind in wanted.items():
        assert [message(name) for name in published()[topic]] == [kind], topic
    for path in message_paths():
        topic, _, fields = path.partition(".")
        (kind,) = published()[topic]
        assert field_type(kind, fields), path
    assert message(published()["/diagnostics"][0]) is DiagnosticArray
