"""Plays a clip through the real node on this machine and shows what comes out of its topics.

Three processes talk over ROS 2: video_publisher, perception_node and demo_observer. The observer prints rates and the
current action, and leaves an overlay video, a contact sheet and every message in the output folder.

Examples:
    scripts/demo                        the clip that comes with the package
    scripts/demo my_video.mp4
    scripts/demo /dev/video0            a camera, until Ctrl-C
    scripts/demo my_bag/                the first image topic of a ROS 2 bag
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import yaml

from deephar_ros.checkpoint import CONFIG
from deephar_ros.share import default_checkpoint, demo_clip
from deephar_ros.sources import SourceError, open_source

GRACE = 15.0
"""Seconds that a process has to end after SIGINT before it is killed."""
_PR_SET_PDEATHSIG = 1


class DemoError(RuntimeError):
    """The demo stopped before its end; the message says which process and why."""


class Processes:
    """Named child processes that never outlive this one."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *parameters: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Starts node `name` with parameters "key:=value"; `stdout` as for `subprocess.Popen`."""
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        command = [sys.executable, "-m", f"deephar_ros.node.{name}", "--ros-args", *arguments]
        # Own session: Ctrl-C reaches only this process, which then ends the others in order.
        process = subprocess.Popen(
            command, start_new_session=True, preexec_fn=partial(_die_with_parent, os.getpid()), stdout=stdout
        )
        self._running[name] = process
        return process

    def ended(self) -> dict[str, int]:
        """Exit status by name, of those that have ended."""
        statuses = {name: process.poll() for name, process in self._running.items()}
        return {name: status for name, status in statuses.items() if status is not None}

    def stop_all(self) -> None:
        """Asks all processes to end, and kills those that have not within GRACE seconds."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + GRACE
        for process in self._running.values():
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before this process asked to be told
            os._exit(1)


def run(source: str, checkpoint: Path, out: Path, seconds: float | None) -> None:
    """Runs the demo to the end of the source, to `seconds`, or to Ctrl-C; raises DemoError if a process fails."""
    processes = Processes()
    trained = yaml.safe_load((checkpoint / CONFIG).read_text()).get("action_trained")
    remark = [] if trained else ["action_remark:=untrained"]  # rcl cannot read an empty value
    try:
        processes.start("demo_observer", f"out:={out}", *remark)
        processes.start("perception_node", f"checkpoint:={checkpoint}")
        # Quoted as YAML does, or the camera "0" would arrive as a number.
        quoted = source.replace("'", "''")
        processes.start("video_publisher", f"source:='{quoted}'", "wait_for_subscribers:=2")
        _watch(processes, seconds)
        time.sleep(1.5)  # the last frames are still on their way
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        processes.stop_all()
    for name, status in processes.ended().items():
        if status != 0:
            raise DemoError(f"{name} ended with status {status}; its last lines above say why")


def _watch(processes: Processes, seconds: float | None) -> None:
    started = time.monotonic()
    while seconds is None or time.monotonic() - started < seconds:
        ended = processes.ended()
        if ended.get("video_publisher") == 0 and len(ended) == 1:
            return
        if ended:
            name, status = next(iter(ended.items()))
            raise DemoError(f"{name} ended with status {status}; its last lines above say why")
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default=str(demo_clip()), help="video, folder, bag, camera")
    parser.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="checkpoint folder")
    parser.add_argument("--out", type=Path, default=Path("out"), help="output folder (default: out)")
    parser.add_argument("--seconds", type=float, help="stop after this time")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        open_source(args.source)
        run(args.source, args.checkpoint, args.out, args.seconds)
    except (DemoError, SourceError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"look at {args.out / 'overlay.mp4'} and {args.out / 'contact_sheet.png'}")
    print(f"every message: {args.out / 'messages.jsonl'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
