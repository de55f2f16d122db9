"""Whole frames of hostile parts through the whole pipeline with a real (tiny) network, up to the messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import attempt, fuzz
from hostile import camera_infos, clouds, images
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.camera_info import CameraInfoError, to_camera
from deephar_ros.geometry import Box
from deephar_ros.node import clouds as cloud_depth
from deephar_ros.node.detections import FAR
from deephar_ros.node.images import to_depth, to_frame
from deephar_ros.node.messages import messages
from deephar_ros.people import Frame
from deephar_ros.pipeline import Pipeline
from deephar_ros.pixels import ENCODINGS, ImageError
from deephar_ros.settings import PipelineSettings
from deephar_ros.track import TrackSettings

PLACE, SIDE = st.integers(-FAR, FAR) | st.integers(-50, 50), st.integers(1, FAR) | st.integers(1, 50)
BOXES = st.lists(st.tuples(PLACE, PLACE, SIDE, SIDE), max_size=4)
SHAPES = st.sampled_from([(1, 1), (1, 3000), (3000, 1), (48, 64), (7, 5)])
GOOD = Frame(np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8))


@pytest.fixture(scope="module")
def backend(spread_checkpoint: Path) -> Iterator[TorchBackend]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more only get in each other's way in a network as small as this
    yield TorchBackend(spread_checkpoint, "cpu")
    torch.set_num_threads(threads)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame as CameraInput would make it of what came."""
    pixels = np.full((*draw(SHAPES), 3), draw(st.sampled_from([0, 100, 255])), np.uint8)
    frame = Frame(pixels, stamp=draw(st.integers(-(2**61), 2**61) | st.integers(0, 100).map(lambda n: n * 33_000_000)))
    image: Image = draw(images(tuple(ENCODINGS)))
    frame = attempt(lambda: to_frame(image), ImageError)[0] or frame
    info: CameraInfo = draw(camera_infos(frame.pixels.shape[1], frame.pixels.shape[0]))
    depth: Image | PointCloud2 = draw(images(("16UC1", "32FC1")) | clouds())
    boxes = tuple(Box(x, y, x + width, y + height) for x, y, width, height in draw(BOXES))
    read = cloud_depth.to_depth if isinstance(depth, PointCloud2) else to_depth
    height, width = frame.pixels.shape[:2]
    return replace(
        frame,
        boxes=draw(st.sampled_from([None, boxes])),
        camera=attempt(lambda: to_camera(info, False, width, height), CameraInfoError)[0],
        depth=attempt(lambda: read(depth), ImageError)[0],
    )


@fuzz(
    "pipeline",
    share=0.3,
    given=st.lists(frames(), min_size=1, max_size=6),
    source=st.sampled_from(["auto", "detections", "full_image"]),
    confidence=st.sampled_from([0.0, 0.05, 0.6]),
    margin=st.sampled_from([1.0, 1.4, 3.0]),
    min_cutoff=st.sampled_from([0.0, 1.5]),
)
def test_any_frames_give_messages_and_a_good_one_afterwards_gives_people(
    backend: TorchBackend, given: list[Frame], source: str, confidence: float, margin: float, min_cutoff: float
) -> None:
    track = TrackSettings(min_confidence=confidence, margin=margin, patience=1.0, max_persons=2)
    pipeline = Pipeline(backend, PipelineSettings(track, box_source=source, min_cutoff=min_cutoff))
    for frame in given:
        result = pipeline(frame)
        height, width = frame.pixels.shape[:2]
        for person in (*result.people, *result.display):
            assert np.isfinite(person.joints).all()
            assert len(messages.skeleton(person, Header(), width, height).keypoints) == 17
        for action in result.actions:
            assert sum(messages.action_probs(action, Header()).probabilities) == pytest.approx(1, abs=1e-3)
    relaxed = replace(pipeline.settings, track=replace(track, min_confidence=0.0))
    pipeline.settings = replace(relaxed, box_source="full_image")
    good = replace(GOOD, stamp=max(frame.stamp for frame in given) + 10**10)
    assert pipeline(good).people
    assert pipeline(replace(good, stamp=good.stamp - 5)).restarted
