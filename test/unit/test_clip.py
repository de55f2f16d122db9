"""Clips are chosen by time stamp."""

from __future__ import annotations

import numpy as np
import pytest

from deephar_ros.clip import ClipBuffer

MS = 1_000_000


def filled(stamps_ms: list[int], frames: int = 4, spacing: float = 0.1) -> ClipBuffer:
    buffer = ClipBuffer(frames, spacing)
    for stamp in stamps_ms:
        buffer.push(stamp * MS, np.array([float(stamp)]))
    return buffer


@pytest.mark.parametrize("period", [10, 25, 33, 50, 100])
def test_any_camera_rate_gives_the_same_instants(period: int) -> None:
    clip = filled(list(range(0, 1001, period))).clip()
    assert clip is not None
    newest = 1000 // period * period
    np.testing.assert_allclose(clip.features[:, 0], newest - np.array([300, 200, 100, 0]), atol=period / 2)
    assert clip.start == int(clip.features[0, 0]) * MS


def test_no_clip_before_enough_time_has_passed() -> None:
    assert filled([]).clip() is None
    assert filled(list(range(0, 241, 20))).clip() is None
    assert filled(list(range(0, 261, 20))).clip() is not None


def test_a_gap_is_not_papered_over() -> None:
    assert filled([*range(0, 301, 20), *range(480, 681, 20)]).clip() is None  # nothing within 50 ms of 380
    assert filled([*range(0, 301, 20), *range(480, 781, 20)]).clip() is not None


def test_time_going_backwards_starts_afresh() -> None:
    buffer = filled(list(range(0, 501, 20)))
    buffer.push(100 * MS, np.zeros(1))
    assert len(buffer) == 1
    assert buffer.clip() is None


def test_memory_is_bounded() -> None:
    assert len(filled(list(range(0, 10_000)))) <= 352
