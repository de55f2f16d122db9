"""The node's parameters: name, type, default, range, description stand here and nowhere else.

The declaration, `config/perception.yaml` and the README table are made from this one dataclass.
"""

from __future__ import annotations

import json
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterValueException, ParameterException
from rclpy.node import Node

T = TypeVar("T")


class ParameterError(ValueError):
    """A parameter that cannot be used; the message names it, its value and what is allowed."""


def parameter(default: Any, description: str, low: float | None = None, high: float | None = None) -> Any:
    """A field of a parameter dataclass."""
    return field(default=default, metadata={"description": description, "range": None if low is None else (low, high)})


@dataclass(frozen=True)
class PerceptionParameters:
    """Parameters of `perception_node`, all read at start."""

    checkpoint: str = parameter("", "Checkpoint folder; empty: the model that comes with the package.")
    device: str = parameter("auto", "Where the network runs: auto, cpu, cuda, cuda:1, ...")
    min_confidence: float = parameter(0.6, "Mean joint confidence from which a pose counts as a person.", 0.0, 1.0)
    margin: float = parameter(1.4, "Side of the next crop over the extent of the pose it surrounds.", 1.0, 3.0)
    patience: float = parameter(0.5, "Seconds without a confident pose after which a person is lost.", 0.0, 10.0)
    status_period: float = parameter(5.0, "Seconds between status lines in the log.", 0.5, 3600.0)


@dataclass(frozen=True)
class VideoParameters:
    """Parameters of `video_publisher`, all read at start."""

    source: str = parameter("", "Video file, image folder, ROS 2 bag, camera number or device; empty: the demo clip.")
    frame_id: str = parameter("camera_optical_frame", "frame_id of the published images.")
    rate: float = parameter(0.0, "Images per second; 0: as recorded (image folders: 30).", 0.0, 1000.0)
    loop: bool = parameter(False, "Start again when the source ends.")
    horizontal_fov: float = parameter(
        0.0,
        "Horizontal field of view in degrees, for camera_info; 0: not known, camera_info says uncalibrated.",
        0.0,
        179.0,
    )
    wait_for_subscribers: int = parameter(0, "Start only when this many nodes subscribe to image.", 0, 100)


@dataclass(frozen=True)
class ObserverParameters:
    """Parameters of `demo_observer`, all read at start."""

    out: str = parameter("out", "Folder for the video, the contact sheet and the messages.")
    action_remark: str = parameter("", "Written behind every action label.")


def describe(entry: Field[Any]) -> ParameterDescriptor:
    """Descriptor of one field: read-only, with description and range."""
    descriptor = ParameterDescriptor(name=entry.name, description=entry.metadata["description"], read_only=True)
    limits = entry.metadata["range"]
    if limits is not None and isinstance(entry.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=limits[0], to_value=limits[1])]
    elif limits is not None:
        descriptor.integer_range = [IntegerRange(from_value=limits[0], to_value=limits[1])]
    return descriptor


def declare(node: Node, kind: type[T]) -> T:
    """Declares every parameter of the dataclass `kind` on `node` and returns the values given at start.

    Raises:
        ParameterError: a value has another type or lies outside of its range.
    """
    values = {}
    for entry in fields(kind):  # type: ignore[arg-type]
        try:
            values[entry.name] = node.declare_parameter(entry.name, entry.default, describe(entry)).value
        except (ParameterException, InvalidParameterValueException) as error:
            limits = entry.metadata["range"]
            allowed = type(entry.default).__name__ + (f" from {limits[0]} to {limits[1]}" if limits else "")
            raise ParameterError(f"parameter {entry.name}: {error}; allowed: {allowed}") from error
    return kind(**values)


def to_yaml(kind: type[Any]) -> str:
    """A commented parameter file with every default, for a node of any name."""
    lines = ["/**:", "  ros__parameters:"]
    for entry in fields(kind):
        limits = entry.metadata["range"]
        lines.append(f"    # {entry.metadata['description']}" + (f" {limits[0]} to {limits[1]}." if limits else ""))
        lines.append(f"    {entry.name}: {json.dumps(entry.default)}")  # JSON is YAML, and quotes strings
    return "\n".join(lines) + "\n"


def to_markdown(kind: type[Any]) -> str:
    """The rows of the README's parameter table."""
    rows = []
    for entry in fields(kind):
        limits = entry.metadata["range"]
        shown = f"{limits[0]} to {limits[1]}" if limits else ""
        rows.append(f"| `{entry.name}` | `{json.dumps(entry.default)}` | {shown} | {entry.metadata['description']} |\n")
    return "".join(rows)
