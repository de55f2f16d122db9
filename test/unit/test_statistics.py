"""Rates, latencies, drops and complaints."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deephar_ros.statistics import Complaints, Drops, Latencies, Rate, Standstill


def test_a_rate_is_right_from_the_second_event_on_and_falls_to_zero_in_silence() -> None:
    rate = Rate(window=2.0)
    assert rate.per_second(10.0) == 0.0
    rate.add(10.0)
    assert rate.per_second(10.0) == 0.0
    for i in range(1, 101):
        rate.add(10.0 + i / 30)
        assert rate.per_second(10.0 + i / 30) == pytest.approx(30.0, rel=0.02)
    last = 10.0 + 100 / 30
    assert rate.per_second(last + 1.0) == pytest.approx(15.0, rel=0.05)
    assert rate.per_second(last + 2.1) == 0.0


def test_a_rate_forgets_what_left_its_window() -> None:
    rate = Rate(window=1.0)
    for i in range(10_000):
        rate.add(i / 100)
    assert len(rate._events) <= 101


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_a_percentile_is_the_smallest_duration_that_so_many_stay_within(seconds: list[float]) -> None:
    latencies = Latencies(kept=1000)
    for value in seconds:
        latencies.add("crop", value)
    for part, found in zip((50, 99), latencies.percentiles()["crop"], strict=True):
        assert found in seconds
        assert 100 * sum(value <= found for value in seconds) >= part * len(seconds)
        assert 100 * sum(value < found for value in seconds) < part * len(seconds)


def test_latencies_keep_the_last_durations_of_each_stage_in_order() -> None:
    latencies = Latencies(kept=10)
    for i in range(100):
        latencies.add("network", float(i))
    latencies.add("publish", 0.5)
    found = latencies.percentiles()
    assert list(found) == ["network", "publish"]
    assert found["network"] == (94.0, 99.0)
    assert found["publish"] == (0.5, 0.5)


def test_drops_are_counted_by_cause_while_others_read() -> None:
    drops = Drops()

    def drop() -> None:
        for _ in range(1000):
            drops.add("bad image")
            drops.counts()

    threads = [threading.Thread(target=drop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drops.add("replaced", 3)
    assert drops.counts() == {"bad image": 4000, "replaced": 3}


def test_drops_stay_small_when_every_cause_differs() -> None:
    drops = Drops()
    for i in range(1000):
        drops.add(f"cause {i}")
    assert len(drops.counts()) <= 33
    assert sum(drops.counts().values()) == 1000


def test_a_complaint_is_new_once_per_period() -> None:
    complaints = Complaints(period=10.0)
    assert complaints.is_new("bad step", 0.0)
    assert not complaints.is_new("bad step", 9.9)
    assert complaints.is_new("bad size", 9.9)
    assert complaints.is_new("bad step", 10.0)


def test_complaints_that_all_differ_neither_flood_the_log_nor_the_memory() -> None:
    complaints = Complaints(period=10.0, most=20)
    assert sum(complaints.is_new(f"bad stamp {i}", i / 1000) for i in range(1000)) == 20
    assert len(complaints._said) == 20
    assert complaints.is_new("bad stamp 5000", 11.0)


def test_a_standstill_lasts_until_the_number_changes_in_either_direction() -> None:
    clock = Standstill()
    assert [clock.update(value, now) for value, now in [(5, 1.0), (5, 3.5), (6, 4.0), (6, 4.5), (2, 5.0)]] == [
        0.0, 2.5, 0.0, 0.5, 0.0,
    ]  # fmt: skip


def test_resident_memory_grows_with_what_is_used() -> None:
    code = """
import numpy as np
from deephar_ros.statistics import resident_megabytes
before = resident_megabytes()
block = np.ones(50_000_000, np.uint8)
print(resident_megabytes() - before)
"""  # in a process of its own: a large one has free memory that it uses first
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 40 < float(done.stdout) < 80
