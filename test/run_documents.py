"""Runs the blocks of the documentation that are marked so, in order, each page in a fresh copy of the repository."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from documents import ROOT, Block, blocks

LIMITS = {"run": 60.0, "run: slow": 3600.0}
"""Seconds for one block, by its mark."""
PATHS = {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH"}
LEFT_OUT = (".git", ".venv", ".ws", ".*_cache", ".hypothesis", "__pycache__", "build", "install", "log", "out", "runs")


def copy_repository(folder: Path) -> Path:
    """A copy in which the environment that scripts/setup made here can be entered, beside the shared data.

    The environment is lent by links, never by its own folder: a scripts/setup in the copy makes one of its own there.
    """
    copy = folder / ROOT.name
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    if (ROOT / ".ws" / "install" / "stamp").is_file():
        (copy / ".ws").mkdir()
        shutil.copy(ROOT / ".ws" / "ros", copy / ".ws")
        (copy / ".ws" / "install").symlink_to(ROOT / ".ws" / "install")
        (copy / ".venv").symlink_to(ROOT / ".venv")
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(ROOT.parent / "shared")
    return copy


def fresh_environment() -> dict[str, str]:
    """That of a shell in which the environment of this repository was not entered."""
    fresh = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for name in PATHS & fresh.keys():
        entries = [entry for entry in fresh[name].split(os.pathsep) if not Path(entry).is_relative_to(ROOT)]
        fresh[name] = os.pathsep.join(entries)
    return {name: value for name, value in fresh.items() if value}


def run(block: Block, copy: Path) -> str:
    """Runs a block in a shell of its own; what went wrong, empty: nothing did.

    The environment is entered before, unless the block is one that makes it.
    """
    makes_it = any(f"scripts/{script}" in block.text for script in ("setup", "demo", "test"))
    enter = "" if makes_it or not (copy / ".ws").is_dir() else "source scripts/env\n"
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", enter + block.text],
        cwd=copy,
        env=fresh_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMITS[block.mark])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        return f"{block.where} is not done after {LIMITS[block.mark]:.0f} s:\n{process.communicate()[0]}"
    return f"{block.where} ended with {process.returncode}:\n{output}" if process.returncode else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/check_docs", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="such as docs/camera.md; without: all of them")
    parser.add_argument("--quick", action="store_true", help="leave the slow blocks out")
    parser.add_argument("--list", action="store_true", help="say of every block whether it would run, and run nothing")
    args = parser.parse_args()
    chosen = [block for block in blocks() if not args.pages or block.page in args.pages]
    failed = 0
    for page in dict.fromkeys(block.page for block in chosen):
        with tempfile.TemporaryDirectory() as folder:
            copy = copy_repository(Path(folder))
            for block in (block for block in chosen if block.page == page):
                reason = why_not(block, args.quick)
                if reason or args.list:
                    print(f"{block.where}: {reason or 'runs'}", flush=True)
                    continue
                started = time.monotonic()
                problem = run(block, copy)
                failed += bool(problem)
                print(problem or f"{block.where}: ran, {time.monotonic() - started:.1f} s", flush=True)
    return 1 if failed else 0


def why_not(block: Block, quick: bool) -> str:
    """The reason for leaving a block out; empty: it runs."""
    if not block.runs:
        return block.mark or "has no mark"
    if quick and block.mark == "run: slow":
        return "slow"
    if block.uses_shared_data and not (ROOT.parent / "shared").is_dir():
        return "../shared is not here"
    return ""


if __name__ == "__main__":
    sys.exit(main())
