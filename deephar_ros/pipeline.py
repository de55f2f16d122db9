"""From images to people: windows -> crops -> network -> tracks -> joints in pixels and metres -> clips -> actions.

Free of ROS: the node, offline commands, benchmarks and tests all use this one class. The people of all cameras go
through the network in one batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from deephar_ros.backend.base import Backend, Crops
from deephar_ros.clip import Streams
from deephar_ros.geometry import Array, Box
from deephar_ros.people import Action, Frame, Person, Result, State
from deephar_ros.settings import PipelineSettings
from deephar_ros.skeleton import MESSAGE_LAYOUTS
from deephar_ros.track import Look
from deephar_ros.view import View

DEPTH_RANGE = 2.0
"""Metres between z = 0 and z = 1 of the network (paper section 4)."""


class Finder(Protocol):
    """What finds people in whole frames."""

    def detect(self, frames: Sequence[Frame]) -> list[list[Box]]:
        """Per frame the boxes of the people in it, pixels."""
        ...


class Pipeline:
    """Follows the people of one or more cameras through the frames that it is given.

    Args:
        streams: what the features of the people seen go to; by default the buffers of their clips.

    Attributes:
        seconds: how long each stage took in the last call of `process`.
    """

    def __init__(
        self,
        backend: Backend,
        settings: PipelineSettings,
        finder: Finder | None = None,
        streams: Streams | None = None,
    ) -> None:
        self.backend = backend
        self.settings = settings
        self.seconds: dict[str, float] = {}
        spec = backend.spec
        self.layout = MESSAGE_LAYOUTS[spec.layout.name]
        self._order = spec.layout.indices_of(self.layout)
        self._finder = finder
        self._streams = streams or Streams(backend)
        self._views: dict[str, View] = {}
        self._found: dict[str, int] = {}  # per camera: stamp of the frame last shown to the finder, ns

    def __call__(self, frame: Frame) -> Result:
        """Processes one frame of the only camera."""
        return self.process({"": frame})[""]

    def process(self, frames: Mapping[str, Frame]) -> dict[str, Result]:
        """Processes one frame of each of the cameras named."""
        self.seconds = {}
        restarted = {camera: self._restart(camera) for camera in frames if self._went_back(camera, frames[camera])}
        with self._timed("find"):
            looks = self._looks(frames)
        with self._timed("crop"):
            cutouts = [self._views[name].cutout(frames[name], look) for name in frames for look in looks[name]]
            crops = self.backend.crop(cutouts) if cutouts else None
        with self._timed("network"):
            poses, features = self._predict(crops)
        people, row = {name: list(restarted.get(name, ())) for name in frames}, 0
        with self._timed("track"):
            for name, frame in frames.items():
                rows = slice(row, row + len(looks[name]))
                people[name] += self._follow(name, frame, looks[name], poses[rows], features[rows])
                row = rows.stop
        with self._timed("actions"):
            actions = self._act(people)
        return {
            name: self._views[name].result(tuple(people[name]), actions[name], frame.stamp, name in restarted)
            for name, frame in frames.items()
        }

    def reset(self) -> dict[str, tuple[Person, ...]]:
        """Forgets everybody; per camera those who were followed, as LOST."""
        return {name: self._restart(name) for name in self._views}

    def _went_back(self, name: str, frame: Frame) -> bool:
        if name not in self._views:
            depth_range = DEPTH_RANGE if self.backend.spec.depth_trained else float("nan")
            self._views[name] = View(name, self.settings, self.layout, depth_range)
        self._views[name].use(self.settings)
        return self._views[name].went_back(frame.stamp)

    def _restart(self, name: str) -> tuple[Person, ...]:
        self._found.pop(name, None)
        lost = self._views[name].reset()
        for person in lost:
            self._streams.forget(person.id)
        return lost

    def _looks(self, frames: Mapping[str, Frame]) -> dict[str, list[Look]]:
        source = self.settings.box_source
        found = self._find(frames) if source == "localizer" else {}
        looks = {}
        for name, frame in frames.items():
            tracker, (height, width) = self._views[name].tracker, frame.pixels.shape[:2]
            if source == "full_image":
                looks[name] = tracker.look_at_whole(width, height)
                continue
            boxes = {"auto": None, "detections": frame.boxes or (), "localizer": found.get(name, ())}[source]
            looks[name] = tracker.looks(width, height, frame.stamp, boxes)
        return looks

    def _find(self, frames: Mapping[str, Frame]) -> dict[str, list[Box]]:
        """Boxes of the frames whose turn it is; in the others, people are followed by their poses."""
        if self._finder is None:
            raise ValueError("box_source 'localizer' needs a localizer")
        period = self.settings.track.search_period * 1e9
        due = {
            name: frame
            for name, frame in frames.items()
            if name not in self._found or frame.stamp - self._found[name] >= period
        }
        if not due:
            return {}
        self._found.update({name: frame.stamp for name, frame in due.items()})
        return dict(zip(due, self._finder.detect(list(due.values())), strict=True))

    def _predict(self, crops: Crops | None) -> tuple[Array, Array]:
        if crops is None:
            return np.zeros((0, len(self.layout), 3), np.float32), np.zeros((0, 0), np.float32)
        poses, features = self.backend.predict(crops)
        return poses[:, self._order], features

    def _follow(self, name: str, frame: Frame, looks: list[Look], poses: Array, features: Array) -> list[Person]:
        seen, lost = self._views[name].update(frame, looks, poses)
        self._streams.spacing = self.settings.clip_spacing or self.backend.spec.clip_spacing
        for person, row in seen:
            self._streams.push(person.id, frame.stamp, features[row])
        for person in lost:
            self._streams.forget(person.id)
        return [person for person, _ in seen] + lost

    def _act(self, people: Mapping[str, list[Person]]) -> dict[str, tuple[Action, ...]]:
        spec = self.backend.spec
        present = [person.id for seen in people.values() for person in seen if person.state is not State.LOST]
        clips = self._streams.classify(present)
        return {
            name: tuple(
                Action(person.id, clips[person.id].start, spec.clip_frames, labels, probabilities)
                for person in seen
                if person.id in clips
                for labels, probabilities in zip(spec.labels, clips[person.id].probabilities, strict=False)
            )
            for name, seen in people.items()
        }

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start
