"""Runs of `infer` that are stopped, killed and gone on with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from infer_runs import RATE, bag, frame_times, infer, read_bag, records, video
from test_infer_bag import FRAMES, recording

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.infer import parts
from deephar_ros.infer.job import Job
from deephar_ros.infer.output import Output
from deephar_ros.infer.run import Outcome, Run
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings, node_settings
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.sources import Reading, open_source

LENGTH, CUT, LONG = 60, 45, 1500
EVERY = 4
"""Of the frames of the demo clip, which has 30 a second, every so many."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("clips") / "clip.mp4", LENGTH)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So long that a signal comes before its end."""
    return video(tmp_path_factory.mktemp("clips") / "long.mp4", LONG)


def whole_image() -> PipelineSettings:
    settings = node_settings()
    return replace(settings, track=replace(settings.track, min_confidence=0.0), box_source="full_image")


def go(
    job: Job,
    out: Path,
    stop_after: int = 0,
    settings: PipelineSettings | None = None,
    then: Callable[[], object] = bool,
) -> Outcome:
    """A run that is asked to stop after so many frames, those that are looked at again counted; 0: never."""
    count = 0

    def stopped() -> bool:
        nonlocal count
        count += 1
        if count == stop_after:
            then()
        return stop_after > 0 and count >= stop_after

    pipeline = Pipeline(TorchBackend(job.checkpoint, "cpu"), settings or whole_image())
    return Run(job, pipeline, Output(out), print)(stopped)


def lines(out: Path) -> list[str]:
    return (out / "records.jsonl").read_text().splitlines()


def test_a_run_that_goes_on_writes_what_an_uninterrupted_one_does(
    clip: Path, spread_checkpoint: Path, tmp_path: Path
) -> None:
    job = Job(str(clip), Reading(), spread_checkpoint, summary=False)
    one, two = tmp_path / "one", tmp_path / "two"
    assert go(job, one) == Outcome(LENGTH, True)
    assert go(job, two, CUT) == Outcome(CUT, False)
    assert lines(two) == lines(one)[: CUT + 1]
    assert len(frame_times(two / "overlay.mp4")) == len(read_bag(two / "bag")["/skeletons"]) == CUT
    again = replace(job, resume=True)
    assert go(again, two, 40) == Outcome(CUT + 13, False)  # 1.35 s, 27 frames, are looked at again
    assert go(again, two) == Outcome(LENGTH, True)
    assert [record.number for record in records(two)] == list(range(LENGTH))
    for now, then in zip(records(two), records(one), strict=True):
        assert [person.id for person in now.people] == [person.id for person in then.people] == ["1"]
        np.testing.assert_allclose(now.people[0].joints, then.people[0].joints, atol=1e-3)
        for action, other in zip(now.actions, then.actions, strict=True):
            np.testing.assert_allclose(action.probabilities, other.probabilities, atol=1e-3)
    np.testing.assert_allclose(frame_times(two / "overlay.mp4"), np.arange(LENGTH) / RATE, atol=2e-3)
    for topic, messages in read_bag(one / "bag").items():
        assert [m[0] for m in read_bag(two / "bag")[topic]] == [m[0] for m in messages]
    assert sorted(file.name for file in two.iterdir()) == ["bag", "overlay.mp4", "records.jsonl"]


def test_people_are_found_again_and_keep_their_ids(tmp_path: Path) -> None:
    """The shipped model on the demo clip, people searched for as always."""
    job = Job(str(demo_clip()), Reading(every=EVERY), default_checkpoint(), video=False, bag=False, summary=False)
    one, two = tmp_path / "one", tmp_path / "two"
    total = len(list(open_source(str(demo_clip()), Reading(every=EVERY)).frames))
    go(job, one, settings=node_settings())
    go(job, two, total * 2 // 3, settings=node_settings())
    go(replace(job, resume=True), two, settings=node_settings())
    followed = 0
    for now, then in zip(records(two), records(one), strict=True):
        others = {person.id: person for person in then.people}
        for person in now.people:
            if person.id in others:
                np.testing.assert_allclose(person.joints, others[person.id].joints, atol=0.05)
                followed += now.number > EVERY * total * 2 // 3
    assert followed > 10


def test_ids_of_an_earlier_run_are_not_given_to_others(spread_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, frame in enumerate(open_source(str(video(tmp_path / "v.mp4", 5))).frames):
        cv2.imwrite(str(tmp_path / "photos" / f"{number}.png"), frame.pixels)
    job = Job(str(tmp_path / "photos"), Reading(), spread_checkpoint, stills=True, video=False, summary=False)
    go(job, tmp_path / "out", 3)
    go(replace(job, resume=True), tmp_path / "out")
    assert [person.id for record in records(tmp_path / "out") for person in record.people] == ["1", "2", "3", "4", "5"]


def test_a_killed_run_loses_the_last_part_only(
    clip: Path, spread_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_FRAMES", 10)
    job = Job(str(clip), Reading(), spread_checkpoint, summary=False)
    out, killed = tmp_path / "out", tmp_path / "killed"
    go(job, out, 25, then=lambda: shutil.copytree(out, killed))  # the disk as a kill would leave it
    assert go(replace(job, resume=True), killed, 30) == Outcome(30, False)  # 20 were whole, and are looked at again
    assert go(replace(job, resume=True), killed) == Outcome(LENGTH, True)
    assert [record.number for record in records(killed)] == list(range(LENGTH))
    np.testing.assert_allclose(frame_times(killed / "overlay.mp4"), np.arange(LENGTH) / RATE, atol=2e-3)
    assert len(read_bag(killed / "bag")["/skeletons"]) == LENGTH


def test_a_bag_is_copied_as_far_as_the_run_came_and_then_wholly(spread_checkpoint: Path, tmp_path: Path) -> None:
    source = bag(tmp_path / "in", recording())
    job = Job(str(source), Reading(), spread_checkpoint, video=False, summary=False)
    go(job, tmp_path / "out", 3)
    found = read_bag(tmp_path / "out" / "bag")
    assert [len(found[topic]) for topic in ("/front/image_raw", "/chatter", "/skeletons")] == [3, 2, 3]
    go(replace(job, resume=True), tmp_path / "out")
    found, before = read_bag(tmp_path / "out" / "bag"), read_bag(source)
    assert {topic: [m[2] for m in found[topic]] for topic in before} == {
        topic: [m[2] for m in messages] for topic, messages in before.items()
    }
    assert len(found["/skeletons"]) == FRAMES


def test_another_model_or_setting_is_not_mixed_in(
    clip: Path, spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(str(clip), Reading(), spread_checkpoint, summary=False)
    go(job, tmp_path / "out", 5)
    before = lines(tmp_path / "out")
    assert infer(clip, tmp_path / "out", spread_checkpoint, "--resume", "--cut", "1") == 1
    assert "the earlier run had cut = 0, now it is 1; --force begins anew" in capsys.readouterr().err
    assert lines(tmp_path / "out") == before
    assert infer(clip, tmp_path / "out", spread_checkpoint, "--resume") == 0
    assert infer(clip, tmp_path / "out", spread_checkpoint, "--resume") == 0
    assert "is finished; --force begins anew" in capsys.readouterr().out
    assert infer(clip, tmp_path / "out", spread_checkpoint, "--force", "--every", "20") == 0
    assert len(records(tmp_path / "out")) == LENGTH // 20


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_whole_files(
    ending: signal.Signals, long_clip: Path, spread_checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "deephar_ros.cli.infer", str(long_clip), "--out", str(out), "--no-summary"]
    options = [
        "--checkpoint",
        str(spread_checkpoint),
        "--box-source",
        "full_image",
        "--min-confidence",
        "0",
        "--backend",
        "torch",
    ]
    process = subprocess.Popen(
        [*command, *options], env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not (out / "parts" / "0001.open" / "overlay.mp4").exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(ending)
    assert process.wait(60) == 130
    assert process.stdout is not None
    assert "stopped before the end: --resume goes on" in process.stdout.read()
    count = len(records(out))
    assert 0 < count < LONG
    assert len(frame_times(out / "overlay.mp4")) == len(read_bag(out / "bag")["/skeletons"]) == count
