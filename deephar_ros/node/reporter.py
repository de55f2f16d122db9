"""What the node says about itself: /diagnostics every second, and lines in the log."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray

from deephar_ros.finding import Level
from deephar_ros.node.diagnostics import Snapshot, to_message
from deephar_ros.node.leftovers import forget_destroyed
from deephar_ros.node.symptoms import ClockState, Symptom, clock_symptoms, pipeline_symptoms
from deephar_ros.statistics import Standstill, resident_megabytes

if TYPE_CHECKING:
    from deephar_ros.node.perception import Perception
    from deephar_ros.node.perception_node import PerceptionNode


class Reporter:
    """Reads what the node's parts have counted."""

    def __init__(self, node: PerceptionNode) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._clock = Standstill()
        self._warned: set[str] = set()

    def publish(self) -> None:
        """One DiagnosticArray (REP-107)."""
        if self._node.perception is not None:
            for camera in self._node.perception.inputs.values():
                camera.match_publisher()
        self._publisher.publish(to_message(self._snapshot(), self._node.get_clock().now().to_msg()))

    def log(self) -> None:
        """A line for each camera, and what is wrong: warnings once, when they come up; errors again and again."""
        forget_destroyed(self._node.default_callback_group)
        snapshot = self._snapshot()
        for report in snapshot.inputs:
            name = f"{report.camera}: " if report.camera else ""
            rates = f"{report.rate_in:.1f} images/s in, {report.rate_out:.1f}/s processed"
            drops = ", ".join(f"{count} {cause}" for cause, count in report.drops.items())
            self._node.get_logger().info(f"{name}{rates}; dropped since start: {drops}")
        found = [*snapshot.symptoms, *(symptom for report in snapshot.inputs for symptom in report.symptoms)]
        for symptom in found:
            if symptom.level is Level.ERROR:
                self._node.complain(symptom.sentence)
            elif symptom.summary not in self._warned:
                self._node.get_logger().warning(symptom.sentence)
        self._warned = {symptom.summary for symptom in found}

    def _snapshot(self) -> Snapshot:
        node, perception = self._node, self._node.perception
        common = Snapshot(node.get_name(), node.life_cycle, resident=resident_megabytes(), gpu=_gpu_megabytes())
        if perception is None:
            return common
        now = node.get_clock().now().nanoseconds
        sim_time = node.get_parameter("use_sim_time").value
        clock = ClockState(sim_time, now, self._clock.update(now, time.monotonic()))
        worker = perception.worker
        return replace(
            common,
            device=perception.device,
            backend=perception.pipeline.backend.name,
            inputs=perception.reports(),
            latencies=worker.latencies.percentiles() if worker else {},
            persons=sum(worker.persons.values()) if worker else 0,
            cut=f"{worker.cut} of {worker.pyramids} pyramids" if worker else "",
            target_rate=perception.settings.target_rate,
            symptoms=(*clock_symptoms(clock), *_failures(perception)),
        )


def _failures(perception: Perception) -> list[Symptom]:
    worker = perception.worker
    rate = worker.failures.per_second(time.monotonic()) if worker else 0.0
    return pipeline_symptoms(rate, worker.failure if worker else "", perception.backend.trouble)


def _gpu_megabytes() -> float | None:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return float(torch.cuda.memory_allocated()) / 1e6
