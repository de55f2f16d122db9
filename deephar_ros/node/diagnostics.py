"""diagnostic_msgs/DiagnosticArray (REP-107) from a snapshot of the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from deephar_ros.finding import Level
from deephar_ros.node.symptoms import Symptom, worst
from deephar_ros.statistics import Percentiles

LEVELS = {Level.OK: DiagnosticStatus.OK, Level.WARN: DiagnosticStatus.WARN, Level.ERROR: DiagnosticStatus.ERROR}
"""rclpy wants one byte, not a number."""


@dataclass(frozen=True)
class InputReport:
    """One camera in the last seconds.

    Attributes:
        camera: its name; empty for the only one.
        rate_in, rate_out: images per second received and processed.
        age: seconds from an image's stamp to its results; None: not known.
        drops: images dropped since the start, by cause.
        image: encoding and size of the last one, "bgr8 640x480".
        symptoms: as `symptoms.symptoms` finds them.
    """

    camera: str
    rate_in: float = 0.0
    rate_out: float = 0.0
    age: Percentiles | None = None
    drops: Mapping[str, int] = field(default_factory=dict)
    image: str = ""
    symptoms: tuple[Symptom, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The node at one moment.

    Attributes:
        node: its name.
        state: of the life cycle, "active".
        device: that the network runs on, "cuda:0 NVIDIA H200".
        backend: "torch"; empty while no model is loaded.
        latencies: by stage of the pipeline.
        persons: followed at the moment, all cameras together.
        cut: how much of the network runs, as the parameter says it; empty: all.
        target_rate: frames per second that the automatic dial keeps; 0: it is off.
        resident, gpu: megabytes of RAM and of GPU memory; gpu None: no GPU is used.
        symptoms: of the node as a whole, such as those of the clock.
    """

    node: str
    state: str
    device: str = ""
    backend: str = ""
    inputs: tuple[InputReport, ...] = ()
    latencies: Mapping[str, Percentiles] = field(default_factory=dict)
    persons: int = 0
    cut: str = ""
    target_rate: float = 0.0
    resident: float = 0.0
    gpu: float | None = None
    symptoms: tuple[Symptom, ...] = ()


def to_message(snapshot: Snapshot, stamp: Time) -> DiagnosticArray:
    """One status for each camera, one for the pipeline, one for the memory."""
    array = DiagnosticArray()
    array.header.stamp = stamp
    array.status = [*(_input(snapshot, report) for report in snapshot.inputs), _pipeline(snapshot), _memory(snapshot)]
    return array


def _input(snapshot: Snapshot, report: InputReport) -> DiagnosticStatus:
    values = {"images in": f"{report.rate_in:.1f} /s", "processed": f"{report.rate_out:.1f} /s"}
    if report.age:
        values["age p50, p99"] = _milliseconds(report.age)
    if report.image:
        values["image"] = report.image
    values |= {f"dropped: {cause}": str(count) for cause, count in report.drops.items()}
    healthy = f"{report.rate_in:.1f} images/s in, {report.rate_out:.1f}/s processed"
    return _status(snapshot, f"input {report.camera}".strip(), report.symptoms, healthy, values)


def _pipeline(snapshot: Snapshot) -> DiagnosticStatus:
    values = {"life cycle": snapshot.state, "backend": snapshot.backend or "none", "device": snapshot.device or "none"}
    values |= {"persons": str(snapshot.persons), "cut": snapshot.cut or "none (whole network)"}
    values["target rate"] = f"{snapshot.target_rate:.1f} /s" if snapshot.target_rate else "off"
    values |= {f"{stage} p50, p99": _milliseconds(figures) for stage, figures in snapshot.latencies.items()}
    healthy = f"{snapshot.state}, {snapshot.persons} person(s)"
    return _status(snapshot, "pipeline", snapshot.symptoms, healthy, values)


def _memory(snapshot: Snapshot) -> DiagnosticStatus:
    values = {"resident": f"{snapshot.resident:.0f} MB", "model": "loaded" if snapshot.backend else "not loaded"}
    if snapshot.gpu is not None:
        values["GPU"] = f"{snapshot.gpu:.0f} MB"
    return _status(snapshot, "memory", (), f"{values['resident']}, model {values['model']}", values)


def _status(
    snapshot: Snapshot, part: str, symptoms: tuple[Symptom, ...], healthy: str, values: Mapping[str, str]
) -> DiagnosticStatus:
    level = worst(list(symptoms))
    values = {**values, **{symptom.summary: symptom.sentence for symptom in symptoms}}
    return DiagnosticStatus(
        level=LEVELS[level],
        name=f"{snapshot.node}: {part}",
        message=", ".join(symptom.summary for symptom in symptoms) or healthy,
        hardware_id=snapshot.device,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _milliseconds(seconds: Percentiles) -> str:
    return f"{1e3 * seconds.p50:.1f}, {1e3 * seconds.p99:.1f} ms"
