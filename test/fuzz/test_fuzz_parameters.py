"""Parameters of every type and value: given at start, in a file, and while the node runs."""

from __future__ import annotations

import array
import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import rclpy
from fuzzing import attempt, fuzz
from hostile import NUMBERS, mutated
from hypothesis import strategies as st
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from deephar_ros.node.parameters import CAMERA_NAME, ParameterError, PerceptionParameters, changed, declare
from deephar_ros.node.worker import pipeline_settings

NAMES = [entry.name for entry in fields(PerceptionParameters)]
INT64 = 2**63
TEXT = st.sampled_from(["nan", "inf", "1e400", "true", "", "auto", "detections", "image", "../..", "\n"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-2, 100) | st.integers(-INT64, INT64 - 1),
    NUMBERS,
    TEXT,
    st.lists(TEXT, min_size=1, max_size=4),
    st.lists(NUMBERS, min_size=1, max_size=4).map(lambda numbers: array.array("d", numbers)),
    st.lists(st.integers(-5, 5), min_size=1, max_size=4).map(lambda numbers: array.array("q", numbers)),
)
PARAMETERS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    context.shutdown()


@pytest.fixture(scope="module")
def node(context: Context) -> Iterator[Node]:
    node = Node("fuzzed", context=context)
    declare(node, PerceptionParameters)
    yield node
    node.destroy_node()


def right(settings: PerceptionParameters) -> bool:
    """Whether every value has the type of its default, is in range and is one of the choices."""
    for entry in fields(settings):
        value, limits, choices = getattr(settings, entry.name), entry.metadata["range"], entry.metadata["choices"]
        if isinstance(entry.default, tuple):
            if list(value) != [""] and not all(map(CAMERA_NAME.fullmatch, value)):
                return False
            continue
        in_range = not limits or limits[0] <= value <= limits[1] or any(math.isclose(value, edge) for edge in limits)
        if type(value) is not type(entry.default) or not in_range or (choices and value not in choices):
            return False
    return True


@fuzz("parameters at run time", chosen=PARAMETERS, configured=st.booleans())
def test_a_parameter_is_refused_or_right(node: Node, chosen: list[tuple[str, Any]], configured: bool) -> None:
    before = PerceptionParameters()
    refusals: list[str] = []

    def on_set(parameters: list[Parameter]) -> Any:
        from rcl_interfaces.msg import SetParametersResult

        try:
            after = changed(before, parameters, configured)
        except ParameterError as error:
            refusals.append(str(error))
            return SetParametersResult(successful=False, reason=str(error))
        assert right(after)
        assert pipeline_settings(after)
        assert not configured or all(
            getattr(after, entry.name) == entry.default or entry.metadata["live"] for entry in fields(after)
        )
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(on_set)
    try:
        results = node.set_parameters([Parameter(name, value=value) for name, value in chosen])
    finally:
        node.remove_on_set_parameters_callback(on_set)
    assert all(result.successful or result.reason for result in results)
    assert all(any(name in refusal for name, _ in chosen) and len(refusal) < 500 for refusal in refusals)


@fuzz("parameters at start", share=0.2, chosen=PARAMETERS)
def test_a_parameter_at_start_is_refused_by_name_or_right(context: Context, chosen: list[tuple[str, Any]]) -> None:
    overrides = [Parameter(name, value=value) for name, value in dict(chosen).items()]
    node = Node("started", context=context, parameter_overrides=overrides, enable_rosout=False)
    try:
        settings, refusal = attempt(lambda: declare(node, PerceptionParameters), ParameterError)
        assert settings is None or right(settings)
        assert not refusal or ("allowed" in refusal and any(name in refusal for name, _ in chosen))
    finally:
        node.destroy_node()


YAML = b"""/**:
  ros__parameters:
    max_rate: 5.0
    cut: 2
    cameras: [front, rear]
    depth: "image"
    min_confidence: .nan
    target_frame: map
    rectified: true
"""


@fuzz("perception.yaml", share=0.2, text=mutated([YAML]))
def test_a_parameter_file_is_read_or_refused(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "perception.yaml"
    file.write_bytes(text)
    context = Context()
    try:
        rclpy.init(args=["--ros-args", "--params-file", str(file)], context=context)
    except RuntimeError:  # what rclpy makes of rcl's errors
        return
    node = Node("started", context=context, enable_rosout=False)
    try:
        settings, refusal = attempt(lambda: declare(node, PerceptionParameters), ParameterError)
        assert settings is None or right(settings)
        assert not refusal or "allowed" in refusal
    finally:
        node.destroy_node()
        context.shutdown()
