"""Runs the real node under load for as long as you like, and says whether it holds: memory, threads, age of results.

One process shows a changing number of people to the node, another one listens to what it publishes. Once a second,
memory, threads, file descriptors, ages and drops go into samples.jsonl. At the end there are a table, a plot, a
summary and a verdict; the exit status is 1 if a limit was exceeded.

Examples:
    scripts/soak --minutes 30 --people 1-8 --cameras 1 --size 1280x720 --rate 30
    scripts/soak --cycles 10000 --size 320x240       configure, activate, deactivate, cleanup, again and again
    scripts/soak --minutes 5 --parameter box_source:=localizer
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from deephar_ros.cli.demo import Processes
from deephar_ros.soak import Limits, Sample, Verdict, draw, figures, judge, read_process, table

SHORTEST = 10
"""Seconds without which nothing can be judged."""
MINUTES = 30.0
"""Without --minutes and --cycles."""
SHOW_PERIOD = 10.0
"""Seconds between two lines of progress."""


class SoakError(RuntimeError):
    """The run could not be made or judged; the message says why."""


class Run:
    """The processes of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._processes = Processes()
        names = "[" + ", ".join(f"camera{n}" for n in range(1, args.cameras + 1)) + "]" if args.cameras > 1 else "['']"
        (width, height), (fewest, most) = args.size, args.people
        self._node = self._processes.start(
            "perception_node",
            f"cameras:={names}",
            f"max_persons:={max(most, 1)}",
            f"autostart:={'false' if args.cycles else 'true'}",
            "status_period:=60.0",
            *args.parameter,
        )
        self._processes.start(
            "crowd_publisher",
            *(f"cameras:={names}", f"width:={width}", f"height:={height}", f"rate:={args.rate}"),
            *(f"fewest:={fewest}", f"most:={most}", f"stay:={args.stay}"),
        )
        reporter, parameters = "soak_observer", [f"cameras:={names}"]
        if args.cycles:
            reporter, parameters = "cycler", [f"cycles:={args.cycles}", f"active:={args.active}"]
        self._reporter = self._processes.start(reporter, *parameters, stdout=subprocess.PIPE)

    def samples(self, seconds: float) -> Iterator[Sample]:
        """One a second, from the first results on, until the time is up or the cycles are done.

        Raises:
            SoakError: a process ended before.
        """
        started: float | None = None
        assert self._reporter.stdout is not None
        for line in self._reporter.stdout:
            self._check()
            said = json.loads(line)
            if started is None and not said.get("frames", True):
                continue  # the network is still being loaded
            started = started or time.monotonic()
            now = time.monotonic() - started
            yield {"seconds": round(now, 2), **read_process(self._node.pid), **said}
            if now >= seconds:
                return
        if self._reporter.wait(10) != 0:
            raise SoakError("the life cycle did not go on; the last line above says why")

    def stop(self) -> None:
        self._processes.stop_all()

    def _check(self) -> None:
        ended = {name: status for name, status in self._processes.ended().items() if name != "cycler"}
        if ended:
            name, status = next(iter(ended.items()))
            raise SoakError(f"{name} ended with status {status}; its last lines above say why")


def sample(args: argparse.Namespace) -> list[Sample]:
    """Makes the run, until Ctrl-C at most."""
    found: list[Sample] = []
    minutes = args.minutes or (float("inf") if args.cycles else MINUTES)
    run, shown = Run(args), 0.0
    try:
        with (args.out / "samples.jsonl").open("w") as out:
            for one in run.samples(60 * minutes):
                found.append(one)
                print(json.dumps(one), file=out, flush=True)
                if one["seconds"] >= shown:
                    shown += SHOW_PERIOD
                    print(_progress(one), flush=True)
    except KeyboardInterrupt:
        print("stopping", flush=True)
    finally:
        run.stop()
    if not found or found[-1]["seconds"] < SHORTEST:
        raise SoakError(f"the run was shorter than {SHORTEST} seconds, so that nothing can be judged")
    return found


def report(samples: list[Sample], verdicts: list[Verdict], args: argparse.Namespace) -> None:
    """Prints the table and the verdicts; writes summary.json and plot.png."""
    command = "scripts/soak " + " ".join(sys.argv[1:])
    summary = {
        "command": command,
        "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}, Python {platform.python_version()}",
        "load_average": os.getloadavg()[1],
        "minutes": round(samples[-1]["seconds"] / 60, 2),
        "cycles": samples[-1].get("cycles"),
        "results": sum(sum(one.get("frames", {}).values()) for one in samples),
        "drops": samples[-1].get("drops"),
        "figures": figures(samples),
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    draw(samples, command, args.out / "plot.png")
    print(table(samples))
    for verdict in verdicts:
        print(("ok      " if verdict.good else "FAILED  ") + verdict.text)
    print(f"look at {args.out / 'plot.png'}; every second: {args.out / 'samples.jsonl'}")


def _progress(one: Sample) -> str:
    if "cycles" in one:
        what = f"{one['cycles']} cycles"
    else:
        found = f", {1e3 * one['age_p50']:.0f} ms old, {one['people']:.1f} people" if one["frames"] else ""
        what = f"{sum(one['frames'].values())} results/s{found}"
    private, threads, fds = one["private_mb"], one["threads"], one["fds"]
    return f"{one['seconds']:7.0f} s  {what}; {private:.1f} MB private, {threads} threads, {fds} descriptors"


def _pair(separator: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(rf"(\d+)(?:{separator}(\d+))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not two numbers with {separator!r} between them")
    return int(match[1]), int(match[2] or match[1])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help=f"how long (default: {MINUTES:g}; with --cycles: to their end)")
    parser.add_argument("--cycles", type=int, help="life cycles to go through, instead of staying active")
    parser.add_argument("--active", type=float, default=0.05, help="seconds of each cycle to stay active")
    parser.add_argument("--people", type=lambda text: _pair("-", text), default=(1, 8), help="1-8: from one to eight")
    parser.add_argument("--stay", type=float, default=10.0, help="seconds after which one more comes or one leaves")
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--size", type=lambda text: _pair("x", text), default=(1280, 720), help="1280x720")
    parser.add_argument("--rate", type=float, default=30.0, help="images per second and camera")
    parser.add_argument("--parameter", action="append", default=[], help="of the node, NAME:=VALUE; repeatable")
    parser.add_argument("--max-growth", type=float, default=Limits.growth, help="MB per hour")
    parser.add_argument("--max-age", type=float, default=Limits.age, help="seconds")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="output folder")
    return parser.parse_args()


def main() -> int:
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        samples = sample(args)
        verdicts = judge(samples, Limits(args.max_growth, args.max_age))
        report(samples, verdicts, args)
    except (SoakError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    return 0 if all(verdict.good for verdict in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
