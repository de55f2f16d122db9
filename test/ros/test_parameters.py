"""One dataclass is the source of declaration, file and documentation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from deephar_ros.node.parameters import (
    ObserverParameters,
    ParameterError,
    PerceptionParameters,
    VideoParameters,
    declare,
    to_markdown,
    to_yaml,
)

if TYPE_CHECKING:
    from conftest import Peer

ROOT = Path(__file__).resolve().parents[2]


def test_the_parameter_file_is_the_dataclass() -> None:
    assert (ROOT / "config" / "perception.yaml").read_text() == to_yaml(PerceptionParameters)


def test_the_readmes_table_is_the_dataclass() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.split("|---|---|---|---|\n")[1].split("<!-- end of parameters -->")[0]
    assert table == to_markdown(PerceptionParameters)


@pytest.mark.parametrize("kind", [PerceptionParameters, VideoParameters, ObserverParameters])
def test_the_file_reads_back_as_the_defaults(kind: type) -> None:
    assert yaml.safe_load(to_yaml(kind))["/**"]["ros__parameters"] == {f.name: f.default for f in fields(kind)}


def test_declared_with_description_and_range(peer: Peer) -> None:
    assert declare(peer.node, PerceptionParameters) == PerceptionParameters()
    for entry in fields(PerceptionParameters):
        descriptor = peer.node.describe_parameter(entry.name)
        assert descriptor.description == entry.metadata["description"]
        assert descriptor.read_only
    limits = peer.node.describe_parameter("min_confidence").floating_point_range[0]
    assert (limits.from_value, limits.to_value) == (0.0, 1.0)


def test_values_out_of_range_are_refused_with_what_is_allowed() -> None:
    import rclpy
    from rclpy.node import Node
    from rclpy.parameter import Parameter

    rclpy.init()
    try:
        node = Node("t", parameter_overrides=[Parameter("margin", value=9.0)])
        with pytest.raises(ParameterError, match=r"parameter margin: .*allowed: float from 1.0 to 3.0"):
            declare(node, PerceptionParameters)
        node.destroy_node()
    finally:
        rclpy.shutdown()
