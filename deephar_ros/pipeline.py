"""From an image to people: window -> crop -> network -> joints in pixels and metres -> track -> clip -> actions.

Free of ROS: the node, offline commands, benchmarks and tests all use this one class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.backend.base import Backend
from deephar_ros.clip import Streams
from deephar_ros.geometry import Array, Window, metres_per_pixel
from deephar_ros.skeleton import MESSAGE_LAYOUTS, Layout
from deephar_ros.track import PoseFollower, State, TrackSettings

DEPTH_RANGE = 2.0
"""Metres between z = 0 and z = 1 of the network; z = 0.5 is the depth of the root joint (paper section 4)."""


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        pixels: (H, W, C) uint8, any row stride.
        rgb: which of the C channels are red, green and blue.
        stamp: time at which it was taken, nanoseconds.
    """

    pixels: NDArray[np.uint8]
    rgb: tuple[int, int, int] = (0, 1, 2)
    stamp: int = 0


@dataclass(frozen=True)
class Person:
    """One person in one frame; joints in the order of `layout`.

    Attributes:
        joints: (J, 2) pixels of the image.
        position: (J, 3) metres relative to the pelvis, optical axes (x right, y down, z forward); NaN where unknown.
        confidence: (J,) in [0, 1].
        window: the part of the image in which the network looked.
    """

    id: str
    state: State
    layout: Layout
    joints: Array
    position: Array
    confidence: Array
    window: Window

    @property
    def score(self) -> float:
        """Confidence in the whole person: mean over the joints."""
        return float(self.confidence.mean())


@dataclass(frozen=True)
class Action:
    """What one person did in one clip. `start` is the stamp of the clip's first frame, ns; probabilities sum to 1."""

    id: str
    start: int
    frames: int
    labels: tuple[str, ...]
    probabilities: Array


@dataclass(frozen=True)
class Result:
    """All that was found in one frame."""

    people: tuple[Person, ...]
    actions: tuple[Action, ...]


class Pipeline:
    """Follows a person through the frames that it is given, in the order of their stamps."""

    def __init__(self, backend: Backend, settings: TrackSettings) -> None:
        self.backend = backend
        spec = backend.spec
        self.layout = MESSAGE_LAYOUTS[spec.layout.name]
        self._order = spec.layout.indices_of(self.layout)
        self._follower = PoseFollower(settings)
        self._streams = Streams(backend)

    def __call__(self, frame: Frame) -> Result:
        """Processes one frame."""
        height, width = frame.pixels.shape[:2]
        window = self._follower.window(width, height)
        crop = window.cut(frame.pixels, self.backend.spec.input_size)[..., frame.rgb]
        poses, features = self.backend.predict(crop[None])
        pose = poses[0, self._order]
        joints, confidence = window.to_image(pose[:, :2]), pose[:, -1]
        state = self._follower.update(window, joints, confidence, frame.stamp)
        if state is None:
            return Result((), ())
        person = Person(self._follower.id, state, self.layout, joints, self._position(joints, pose), confidence, window)
        return Result((person,), self._act(person, frame.stamp, features[0]))

    def _position(self, joints: Array, pose: Array) -> Array:
        trained = self.backend.spec.depth_trained and pose.shape[-1] == 4
        z = DEPTH_RANGE * (pose[:, 2] - 0.5) if trained else np.full(len(joints), np.nan, joints.dtype)
        root = self.layout.index("pelvis")
        scale = metres_per_pixel(joints, z, self.layout)
        return np.column_stack([(joints - joints[root]) * scale, z - z[root]])

    def _act(self, person: Person, stamp: int, features: Array) -> tuple[Action, ...]:
        if person.state is State.LOST:
            self._streams.forget(person.id)
            return ()
        self._streams.push(person.id, stamp, features)
        spec = self.backend.spec
        return tuple(
            Action(who, clip.start, spec.clip_frames, labels, probabilities)
            for who, clip in self._streams.classify([person.id]).items()
            for labels, probabilities in zip(spec.labels, clip.probabilities, strict=True)
        )
