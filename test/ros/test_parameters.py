"""One dataclass is the source of declaration, file and documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rclpy
import yaml
from rclpy.node import Node
from rclpy.parameter import Parameter

from deephar_ros.node.documents import to_markdown, to_yaml
from deephar_ros.node.parameters import (
    ObserverParameters,
    ParameterError,
    PerceptionParameters,
    VideoParameters,
    changed,
    declare,
    unknown,
)

if TYPE_CHECKING:
    from conftest import Peer

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = PerceptionParameters()


def test_the_parameter_file_is_the_dataclass() -> None:
    assert (ROOT / "config" / "perception.yaml").read_text() == to_yaml(PerceptionParameters)


def test_the_readmes_table_is_the_dataclass() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.split("| name | default | range | live | |\n|---|---|---|---|---|\n")[1]
    assert table.split("<!-- end of parameters -->")[0] == to_markdown(PerceptionParameters)


@pytest.mark.parametrize("kind", [PerceptionParameters, VideoParameters, ObserverParameters])
def test_the_file_reads_back_as_the_defaults(kind: type) -> None:
    defaults = {f.name: list(f.default) if isinstance(f.default, tuple) else f.default for f in fields(kind)}
    assert yaml.safe_load(to_yaml(kind))["/**"]["ros__parameters"] == defaults


def test_declared_with_description_and_range(peer: Peer) -> None:
    declared = declare(peer.node, PerceptionParameters)
    assert replace(declared, cameras=tuple(declared.cameras)) == DEFAULTS
    for entry in fields(PerceptionParameters):
        descriptor = peer.node.describe_parameter(entry.name)
        assert descriptor.description == entry.metadata["description"]
        assert ("Read when the node is configured" in descriptor.additional_constraints) != entry.metadata["live"]
    limits = peer.node.describe_parameter("min_confidence").floating_point_range[0]
    assert (limits.from_value, limits.to_value) == (0.0, 1.0)
    assert "detections" in peer.node.describe_parameter("box_source").additional_constraints


@pytest.fixture
def ros() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.shutdown()


def node_with(**given: Any) -> Node:
    return Node("t", parameter_overrides=[Parameter(name, value=value) for name, value in given.items()])


@pytest.mark.usefixtures("ros")
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"margin": 9.0}, r"parameter margin: .*allowed: float from 1.0 to 3.0"),
        ({"box_source": "eyes"}, r"parameter box_source is 'eyes'; allowed: one of auto, detections"),
        ({"cameras": ["front", "front"]}, r"parameter cameras is \['front', 'front'\]; allowed: different names"),
        ({"cameras": ["front", ""]}, r"parameter cameras"),
        ({"cameras": ["front/left"]}, r"parameter cameras"),
    ],
)
def test_values_that_are_not_allowed_are_refused_with_what_is(given: dict[str, Any], reason: str) -> None:
    node = node_with(**given)
    with pytest.raises(ParameterError, match=reason):
        declare(node, PerceptionParameters)
    node.destroy_node()


@pytest.mark.usefixtures("ros")
def test_misspelt_names_are_found() -> None:
    node = node_with(min_confidance=0.5, whatever=1, patience=2.0)
    declare(node, PerceptionParameters)
    assert unknown(node, PerceptionParameters) == {"min_confidance": "; did you mean min_confidence?", "whatever": ""}
    node.destroy_node()


def test_live_parameters_change_any_time_and_the_others_only_before_configure() -> None:
    live, fixed = Parameter("patience", value=2.0), Parameter("checkpoint", value="/x")
    assert changed(DEFAULTS, [live], configured=True) == replace(DEFAULTS, patience=2.0)
    assert changed(DEFAULTS, [fixed], configured=False) == replace(DEFAULTS, checkpoint="/x")
    with pytest.raises(ParameterError, match="checkpoint is read when the node is configured: deactivate"):
        changed(DEFAULTS, [live, fixed], configured=True)
    with pytest.raises(ParameterError, match=r"cannot be unset; allowed: float from 0\.0 to 10\.0"):
        changed(DEFAULTS, [Parameter("patience", Parameter.Type.NOT_SET)], configured=True)
    assert changed(DEFAULTS, [Parameter("use_sim_time", value=True)], configured=True) == DEFAULTS
