"""Checks this machine: Python, torch, the model, ROS and its middleware. Changes nothing, downloads nothing.

One line a check: "ok", "warn" (works, but not well) or "FAIL", with what to do about it. Exit status 1 if any fails.

Example:
    python -m deephar_ros.cli.doctor --topic /camera/image_raw
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from deephar_ros.doctor import examine, last_line
from deephar_ros.finding import WORDS, Finding, Level


def listen(topic: str) -> int:
    """Lets a ROS process listen to a topic and print what it finds; returns its exit status."""
    command = [sys.executable, "-m", "deephar_ros.node.doctor", topic]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    print(done.stdout, end="")
    if done.returncode and not any(line.startswith(WORDS[Level.ERROR]) for line in done.stdout.splitlines()):
        print(Finding(Level.ERROR, f"cannot listen to {topic}: {last_line(done)}", "see the lines about ROS above"))
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", help="image topic to listen to for three seconds")
    parser.add_argument("--checkpoint", type=Path, help="checkpoint folder (the model that comes with the package)")
    args = parser.parse_args()
    healthy = True
    for finding in examine(os.environ, args.checkpoint):
        print(finding, flush=True)
        healthy &= finding.level is not Level.ERROR
    if args.topic:
        healthy &= listen(args.topic) == 0
    return 0 if healthy else 1


if __name__ == "__main__":
    raise SystemExit(main())
