"""What README and docs say about a running node: topics, services, parameters, launch files of one's own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import rclpy
import yaml
from conftest import wait
from documents import ROOT, blocks, calls, inline_commands
from installed import constants, launch_arguments, name_of, programs
from node_testing import TRANSITIONS
from rclpy.node import Node
from rclpy.parameter import Parameter

from deephar_ros.node.parameters import PerceptionParameters, changed

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Process

DEFAULTS = PerceptionParameters()
CAMERAS = ("/front/", "/left/")
"""Names of cameras in the examples: their topics are those of a single camera with the name in front."""
DRIVER = ("/image_raw", "/image_raw/compressed", "/camera_info")
"""How topics end that a camera driver publishes."""
OWN_LABELS = "/label"
"""Published by hand, for cli/label.py."""


class Interface(NamedTuple):
    """Names of a running node; types of the services by name."""

    topics: set[str]
    services: dict[str, str]


@pytest.fixture(scope="module")
def interface(
    start_for_module: Callable[..., Process], tiny_checkpoint: Path, interfaces: dict[str, str]
) -> Iterator[Interface]:
    parameters = (f"checkpoint:={tiny_checkpoint}", "device:=cpu", "publish_tf:=true", "publish_humans:=true")
    sources = ("box_source:=detections", "depth:=image")
    process = start_for_module("deephar_ros.node.perception_node", *parameters, *sources, environment=interfaces)
    process.wait_for("ready, waiting")
    rclpy.init()
    node = Node("reader")
    name = ("perception_node", "/")
    ends = (
        node.get_publisher_names_and_types_by_node,
        node.get_subscriber_names_and_types_by_node,
        node.get_service_names_and_types_by_node,
    )
    known = ("/skeletons", "/image", "/perception_node/reset")
    assert wait(lambda: name in node.get_node_names_and_namespaces())
    assert wait(lambda: all(one in dict(end(*name)) for one, end in zip(known, ends, strict=True)))
    published, subscribed, services = (dict(end(*name)) for end in ends)
    yield Interface({*published, *subscribed}, {service: kinds[0] for service, kinds in services.items()})
    node.destroy_node()
    rclpy.shutdown()


def commands(*verbs: str) -> list[list[str]]:
    """The words after `ros2` of every documented command with one of these verbs."""
    found = [words for block in blocks() for words in calls(block.text)]
    found += [words for _, command in inline_commands() for words in calls(command)]
    return [words[1:] for words in found if words[0] == "ros2" and words[1] in verbs]


def assert_takes(name: str, value: object, configured: bool) -> None:
    """The node takes this value of a parameter, at run time or before."""
    defaults = {entry.name: entry.default for entry in fields(PerceptionParameters)}
    assert name in defaults, name
    default = list(defaults[name]) if isinstance(defaults[name], tuple) else defaults[name]
    assert type(value) is type(default), f"{name}: {value!r}"
    changed(DEFAULTS, [Parameter(name, value=value)], configured=configured)


def test_topics(interface: Interface) -> None:
    topics = [word for _, *words in commands("topic") for word in words if word.startswith("/")]
    assert topics
    for topic in topics:
        plain = next(("/" + topic.removeprefix(camera) for camera in CAMERAS if topic.startswith(camera)), topic)
        assert topic.endswith(DRIVER) or topic == OWN_LABELS or plain in interface.topics, topic


def test_services(interface: Interface) -> None:
    calls_ = commands("service")
    assert calls_
    for _, action, name, kind, *given in calls_:
        assert action == "call"
        assert interface.services[name] == kind
        package, _, short = kind.split("/")
        request = getattr(import_module(f"{package}.srv"), short).Request
        assert set(yaml.safe_load(given[0]) if given else {}) <= set(request.get_fields_and_field_types())


def test_parameters_set_while_the_node_runs() -> None:
    configured, count = True, 0
    for verb, action, node, *given in commands("param", "lifecycle"):
        assert node == "/perception_node"
        if verb == "lifecycle" and action == "set":
            configured = {"configure": True, "cleanup": False}.get(given[0], configured)
        elif action == "set":
            assert_takes(given[0], yaml.safe_load(given[1]), configured)
            count += 1
    assert count
    assert configured  # a page that cleans the node up also configures it again


def test_transitions() -> None:
    for _, action, node, transition in commands("lifecycle"):
        assert (action, node) == ("set", "/perception_node")
        assert transition in TRANSITIONS


def test_parameter_files() -> None:
    files = [yaml.safe_load(block.text) for block in blocks("yaml") if "ros__parameters" in block.text]
    assert files
    for file in files:
        for name, value in file["/**"]["ros__parameters"].items():
            assert_takes(name, value, configured=False)


def test_launch_files_of_ones_own(interface: Interface) -> None:
    started = [call for block in blocks("python") for call in ast.walk(ast.parse(block.text)) if is_call(call)]
    nodes = [keywords(call) for call in started if name_of(call) == "Node"]
    ours = [given for given in nodes if ast.literal_eval(given["package"]) == "deephar_ros"]
    assert ours
    for given in ours:
        assert ast.literal_eval(given["executable"]) in programs()
        for name, value in ast.literal_eval(given["parameters"])[0].items():
            assert_takes(name, value, configured=False)
        for pair in given["remappings"].elts:
            assert f"/{ast.literal_eval(pair.elts[0])}" in interface.topics
    includes = [keywords(call) for call in started if name_of(call) == "IncludeLaunchDescription"]
    assert includes
    known = launch_arguments(ROOT / "launch" / "perception.launch.py")
    for given in includes:
        (table,) = [part for part in ast.walk(given["launch_arguments"]) if isinstance(part, ast.Dict)]
        assert constants(table.keys) <= known


def is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)


def keywords(call: ast.Call) -> dict[str, Any]:
    return {keyword.arg or "": keyword.value for keyword in call.keywords}
