"""Parameters of the nodes: name, type, default, range, description and whether they can change stand here alone.

The declaration, `config/perception.yaml` and the README table are made from these dataclasses (`documents.py`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterValueException, ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from deephar_ros.settings import BACKENDS, LARGEST_INPUT, PRECISIONS, PipelineSettings
from deephar_ros.track import TrackSettings

T = TypeVar("T")

CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class ParameterError(ValueError):
    """A parameter that cannot be used; the message names it, its value and what is allowed."""


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    live: bool = False,
    choices: tuple[str, ...] = (),
) -> Any:
    """A field of a parameter dataclass. `live`: can change while the node is configured."""
    limits = None if low is None else (low, high)
    return field(
        default=default, metadata={"description": description, "range": limits, "live": live, "choices": choices}
    )


@dataclass(frozen=True)
class PerceptionParameters:
    """Parameters of `perception_node`."""

    autostart: bool = parameter(True, "Configure and activate without being asked to; false for a lifecycle manager.")
    checkpoint: str = parameter("", "Checkpoint folder; empty: the model that comes with the package.")
    backend: str = parameter("auto", "What runs the network; auto: the fastest that works here.", choices=BACKENDS)
    device: str = parameter("auto", "Where the network runs: auto, cpu, cuda, cuda:1, ...")
    precision: str = parameter(
        "auto", "Numbers of the convolutions; auto: half on a GPU, float32 on a CPU.", choices=PRECISIONS
    )
    input_size: int = parameter(
        0, "Side of the crops that the network sees, pixels; 0: as it was trained.", 0, LARGEST_INPUT
    )
    cut: int = parameter(0, "Pyramids of the network to run: fewer are faster; 0: all of them.", 0, 8, live=True)
    target_rate: float = parameter(
        0.0, "Frames per second that are kept by choosing the cut; 0: the cut stays as set.", 0.0, 1000.0, live=True
    )
    max_rate: float = parameter(
        0.0, "Frames per second and camera above which frames are left out; 0: no limit.", 0.0, 1000.0, live=True
    )

    cameras: Sequence[str] = parameter(
        ("",), "Names of the cameras, the first part of their topics (front/image); one empty name: no prefix."
    )
    image_transport: str = parameter("raw", "What is subscribed to.", choices=("raw", "compressed"))
    image_qos: str = parameter(
        "sensor_data",
        "Reliability of the image subscription: best effort, reliable, or as the publisher offers.",
        choices=("sensor_data", "reliable", "match"),
    )
    rectified: bool = parameter(False, "Images are rectified: camera_info counts with P and without distortion.")
    depth: str = parameter(
        "none",
        "Distances registered to the image, from depth/image or depth/points.",
        choices=("none", "image", "cloud"),
    )
    depth_tolerance: float = parameter(
        0.05, "Seconds between an image and the depth that belongs to it.", 0.0, 1.0, live=True
    )
    target_frame: str = parameter("", "Frame of the published positions; empty: that of the image.", live=True)

    box_source: str = parameter(
        PipelineSettings.box_source,
        "Who finds people: the pose network itself, the topic detections, the localizer, or nobody (whole image).",
        choices=("auto", "detections", "localizer", "full_image"),
    )
    localizer: str = parameter("", "Localizer folder; empty: the one that comes with the package.")
    max_persons: int = parameter(
        4, "People looked at in one frame of a camera; when there are more, they take turns.", 1, 64, live=True
    )
    search_period: float = parameter(
        TrackSettings.search_period,
        "Seconds between two looks for more people while some are followed.",
        0.0,
        60.0,
        live=True,
    )
    min_confidence: float = parameter(
        0.6, "Mean joint confidence from which a pose counts as a person.", 0.0, 1.0, live=True
    )
    margin: float = parameter(
        1.4, "Side of the next crop over the extent of the pose it surrounds.", 1.0, 3.0, live=True
    )
    patience: float = parameter(
        1.0, "Seconds without a confident pose after which a person is lost.", 0.0, 10.0, live=True
    )

    clip_spacing: float = parameter(
        PipelineSettings.clip_spacing,
        "Seconds between the frames of a clip; 0: as the model was trained.",
        0.0,
        2.0,
        live=True,
    )
    label_margin: float = parameter(
        PipelineSettings.label_margin,
        "By how much another action must be more probable before its label is displayed.",
        0.0,
        1.0,
        live=True,
    )
    side_patience: float = parameter(
        PipelineSettings.side_patience,
        "Seconds for which an exchange of left and right limbs is taken for a mistake of the network; 0: never.",
        0.0,
        5.0,
        live=True,
    )
    smooth_messages: bool = parameter(False, "Smooth the published skeletons, too (not for learning).", live=True)
    smooth_min_cutoff: float = parameter(
        PipelineSettings.min_cutoff,
        "One-Euro filter of displayed poses: cutoff at rest, Hz; 0: off.",
        0.0,
        100.0,
        live=True,
    )
    smooth_beta: float = parameter(
        PipelineSettings.beta,
        "One-Euro filter: how much the cutoff grows with speed.",
        0.0,
        100.0,
        live=True,
    )

    overlay_rate: float = parameter(
        15.0, "Pictures per second at most on ~/overlay, drawn only for subscribers.", 0.1, 1000.0, live=True
    )
    marker_lifetime: float = parameter(0.5, "Seconds for which rviz keeps a marker.", 0.0, 60.0, live=True)
    publish_tf: bool = parameter(False, "Publish a frame per joint and body on /tf (needs tf2_msgs).")
    publish_humans: bool = parameter(False, "Publish the topics of REP-155 under /humans (needs hri_msgs).")
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


def allowed(entry: Field[Any]) -> str:
    """What values a parameter takes, in words."""
    if entry.metadata["choices"]:
        return "one of " + ", ".join(entry.metadata["choices"])
    limits = entry.metadata["range"]
    kind = "list of strings" if isinstance(entry.default, tuple) else type(entry.default).__name__
    return kind + (f" from {limits[0]} to {limits[1]}" if limits else "")


def describe(entry: Field[Any]) -> ParameterDescriptor:
    """Descriptor of one field: description, range, and when it can change."""
    descriptor = ParameterDescriptor(name=entry.name, description=entry.metadata["description"])
    if not entry.metadata["live"]:
        descriptor.additional_constraints = "Read when the node is configured."
    if entry.metadata["choices"]:
        descriptor.additional_constraints += f" {allowed(entry).capitalize()}."
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
        default = list(entry.default) if isinstance(entry.default, tuple) else entry.default
        try:
            values[entry.name] = node.declare_parameter(entry.name, default, describe(entry)).value
        except (ParameterException, InvalidParameterValueException) as error:
            why = str(error).encode("unicode_escape").decode()  # it repeats the value, which may hold anything
            raise ParameterError(f"parameter {entry.name}: {why}; allowed: {allowed(entry)}") from error
    settings = kind(**values)
    check(settings)
    return settings


def changed(settings: T, parameters: Sequence[Parameter], configured: bool) -> T:
    """The settings with some parameters changed; those of other owners (use_sim_time, qos_overrides) are left out.

    Raises:
        ParameterError: a value is not allowed, or cannot change while the node is configured.
    """
    entries = {entry.name: entry for entry in fields(settings)}  # type: ignore[arg-type]
    ours = {p.name: p.value for p in parameters if p.name in entries}
    for name, value in ours.items():
        if configured and not entries[name].metadata["live"]:
            raise ParameterError(
                f"parameter {name} is read when the node is configured: deactivate and clean it up first, or restart it"
            )
        if value is None:
            raise ParameterError(f"parameter {name} cannot be unset; allowed: {allowed(entries[name])}")
    settings = replace(settings, **ours)  # type: ignore[type-var]
    check(settings)
    return settings


def unknown(node: Node, kind: type[Any]) -> dict[str, str]:
    """Parameters given at start that do not exist, most likely misspelt; for each the remedy, ready to be printed."""
    known = [entry.name for entry in fields(kind)]
    # rclpy has no public way to ask for what was given but never declared.
    given = [name for name in getattr(node, "_parameter_overrides", {}) if not node.has_parameter(name)]
    found = {}
    for name in given:
        near = difflib.get_close_matches(name, known, n=1)
        if not name.startswith("qos_overrides."):
            found[name] = f"; did you mean {near[0]}?" if near else ""
    return found


def check(settings: Any) -> None:
    """Raises ParameterError if a value is not one of its choices, or a camera's name cannot be part of a topic."""
    for entry in fields(settings):
        value, choices = getattr(settings, entry.name), entry.metadata["choices"]
        if choices and value not in choices:
            raise ParameterError(f"parameter {entry.name} is {value!r}; allowed: {allowed(entry)}")
    names = list(getattr(settings, "cameras", [""]))
    if names != [""] and (not names or len(set(names)) < len(names) or not all(map(CAMERA_NAME.fullmatch, names))):
        raise ParameterError(
            f"parameter cameras is {names}; allowed: different names of letters, digits and _, or one empty name"
        )
