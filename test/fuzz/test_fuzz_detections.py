"""Boxes of a detector, from the message to the crop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fuzzing import attempt, fuzz
from hostile import NUMBERS, mostly
from hypothesis import strategies as st

from deephar_ros.geometry import LARGEST_WINDOW, Box, Window
from deephar_ros.node.detections import FAR, MOST, detection_type, to_boxes
from deephar_ros.search import LONGEST, search_windows
from deephar_ros.track import Tracker, TrackSettings, box_window

BOXES = st.tuples(
    mostly(30.0, NUMBERS),
    mostly(20.0, NUMBERS),
    mostly(12.0, NUMBERS),
    mostly(25.0, NUMBERS),
    mostly(0.9, NUMBERS),
    st.sampled_from(["person", "0", "PERSON", "dog", "", "\n"]),
)


@pytest.fixture(scope="module")
def array(interfaces: dict[str, str]) -> Any:
    """Makes a Detection2DArray of tuples: centre x and y, width, height, score, class; no score: no hypothesis."""
    from vision_msgs.msg import Detection2D, ObjectHypothesisWithPose

    def make(boxes: list[tuple[float, float, float, float, float | None, str]]) -> Any:
        msg = detection_type()()
        for x, y, width, height, score, name in boxes:
            detection = Detection2D()
            detection.bbox.center.position.x, detection.bbox.center.position.y = x, y
            detection.bbox.size_x, detection.bbox.size_y = width, height
            if score is not None:
                result = ObjectHypothesisWithPose()
                result.hypothesis.class_id, result.hypothesis.score = name, score
                detection.results = [result]
            msg.detections.append(detection)
        return msg

    return make


@fuzz("detections", boxes=st.lists(BOXES, max_size=8), image=st.tuples(st.integers(1, 200), st.integers(1, 200)))
def test_detections_give_boxes_that_can_be_looked_at_or_an_error(
    array: Any, boxes: list[tuple[float, float, float, float, float, str]], image: tuple[int, int]
) -> None:
    found, refusal = attempt(lambda: to_boxes(array(boxes)), ValueError)
    if found is None:
        assert "is no box in an image" in refusal
        return
    assert all(np.isfinite(box).all() and box.width > 0 and box.height > 0 for box in found)
    assert [box.score for box in found] == sorted((box.score for box in found), reverse=True)
    tracker = Tracker(TrackSettings(min_confidence=0.0, margin=1.4, patience=1.0, max_persons=4))
    looks = tracker.looks(*image, 0, found)
    assert len(looks) == min(len(found), 4)
    pixels = np.full((image[1], image[0], 3), 200, np.uint8)
    for look in looks:
        assert look.window.cut(pixels, 32).shape == (32, 32, 3)


def test_of_thousands_of_detections_the_first_ones_are_read(array: Any) -> None:
    many = [(30.0 + i % 50, 20.0, 10.0, 20.0, 0.5, "person") for i in range(20_000)]
    assert len(to_boxes(array(many))) == MOST


def test_a_detector_without_classes_is_believed_and_far_boxes_are_not(array: Any) -> None:
    assert to_boxes(array([(5.0, 5.0, 2.0, 4.0, None, "")])) == (Box(4.0, 3.0, 6.0, 7.0, 1.0),)
    for width in (1e300, 5e-324, float("nan")):  # 5e-324 vanishes beside 5.0
        with pytest.raises(ValueError, match=r"x 4.0, score 1.0, is no box in an image"):
            to_boxes(array([(5.0, 5.0, width, 4.0, 1.0, "person")]))


CORNERS = st.one_of(st.integers(-FAR, FAR), st.integers(-100, 100))


@fuzz(
    "window",
    left=CORNERS,
    top=CORNERS,
    side=st.one_of(st.integers(8, 200), st.integers(8, LARGEST_WINDOW)),
    shape=st.sampled_from([(1, 1), (48, 64), (1, 50_000), (20_000, 2), (300, 5000)]),
    channels=st.sampled_from([1, 2, 3, 4]),
)
def test_any_window_of_any_picture_is_cut(
    left: int, top: int, side: int, shape: tuple[int, int], channels: int
) -> None:
    picture = np.full((*shape, channels), 200, np.uint8)
    crop = Window(left, top, side).cut(picture, 32)
    assert crop.shape == (32, 32, channels)
    height, width = shape
    meets = left < width and top < height and left + side > 0 and top + side > 0
    assert crop.any() <= meets


def test_a_huge_window_shows_the_picture_where_it_is() -> None:
    picture = np.full((3000, 4000, 3), 255, np.uint8)
    small, large = Window(-96, -1096, 4096), Window(-97, -1097, 4098)  # filled up, then shrunk; and the other way
    difference = np.abs(small.cut(picture, 64).astype(int) - large.cut(picture, 64))
    assert (difference > 8).mean() < 0.05
    assert box_window(Box(-1e6, -1e6, 1e6, 1e6)).size == LARGEST_WINDOW


def test_a_window_does_not_grow_without_end_where_every_pose_fills_it() -> None:
    tracker = Tracker(TrackSettings(min_confidence=0.5, margin=3.0, patience=1.0))
    corners = np.array([[0, 0], [1, 1]], np.float32)
    for stamp in range(1000):
        looks = tracker.looks(640, 480, stamp)
        tracker.update(looks, [look.window.to_image(corners) for look in looks], np.ones((len(looks), 2)), stamp)
    assert looks[0].track is not None
    assert looks[0].window.size == LARGEST_WINDOW
    assert looks[0].window.cut(np.full((480, 640, 3), 200, np.uint8), 64).shape == (64, 64, 3)


def test_a_picture_that_is_one_line_is_searched_in_few_windows() -> None:
    assert len(search_windows(1 << 26, 1)) <= 2 * LONGEST
    assert search_windows(1, 1 << 26)[0].size == LARGEST_WINDOW
