"""A configured perception: model, cameras, publishers and the worker between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rclpy.lifecycle import LifecycleNode

from deephar_ros.backend.base import Start
from deephar_ros.backend.careful import CarefulBackend
from deephar_ros.backend.choose import Choice, open_backend
from deephar_ros.localizer.localizer import Localizer
from deephar_ros.node.camera_input import Arrival, CameraInput
from deephar_ros.node.camera_output import CameraOutput
from deephar_ros.node.detections import detection_type
from deephar_ros.node.diagnostics import InputReport
from deephar_ros.node.joint_cloud import available as no_clouds
from deephar_ros.node.label_info import LabelInfo
from deephar_ros.node.parameters import PerceptionParameters
from deephar_ros.node.room import Room
from deephar_ros.node.symptoms import symptoms
from deephar_ros.node.worker import Worker, pipeline_settings
from deephar_ros.pipeline import Pipeline
from deephar_ros.share import default_checkpoint, default_localizer


class Perception:
    """From `configure` to `cleanup`: everything that costs memory hangs on this object.

    Raises:
        ValueError: a parameter, the checkpoint or the localizer cannot be used; the message says why.
    """

    def __init__(self, node: LifecycleNode, settings: PerceptionParameters, complain: Callable[[str], None]) -> None:
        if settings.box_source == "detections":
            detection_type()  # says what is missing before the model is loaded
        self.settings = settings
        self.enabled = True
        self._node, self._complain = node, complain
        self.pipeline = self._load(settings)
        self.check(settings)
        self.room = Room(node, settings, complain)
        if why := no_clouds():
            complain(f"~/joints is off: {why}")
        names = settings.cameras
        self.inputs = {name: CameraInput(node, name, settings, self._deliver, complain) for name in names}
        self.outputs = {name: CameraOutput(node, name, settings, self.room, not no_clouds()) for name in names}
        self.label_info = LabelInfo(node, self.pipeline.backend.spec.labels, complain)
        self.worker: Worker | None = None

    @property
    def device(self) -> str:
        return self.pipeline.backend.device

    def check(self, settings: PerceptionParameters) -> None:
        """Raises ValueError if the model cannot do what the parameters ask for."""
        pyramids = self.pipeline.backend.spec.network.num_pyramids
        if settings.cut > pyramids:
            name = self.pipeline.backend.spec.name
            raise ValueError(f"parameter cut is {settings.cut}, but the model {name} has {pyramids} pyramids")

    def use(self, settings: PerceptionParameters) -> None:
        """Changes parameters that can change at run time."""
        self.settings = settings
        for name in self.inputs:
            self.inputs[name].settings = self.outputs[name].settings = settings
        if self.worker is not None:
            self.worker.use(settings)

    def start(self) -> None:
        """Subscribes and publishes."""
        self.worker = Worker(self._node, self.pipeline, self.inputs, self.outputs, self.room, self._complain)
        self.worker.use(self.settings)
        self.worker.start()
        for camera in self.inputs.values():
            camera.start()

    def stop(self) -> None:
        """Ends what `start` began; nobody is followed any more."""
        for camera in self.inputs.values():
            camera.stop()
        if self.worker is not None:
            self.worker.stop()
            if self._node.context.ok():  # after a signal, nobody can be told any more
                self.worker.reset()
            self.worker = None

    def close(self) -> None:
        """Gives up publishers and the model."""
        for output in self.outputs.values():
            output.close()
        self.label_info.close()
        self.room.close()

    def reports(self) -> tuple[InputReport, ...]:
        """What is known of each camera while images are processed."""
        if self.worker is None:
            return ()
        return tuple(self._report(name, self.worker) for name in self.inputs)

    def _report(self, name: str, worker: Worker) -> InputReport:
        camera, now = self.inputs[name], time.monotonic()
        drops = {"replaced by a newer one": worker.inbox.replaced(name), **camera.drops.counts()}
        return InputReport(
            camera=name,
            rate_in=camera.rate_in.per_second(now),
            rate_out=camera.rate_out.per_second(now),
            age=worker.ages[name].percentiles().get("age"),
            drops=drops,
            image=camera.size,
            symptoms=tuple(symptoms(camera.state())),
        )

    def _deliver(self, name: str, arrival: Arrival) -> None:
        if not self.enabled:
            self.inputs[name].drops.add("not enabled")
        elif self.worker is not None:
            self.worker.inbox.put(name, arrival)

    def _load(self, settings: PerceptionParameters) -> Pipeline:
        folder = Path(settings.checkpoint or default_checkpoint())
        started = time.monotonic()
        start = Start(
            input_size=settings.input_size,
            cut=settings.cut,
            every_cut=settings.target_rate > 0,
            largest_batch=settings.max_persons * len(settings.cameras),
        )

        def load() -> Choice:
            wish = (settings.backend, settings.device, settings.precision)
            return open_backend(folder, *wish, start, self._complain)

        opened, reason = load()
        on_cpu = opened.device == "cpu" or settings.device != "auto"
        backend = self.backend = CarefulBackend(
            opened,
            load=lambda: load().backend,
            fallback=None if on_cpu else lambda: open_backend(folder, device="cpu", start=start).backend,
            say=self._complain,
        )
        finder = None
        if settings.box_source == "localizer":
            finder = Localizer(Path(settings.localizer or default_localizer()), backend.device)
        spec, log = backend.spec, self._node.get_logger()
        where = f"{backend.name} in {backend.precision} on {backend.device} ({reason})"
        log.info(f"model {spec.name} from {folder}: {where}, loaded in {time.monotonic() - started:.1f} s")
        for what, trained in (("depth", spec.depth_trained), ("action", spec.action_trained)):
            if not trained:
                log.warning(f"the {what} outputs of model {spec.name} are untrained, see its MODEL_CARD.md")
        return Pipeline(backend, pipeline_settings(settings), finder)
