"""The node from outside: how old skeletons are when they arrive, and how much of that the network does not explain.

A process shows one person at a steady rate, the node follows, a third process listens.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from deephar_ros.benchmark.timing import percentiles
from deephar_ros.cli.demo import Processes
from deephar_ros.soak import read_process

SIZES = {"vga": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
PATIENCE = 60.0
"""Seconds until the first skeletons must have come."""
SETTLED = 3.0
"""Seconds after them that are not counted."""


class Listening:
    """What the observer has printed so far."""

    def __init__(self, lines: IO[bytes]) -> None:
        self.ages: list[float] = []
        self.network: list[float] = []  # milliseconds, p50 of a second or so
        self._thread = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._thread.start()

    def _read(self, lines: IO[bytes]) -> None:
        for line in lines:
            said = json.loads(line)
            if "age" in said:
                self.ages.append(said["age"])
            elif "network" in said["stages"]:
                self.network.append(float(said["stages"]["network"].split(",")[0]))


def measure_node(
    checkpoint: Path, picture: str, rate: float, seconds: float, parameters: Sequence[str] = ()
) -> dict[str, Any]:
    """A row: ages of the skeletons, added latency, losses, CPU and memory of the node.

    Args:
        picture: one of SIZES.
        parameters: of the node, "name:=value".

    Raises:
        RuntimeError: no skeletons came; the processes have said why.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    width, height = SIZES[picture]
    processes = Processes()
    try:
        node = processes.start("perception_node", f"checkpoint:={checkpoint}", *parameters)
        observer = processes.start("benchmark_observer", stdout=subprocess.PIPE)
        assert observer.stdout is not None
        heard = Listening(observer.stdout)
        processes.start(
            "crowd_publisher", f"width:={width}", f"height:={height}", f"rate:={rate}", "fewest:=1", "most:=1"
        )
        _wait(heard, processes)
        time.sleep(SETTLED)
        before, network = len(heard.ages), len(heard.network)
        started, cpu = time.monotonic(), _cpu_seconds(node.pid)
        memory = read_process(node.pid)["private_mb"]
        time.sleep(seconds)
        ages = 1e3 * np.array(heard.ages[before:])
        passed = time.monotonic() - started
        used = (_cpu_seconds(node.pid) - cpu) / passed
        grown = read_process(node.pid)["private_mb"] - memory
    finally:
        processes.stop_all()
    if not len(ages) or not heard.network[network:]:
        raise RuntimeError("the node published nothing while it was measured; its lines above say why")
    least = float(np.median(heard.network[network:]))
    return {
        "picture": picture,
        "rate": rate,
        "sent": round(rate * passed),
        "received": len(ages),
        "age_ms": percentiles(ages),
        "network_ms": round(least, 3),
        "added_ms": percentiles(ages - least),
        "cpu": round(100 * used, 1),
        "megabytes": round(memory + grown, 1),
        "megabytes_grown": round(grown, 2),
        "parameters": list(parameters),
    }


def _wait(heard: Listening, processes: Processes) -> None:
    """Until skeletons and diagnostics have come."""
    end = time.monotonic() + PATIENCE
    while not heard.ages or not heard.network:
        if processes.ended() or time.monotonic() > end:
            raise RuntimeError("no skeletons came; what the processes said above tells why")
        time.sleep(0.1)


def _cpu_seconds(pid: int) -> float:
    """Of all threads of a process, since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
