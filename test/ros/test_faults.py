"""What the real node does when something around it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import wait
from deephar_ros.msg import Skeleton3D, Skeleton3DArray
from diagnostic_msgs.msg import DiagnosticArray
from node_testing import NODE, connect, deliver, picture, status, values
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from deephar_ros.finding import Level
from deephar_ros.node.images import to_image
from deephar_ros.node.stamps import to_nanoseconds, to_stamp
from deephar_ros.node.symptoms import pipeline_symptoms

if TYPE_CHECKING:
    from conftest import Peer, Process

CAMERA = "deephar_ros.node.crowd_publisher"
LISTENER = str(Path(__file__).with_name("reliable_listener.py"))
SECOND = 1_000_000_000


def shared_memory(pid: int) -> set[Path]:
    """Files in /dev/shm that a process maps."""
    paths = (line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return {Path(path) for path in paths if path.startswith("/dev/shm/")}


@pytest.fixture
def kill() -> Iterator[Callable[[Process], None]]:
    """Kills a process; what it leaves in /dev/shm is removed at the end. To be asked for before `start`."""
    left: set[Path] = set()

    def kill_one(process: Process) -> None:
        left.update(shared_memory(process.popen.pid))
        process.popen.kill()
        process.popen.wait()

    yield kill_one
    in_use: set[Path] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            in_use |= shared_memory(int(process.name))
        except OSError:
            continue
    for file in left - in_use:
        file.unlink(missing_ok=True)


@pytest.fixture
def node(start: Callable[..., Process], spread_checkpoint: Path) -> Callable[..., Process]:
    """Starts a node that takes everything for a person, and waits until it listens."""

    def start_one(*parameters: str, **options: Any) -> Process:
        common = (f"checkpoint:={spread_checkpoint}", "min_confidence:=0.0", "max_persons:=1", "backend:=torch")
        process = start(NODE, *common, "box_source:=full_image", "status_period:=0.5", *parameters, **options)
        process.wait_for("waiting for images")
        return process

    return start_one


def test_a_camera_that_is_killed_is_missed_and_used_again_when_it_is_back(
    kill: Callable[[Process], None], start: Callable[..., Process], node: Callable[..., Process], peer: Peer
) -> None:
    node()
    arrays, diagnostics = peer.listen(Skeleton3DArray, "skeletons"), peer.listen(DiagnosticArray, "/diagnostics")
    small = ("width:=320", "height:=240", "rate:=15.0")
    camera = start(CAMERA, *small)
    assert peer.spin_until(lambda: len(arrays) > 5)
    kill(camera)
    assert peer.spin_until(lambda: "images stopped" in status(diagnostics, "input").message)
    before = len(arrays)
    start(CAMERA, *small)
    assert peer.spin_until(lambda: len(arrays) > before + 5)
    assert peer.spin_until(lambda: "images stopped" not in status(diagnostics, "input").message)


def test_resolution_and_encoding_change_in_mid_stream(node: Callable[..., Process], peer: Peer) -> None:
    process = node()
    arrays, images = peer.listen(Skeleton3DArray, "skeletons"), connect(peer)
    rng = np.random.default_rng(1)
    sizes = [(120, 160), (480, 640), (48, 64), (1080, 1920), (90, 160)]
    for number, (height, width) in enumerate(sizes, start=1):
        for step, (encoding, channels) in enumerate((("rgb8", 3), ("mono8", 1), ("bgra8", 4))):
            image = Image(height=height, width=width, encoding=encoding, step=width * channels)
            image.data.frombytes(rng.integers(0, 255, height * width * channels, np.uint8).tobytes())
            image.header.stamp = to_stamp(2 * number * SECOND + step * 100_000_000)
            deliver(peer, images, image, lambda: arrays and arrays[-1].header == image.header)  # noqa: B023
            people = [s for s in arrays[-1].skeletons if s.state != Skeleton3D.LOST]
            assert len(people) == 1 or step == 0, (encoding, height)  # who seems to collapse is lost, then found again
            for person in people:
                assert 0 < person.roi.width <= width - person.roi.x_offset
                assert 0 < person.roi.height <= height - person.roi.y_offset
    assert "bad image" not in process.output


def test_in_a_burst_the_newest_image_wins_the_others_are_counted_and_no_result_is_old(
    node: Callable[..., Process], peer: Peer
) -> None:
    """Ten times as many images as the node can take."""
    node()
    diagnostics, images = peer.listen(DiagnosticArray, "/diagnostics"), connect(peer)
    ages: list[float] = []
    stamps: list[int] = []

    def on_skeletons(msg: Skeleton3DArray) -> None:
        stamps.append(to_nanoseconds(msg.header.stamp))
        ages.append((time.time_ns() - stamps[-1]) / SECOND)

    peer.node.create_subscription(Skeleton3DArray, "skeletons", on_skeletons, 100)
    assert peer.spin_until(lambda: peer.node.count_publishers("skeletons"))
    image = to_image(np.random.default_rng(2).integers(0, 255, (480, 640, 3), np.uint8))
    sent, end = 0, time.monotonic() + 3.0
    while time.monotonic() < end:
        image.header.stamp = peer.node.get_clock().now().to_msg()
        images.publish(image)
        sent += 1
        peer.spin_until(lambda: False, 0.003)
    peer.spin_until(lambda: False, 1.0)
    assert 5 < len(stamps) < sent
    assert stamps == sorted(stamps)
    assert to_nanoseconds(image.header.stamp) - stamps[-1] < SECOND // 2
    assert np.quantile(ages, 0.9) < 0.5, ages
    assert max(ages) < 2.0, ages

    def replaced() -> int:
        return int(values(status(diagnostics, "input"))["dropped: replaced by a newer one"])

    assert peer.spin_until(lambda: replaced() > 0)
    assert len(stamps) + replaced() <= sent  # the middleware replaces some, too, before the node sees them


def test_a_reliable_subscriber_that_stalls_or_dies_does_not_hold_up_the_node(
    kill: Callable[[Process], None], start: Callable[..., Process], node: Callable[..., Process], peer: Peer
) -> None:
    node("overlay_rate:=1000.0")
    arrays, images = peer.listen(Skeleton3DArray, "skeletons"), connect(peer)
    listener = start(LISTENER)
    number, image = 0, to_image(np.zeros((480, 640, 3), np.uint8))

    def one() -> float:
        """Seconds until the next image is answered."""
        nonlocal number
        number += 1
        image.header.stamp = to_stamp(number * 50_000_000)
        started = time.monotonic()
        deliver(peer, images, image, lambda: arrays and arrays[-1].header == image.header)
        return time.monotonic() - started

    def overlay_comes() -> bool:
        one()
        return "overlay" in listener.output

    assert wait(overlay_comes)
    before = [one() for _ in range(30)]
    listener.popen.send_signal(signal.SIGSTOP)
    stalled = [one() for _ in range(120)]  # 110 MB of overlay: more than the shared memory holds
    assert np.median(stalled) < 3 * np.median(before) + 0.1
    assert max(stalled) < 3.0
    listener.popen.send_signal(signal.SIGCONT)
    heard = listener.output.count("skeletons")
    one()
    assert wait(lambda: listener.output.count("skeletons") > heard)
    kill(listener)
    assert np.median([one() for _ in range(30)]) < 3 * np.median(before) + 0.1


def test_simulated_time_that_jumps_back_and_forward_only_starts_people_afresh(
    node: Callable[..., Process], peer: Peer
) -> None:
    process = node("use_sim_time:=true", "patience:=1.0")
    arrays, diagnostics = peer.listen(Skeleton3DArray, "skeletons"), peer.listen(DiagnosticArray, "/diagnostics")
    images, clock = connect(peer), connect(peer, "/clock", Clock)

    def play(first: int) -> set[str]:
        """Three frames from `first` (s) on, with their clock; the ids of the people there."""
        for number in range(3):
            stamp = to_stamp(first * SECOND + number * 100_000_000)
            clock.publish(Clock(clock=stamp))
            deliver(peer, images, picture(stamp), lambda: arrays and arrays[-1].header.stamp == stamp)  # noqa: B023
        return {s.id for s in arrays[-1].skeletons if s.state != Skeleton3D.LOST}

    assert [play(second) for second in (100_000, 100_001, 50, 51, 100_000, 0)] == [
        *({"1"}, {"1"}),
        *({"2"}, {"2"}),  # back: a simulator was reset
        *({"2"}, {"3"}),  # forward, as if no image had come for a day, and back to the beginning
    ]
    assert process.output.count("time went backwards on /image") >= 1
    count = len(diagnostics)
    assert peer.spin_until(lambda: len(diagnostics) > count + 1)  # reports do not wait for the clock


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["loading", "idle", "busy"])
def test_signals_end_the_node_in_two_seconds_without_a_trace(
    when: str, ending: signal.Signals, start: Callable[..., Process]
) -> None:
    process = start(NODE, "max_persons:=8", "min_confidence:=0.3", "backend:=torch")
    if when == "loading":
        assert wait(lambda: "libtorch_cpu" in Path(f"/proc/{process.popen.pid}/maps").read_text(), 60)
    else:
        process.wait_for("waiting for images")
    if when == "busy":
        start(CAMERA, "fewest:=8", "rate:=30.0")
        wait(lambda: False, 3.0)
    started = time.monotonic()
    process.popen.send_signal(ending)
    code = process.popen.wait(20)
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)  # how many processes share each core
    assert time.monotonic() - started < 2.0 * max(1.0, waiting)
    assert code == 0
    assert "Traceback" not in process.output


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_node_that_is_killed_leaves_no_file_but_its_log_and_starts_again(
    kill: Callable[[Process], None], node: Callable[..., Process], peer: Peer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    arrays, images = peer.listen(Skeleton3DArray, "skeletons"), connect_later(peer)
    for second in (1, 2):
        process = node(environment=places)
        image = picture(to_stamp(second * SECOND))
        deliver(peer, images, image, lambda: arrays and arrays[-1].header == image.header)  # noqa: B023
        kill(process)
        assert [file for file in files_in(home) if not file.startswith(".ros/log/")] == []


def connect_later(peer: Peer) -> Any:
    """A publisher of images whose subscriber may come later."""
    return peer.publisher(Image, "image", 1)


def full_disk(folder: Path) -> list[str]:
    """Start of a command line whose process sees an empty, full disk at `folder`."""
    script = f"mount -t tmpfs -o size=64k tmpfs {folder} && (head -c 1M /dev/zero > {folder}/full; true) && exec "
    return ["unshare", "-rm", "sh", "-c", script + '"$@"', "sh"]


def test_a_full_disk_does_not_matter_to_the_node(spread_checkpoint: Path, peer: Peer, tmp_path: Path) -> None:
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    if subprocess.run([*full_disk(disk), "true"], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be made here: unshare and mount are not allowed")
    arrays, images = peer.listen(Skeleton3DArray, "skeletons"), connect_later(peer)
    parameters = ("min_confidence:=0.0", "box_source:=full_image", f"checkpoint:={spread_checkpoint}")
    with log.open("w") as out:
        process = subprocess.Popen(
            [*full_disk(disk), sys.executable, "-m", NODE, "--ros-args", *(x for p in parameters for x in ("-p", p))],
            env=os.environ | dict.fromkeys(("HOME", "TMPDIR", "ROS_LOG_DIR", "XDG_CACHE_HOME"), str(disk)),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        assert wait(lambda: "waiting for images" in log.read_text() or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        image = picture(to_stamp(SECOND))
        deliver(peer, images, image, lambda: arrays and arrays[-1].header == image.header)
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in log.read_text()


def test_the_demo_says_that_the_disk_is_full_and_ends(
    start: Callable[..., Process], peer: Peer, tmp_path: Path
) -> None:
    (tmp_path / "messages.jsonl").symlink_to("/dev/full")
    observer = start("deephar_ros.node.demo_observer", f"out:={tmp_path}")
    publisher = peer.publisher(Skeleton3DArray, "skeletons")
    message = Skeleton3DArray(skeletons=[Skeleton3D(layout="h36m17", id="x" * 1000)] * 10)

    def ended() -> bool:
        publisher.publish(message)
        return observer.popen.poll() is not None

    assert peer.spin_until(ended)
    assert observer.popen.returncode == 1
    assert "No space left on device; make room, or choose another folder" in observer.output
    assert "Traceback" not in observer.output


def test_what_nobody_foresaw_when_configuring_is_told(start: Callable[..., Process], tmp_path: Path) -> None:
    (tmp_path / "safetensors.py").write_text("raise RuntimeError('broken on purpose')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = start(NODE, environment={"PYTHONPATH": path})
    assert process.popen.wait(60) == 1
    assert "on_configure failed:" in process.output
    assert "perception_node: RuntimeError: broken on purpose" in process.output


def test_failures_behind_the_inputs_are_symptoms() -> None:
    (failing,) = pipeline_symptoms(2.0, "DeviceError: cuda:0 fails (CUDA error: unknown error)", "cuda:0 fails")
    assert failing.level is Level.ERROR
    assert "2.0 times per second" in failing.sentence
    assert "CUDA error: unknown error" in failing.sentence
    (small,) = pipeline_symptoms(0.0, "of long ago", "cuda:0 was out of memory: 2 people go through at a time")
    assert small.level is Level.WARN
    assert "cuda:0 was out of memory" in small.sentence
    assert pipeline_symptoms(0.0, "of long ago", "") == []
