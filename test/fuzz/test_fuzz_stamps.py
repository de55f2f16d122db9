"""Time that stands still, jumps, or runs backwards."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from fuzzing import fuzz
from hostile import STAMPS
from hypothesis import strategies as st

from deephar_ros.clip import FINEST, ClipBuffer
from deephar_ros.geometry import Box
from deephar_ros.node.matching import ExactMatcher, Recent
from deephar_ros.node.monitor import InputMonitor
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.smooth import OneEuro
from deephar_ros.track import Tracker, TrackSettings

TIMES = st.lists(STAMPS.map(to_nanoseconds), min_size=1, max_size=30)
STEPS = st.lists(st.one_of(st.integers(1, 10), st.integers(1, 10**8)), min_size=1, max_size=300)
SPACING = 0.1


@fuzz("stamps", times=TIMES)
def test_a_clip_has_frames_of_its_time_or_there_is_none(times: list[int]) -> None:
    buffer = ClipBuffer(4, SPACING)
    for stamp in times:
        buffer.push(stamp, np.zeros(3, np.float32))
        clip = buffer.clip()
        assert clip is None or (len(clip.features) == 4 and abs(stamp - 3 * buffer.spacing - clip.start) <= 10**8)


@fuzz("stamps", steps=STEPS, frames=st.integers(1, 16))
def test_the_memory_of_a_clip_is_bounded_whatever_the_stamps(steps: list[int], frames: int) -> None:
    buffer, stamp = ClipBuffer(frames, SPACING), 0
    for step in steps:
        stamp += step
        buffer.push(stamp, np.array([stamp], np.float64))
        assert len(buffer) <= 2 * FINEST * frames + 2
        clip = buffer.clip()
        assert clip is None or clip.features[-1] == stamp  # the newest frame is always there


@fuzz("stamps", times=TIMES, values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_smoothing_stays_between_what_came(times: list[int], values: list[float]) -> None:
    smooth = OneEuro(1.0, 1.0)
    for stamp, value in zip(times, values, strict=False):
        out = smooth(np.array([value]), stamp)
        assert min(values) - 1e-6 <= out[0] <= max(values) + 1e-6


@fuzz("stamps", times=TIMES, moves=st.lists(st.floats(-500, 500), min_size=30, max_size=30))
def test_people_are_followed_through_any_time(times: list[int], moves: list[float]) -> None:
    tracker = Tracker(TrackSettings(min_confidence=0.5, margin=1.4, patience=1.0, max_persons=3))
    pose = np.array([[0.2, 0.2], [0.8, 0.8], [0.5, 0.5]], np.float32)
    for stamp, move in zip(times, moves, strict=False):
        looks = tracker.looks(640, 480, stamp, [Box(100 + move, 100, 200 + move, 300)])
        joints = [look.window.to_image(pose) for look in looks]
        update = tracker.update(looks, joints, np.full((len(looks), 3), 0.4 + 0.5 * (move > -250)), stamp)
        assert len(looks) <= 3
        assert all(np.isfinite(sighting.box).all() for sighting in update.seen)


@fuzz("stamps", first=TIMES, second=TIMES, tolerance=st.floats(0, 1))
def test_what_is_joined_by_stamps_belongs_together(first: list[int], second: list[int], tolerance: float) -> None:
    matcher: ExactMatcher[int, int] = ExactMatcher()
    recent: Recent[int] = Recent()
    for a, b in zip(first, second, strict=False):
        assert matcher.first(a, a) in (None, a)
        assert matcher.second(b, b) in (None, b)
        recent.put(b, b)
        nearest = recent.nearest(a, tolerance)
        assert nearest is None or abs(nearest - a) <= tolerance * 1e9


@fuzz("stamps", stamps=st.lists(STAMPS, min_size=1, max_size=10), clock=st.integers(0, 2**63 - 1))
def test_the_watch_over_the_input_takes_any_stamp(stamps: list[Time], clock: int) -> None:
    monitor = InputMonitor("image")
    for stamp in stamps:
        monitor.on_image(to_nanoseconds(stamp), clock)
