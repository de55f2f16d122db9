"""The pipeline without the network: from a decoded picture to messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from deephar_ros.benchmark.scripted import Crowd, ScriptedBackend
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.messages import Messages, MessageTypes
from deephar_ros.people import Frame, Result
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import node_settings

RATE = 30.0
"""Frames per second by their stamps."""
SEEN = 10
"""Frames in which a detector shows people; then they are followed by their poses."""
WARM_UP = 60
"""Frames until everybody is found and clips are full."""


class Moments(NamedTuple):
    """Seconds of each frame: the whole, and its stages."""

    total: list[float]
    stages: dict[str, list[float]]


def measure_pipeline(
    spec: ModelSpec, persons: int, width: int, height: int, frames: int, tick: Callable[[], object]
) -> Moments:
    """Runs the pipeline over so many frames that show so many people; the time that the network stands for is left out.

    Args:
        spec: of the network that is left out; its crops, features and actions are those of the frames.
        tick: called after each frame.

    Raises:
        RuntimeError: the pipeline has not found everybody, so that the figures would mean nothing.
    """
    crowd = Crowd(persons, width, height, spec.network.num_joints)
    backend = ScriptedBackend(spec, crowd)
    settings = node_settings()
    settings = replace(settings, track=replace(settings.track, max_persons=max(persons, settings.track.max_persons)))
    pipeline = Pipeline(backend, replace(settings, box_source="detections"))
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    make, people = message_maker(), 0
    moments = Moments([], {})
    for moment in range(WARM_UP + frames):
        backend.moment = moment
        if moment == SEEN:  # from now on, people are followed by their poses
            pipeline.settings = settings
        boxes = crowd.boxes(moment) if moment < SEEN else None
        started = time.perf_counter()
        result = pipeline(Frame(pixels, stamp=round(moment * 1e9 / RATE), boxes=boxes))
        computed = time.perf_counter()
        make(result, width, height)
        done = time.perf_counter()
        if moment >= WARM_UP:
            moments.total.append(done - started - pipeline.seconds["network"])
            for stage, seconds in {**pipeline.seconds, "messages": done - computed}.items():
                moments.stages.setdefault(stage, []).append(seconds)
            people = max(people, abs(len(result.people) - persons))
            tick()
    if people:
        raise RuntimeError(f"of {persons} people the pipeline has lost or made up {people}")
    return moments


def message_maker() -> Callable[[Result, int, int], object]:
    """Makes all messages about a frame, with rosbags' classes, or plain ones where it is not installed."""
    header: Any = None
    if find_spec("rosbags") is None:
        messages = Messages(MessageTypes(*[SimpleNamespace] * 7), int, np.asarray)
    else:
        from deephar_ros.infer.bag import make_messages, our_types

        store = our_types()
        messages = make_messages(store)
        header = store.types["std_msgs/msg/Header"](stamp=messages.time(0), frame_id="camera")

    def make(result: Result, width: int, height: int) -> Any:
        skeletons = [messages.skeleton(person, header, width, height) for person in result.people]
        return messages.skeletons(skeletons, header), [messages.action_probs(a, header) for a in result.actions]

    return make
