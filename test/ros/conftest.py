"""Real nodes in processes of their own, and a node of the test's that talks to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import interfaces_fixture
import pytest
import rclpy
from rclpy.node import Node


@pytest.fixture(scope="session", autouse=True)
def domain() -> int:
    """A domain for this test run alone, on this machine alone."""
    number = 1 + os.getpid() % 100
    os.environ |= {"ROS_DOMAIN_ID": str(number), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    return number


@pytest.fixture(scope="session")
def interfaces() -> dict[str, str]:
    """Environment of processes that shall have vision_msgs, tf2_msgs and hri_msgs; the test has them from here on."""
    return interfaces_fixture.provide()


class Process:
    """A node process whose output goes to a file that the test can read while it runs."""

    def __init__(self, program: str, log: Path, *parameters: str, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        run = [program] if program.endswith(".py") else ["-m", program]
        arguments = [part for parameter in parameters for part in ("-p", parameter)]
        with log.open("w") as out:
            self.popen = subprocess.Popen(
                [sys.executable, *run, "--ros-args", *arguments],
                env=os.environ | (environment or {}),
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Waits until `text` was printed."""
        wait(lambda: text in self.output or self.popen.poll() is not None, seconds)
        assert text in self.output, f"{text!r} was not printed; the process printed:\n{self.output}"

    def stop(self) -> int:
        """Sends SIGINT and returns the exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
        return self.popen.wait(20)


def wait(condition: Callable[[], object], seconds: float = 30.0) -> bool:
    """Whether `condition` came true within `seconds`."""
    end = time.monotonic() + seconds
    while not (met := bool(condition())) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def _starter(folder: Path) -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def start_one(program: str, *parameters: str, environment: Mapping[str, str] | None = None) -> Process:
        log = folder / f"process{len(processes)}.log"
        processes.append(Process(program, log, *parameters, environment=environment))
        return processes[-1]

    yield start_one
    # Asked first: who is killed leaves shared memory behind, and /dev/shm is not endless.
    for process in processes:
        process.popen.terminate()
    for process in processes:
        try:
            process.popen.wait(10)
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts node processes that end with the test."""
    yield from _starter(tmp_path)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Starts node processes that end with the test module."""
    yield from _starter(tmp_path_factory.mktemp("processes"))


class Peer:
    """The test's own node: publishes, and keeps what it receives."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = Node("test_peer")
        self.received: dict[str, list[Any]] = {}

    def listen(self, kind: type, topic: str, qos: Any = 100) -> list[Any]:
        """Keeps every message of `topic` in the list returned."""
        messages = self.received.setdefault(topic, [])
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def publisher(self, kind: type, topic: str, qos: Any = 10) -> Any:
        return self.node.create_publisher(kind, topic, qos)

    def spin_until(self, condition: Callable[[], object], seconds: float = 30.0) -> bool:
        """Handles messages until `condition` is true; whether it came true in time."""
        end = time.monotonic() + seconds
        while not (met := bool(condition())) and time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.05)
        return met


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.node.destroy_node()
    rclpy.shutdown()
