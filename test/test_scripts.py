"""The scripts that a newcomer calls."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not (ROOT / ".venv" / "stamp").exists(), reason="this environment was not made by scripts/setup")
def test_a_second_setup_does_nothing_and_is_quick() -> None:
    files = [ROOT / ".venv" / "stamp", ROOT / ".ws" / "install" / "stamp"]
    before = [(f.stat().st_mtime_ns, f.read_text()) for f in files]
    started = time.monotonic()
    done = subprocess.run([ROOT / "scripts" / "setup"], capture_output=True, text=True, timeout=60, check=False)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    assert "source" in done.stdout  # how to enter the environment
    assert [(f.stat().st_mtime_ns, f.read_text()) for f in files] == before
    assert seconds < 5, f"{seconds:.1f} s"
