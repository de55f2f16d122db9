"""How many hostile inputs were tried, in pytest's summary and as JSON; see fuzzing.py."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import fuzzing
import pytest

ROS_TESTS = Path(__file__).resolve().parents[1] / "ros"


@pytest.fixture(scope="session")
def interfaces() -> dict[str, str]:
    """Message packages that this machine may lack; the test has them from here on."""
    sys.path.append(str(ROS_TESTS))
    import interfaces_fixture

    return interfaces_fixture.provide()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not fuzzing.tried:
        return
    terminalreporter.section("hostile inputs tried")
    for target, count in sorted(fuzzing.tried.items()):
        terminalreporter.line(f"{count:8} {target}")
    terminalreporter.line(f"{fuzzing.tried.total():8} in all")
    if path := os.environ.get("DEEPHAR_FUZZ_JSON"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(fuzzing.tried, indent=2, sort_keys=True) + "\n")
