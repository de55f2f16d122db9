"""The thread that takes the newest images, runs the pipeline and publishes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from rclpy.lifecycle import LifecycleNode

from deephar_ros.dial import CutDial
from deephar_ros.node.camera_input import Arrival, CameraInput
from deephar_ros.node.camera_output import CameraOutput
from deephar_ros.node.images import UnsupportedEncoding
from deephar_ros.node.inbox import Inbox
from deephar_ros.node.parameters import PerceptionParameters
from deephar_ros.node.room import Room
from deephar_ros.people import Frame, State
from deephar_ros.pipeline import Pipeline
from deephar_ros.pixels import ImageError
from deephar_ros.settings import PipelineSettings
from deephar_ros.statistics import Latencies, Rate
from deephar_ros.track import TrackSettings


class Worker:
    """All cameras' images go through one network, together what is there together.

    Args:
        complain: called with a sentence about each frame that is dropped.
    """

    def __init__(
        self,
        node: LifecycleNode,
        pipeline: Pipeline,
        inputs: Mapping[str, CameraInput],
        outputs: Mapping[str, CameraOutput],
        room: Room,
        complain: Callable[[str], None],
    ) -> None:
        self.inbox: Inbox[Arrival] = Inbox()
        self.latencies = Latencies()
        self.ages = {name: Latencies() for name in inputs}
        self.persons = dict.fromkeys(inputs, 0)
        self.failures, self.failure = Rate(), ""
        self.cut, self.pyramids = pipeline.backend.cut, pipeline.backend.spec.network.num_pyramids
        self._node, self._pipeline, self._room = node, pipeline, room
        self._inputs, self._outputs, self._complain = inputs, outputs, complain
        self._settings = PerceptionParameters()
        self._dial = CutDial()
        self._processing = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the frames it is at; nothing is published afterwards."""
        self.inbox.close()
        self._thread.join()

    def use(self, settings: PerceptionParameters) -> None:
        """Changes the parameters, from the next frame on."""
        self._settings = settings
        self._pipeline.settings = pipeline_settings(settings)

    def reset(self) -> None:
        """Forgets everybody and says so to those who listen."""
        with self._processing:
            for name, lost in self._pipeline.reset().items():
                self._outputs[name].publish_lost(lost)
                self._outputs[name].clear()

    def _work(self) -> None:
        while arrivals := self.inbox.take():
            try:
                with self._processing:
                    self._process(arrivals)
            except Exception as error:  # whatever one frame does, the next one gets its chance
                if not self._node.context.ok():  # the publishers are gone before the worker is
                    return
                self.failure = f"{type(error).__name__}: {error}"
                self.failures.add(time.monotonic())
                for name in arrivals:
                    self._drop(name, self.failure, "failed in the pipeline")

    def _process(self, arrivals: dict[str, Arrival]) -> None:
        started = time.monotonic()
        frames = {name: frame for name in arrivals if (frame := self._read(name, arrivals[name])) is not None}
        if not frames:
            return
        self._turn_dial()
        read = time.monotonic()
        results = self._pipeline.process(frames)
        computed = time.monotonic()
        for name, result in results.items():
            if result.restarted:
                self._complain(f"time went backwards on {self._inputs[name].topic}: people and clips start afresh")
                self._room.restart()
            self._outputs[name].publish(result, frames[name], arrivals[name].image)
            self.persons[name] = sum(person.state is not State.LOST for person in result.people)
            self._note(name, frames[name], arrivals[name])
        done = time.monotonic()
        for stage, seconds in {"decode": read - started, **self._pipeline.seconds, "publish": done - computed}.items():
            self.latencies.add(stage, seconds)
        if self._settings.target_rate:
            cut = self._dial.choose(self.cut, self.pyramids, done - started, self._settings.target_rate, done)
            if cut != self.cut:
                self._set_cut(cut, f"to keep {self._settings.target_rate:g} frames/s")

    def _turn_dial(self) -> None:
        """The cut that the parameter asks for, unless the dial turns by itself."""
        wanted = self._settings.cut or self.pyramids
        if not self._settings.target_rate and wanted != self.cut:
            self._set_cut(wanted, "as the parameter cut says")

    def _set_cut(self, cut: int, why: str) -> None:
        self._pipeline.backend.set_cut(cut)
        self.cut = cut
        self._node.get_logger().info(f"the network runs {cut} of {self.pyramids} pyramids, {why}")

    def _read(self, name: str, arrival: Arrival) -> Frame | None:
        self.latencies.add("wait", time.monotonic() - arrival.at)
        try:
            return self._inputs[name].frame(arrival)
        except ImageError as error:
            encoding = error.encoding if isinstance(error, UnsupportedEncoding) else ""
            self._inputs[name].monitor.on_bad(str(error), encoding)
            self._drop(name, str(error), "bad image")
            return None

    def _drop(self, name: str, why: str, cause: str) -> None:
        self._inputs[name].drops.add(cause)
        self._complain(f"image of {self._inputs[name].topic} dropped: {why}")

    def _note(self, name: str, frame: Frame, arrival: Arrival) -> None:
        self._inputs[name].rate_out.add(time.monotonic())
        age = (self._node.get_clock().now().nanoseconds - frame.stamp) / 1e9
        self.ages[name].add("age", age)
        self._outputs[
            name
        ].overlay_line = (
            f"{self._inputs[name].rate_out.per_second(time.monotonic()):.1f}/s  cut {self.cut}/{self.pyramids}"
        )


def pipeline_settings(settings: PerceptionParameters) -> PipelineSettings:
    """The parameters that concern the pipeline."""
    track = TrackSettings(
        min_confidence=settings.min_confidence,
        margin=settings.margin,
        patience=settings.patience,
        max_persons=settings.max_persons,
        search_period=settings.search_period,
    )
    return PipelineSettings(
        track=track,
        box_source=settings.box_source,
        clip_spacing=settings.clip_spacing,
        min_cutoff=settings.smooth_min_cutoff,
        beta=settings.smooth_beta,
        label_margin=settings.label_margin,
        side_patience=settings.side_patience,
    )
