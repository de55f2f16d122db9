"""The demo: three processes, files to look at, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import pytest
from conftest import wait

COMMAND = [sys.executable, "-m", "deephar_ros.cli.demo"]


def children(pid: int) -> set[int]:
    """Process numbers of the nodes that a demo process started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(number) for number in text.split()}


def test_the_clip_that_comes_with_the_package(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"images +\d+\.\d/s  processed +\d+\.\d/s  persons", done.stdout)

    lines = [json.loads(line) for line in (tmp_path / "messages.jsonl").read_text().splitlines()]
    topics = [line["topic"] for line in lines]
    assert {"skeleton", "skeletons", "action_probs"} == set(topics)
    skeletons = [line["message"] for line in lines if line["topic"] == "skeleton"]
    assert {s["header"]["frame_id"] for s in skeletons} == {"camera_optical_frame"}
    assert all(len(s["keypoints"]) == 17 for s in skeletons)

    with av.open(str(tmp_path / "overlay.mp4")) as video:
        pictures = sum(1 for _ in video.decode(video=0))
    assert 0.8 * topics.count("skeletons") <= pictures <= topics.count("skeletons")  # a busy machine loses images
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 320


def test_ctrl_c_ends_every_process_and_keeps_the_files(tmp_path: Path) -> None:
    demo = subprocess.Popen([*COMMAND, "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert wait(lambda: (tmp_path / "messages.jsonl").exists() and (tmp_path / "messages.jsonl").stat().st_size, 60)
    nodes = children(demo.pid)
    assert len(nodes) == 3
    demo.send_signal(signal.SIGINT)
    assert demo.wait(20) == 0
    assert wait(lambda: not any(Path(f"/proc/{node}").exists() for node in nodes), 5)
    with av.open(str(tmp_path / "overlay.mp4")) as video:  # closed properly, so it plays
        assert next(video.decode(video=0)).width == 640


def test_a_process_that_dies_ends_the_demo_with_its_error(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [*COMMAND, "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert wait(lambda: len(children(demo.pid)) == 3, 60)
    nodes = children(demo.pid)
    victim = next(n for n in nodes if "perception_node" in Path(f"/proc/{n}/cmdline").read_text())
    os.kill(victim, signal.SIGKILL)
    output, _ = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "perception_node ended with status -9" in output
    assert wait(lambda: not any(Path(f"/proc/{node}").exists() for node in nodes), 5)


def test_killing_the_demo_kills_its_processes(tmp_path: Path) -> None:
    demo = subprocess.Popen([*COMMAND, "--out", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait(lambda: len(children(demo.pid)) == 3, 60)
    nodes = children(demo.pid)
    demo.kill()
    demo.wait()
    assert wait(lambda: not any(Path(f"/proc/{node}").exists() for node in nodes), 5)


@pytest.mark.parametrize("source", ["/nowhere.mp4", "/dev/video99"])
def test_a_source_that_cannot_be_played_is_named(source: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, source, "--out", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert source in done.stderr
    assert "Traceback" not in done.stderr
