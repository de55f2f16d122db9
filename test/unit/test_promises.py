"""docs/promises.md names only proofs that exist, and no promise is without one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "promises.md"
HEADS = ("| promise |", "| what happens |")
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith(HEADS)]
LINKS = re.findall(r"\[([^\]]+)\]\(([^)]+)\)", PAGE.read_text())


@pytest.mark.parametrize(("text", "target"), LINKS, ids=[text for text, _ in LINKS])
def test_what_is_linked_exists(text: str, target: str) -> None:
    file = PAGE.parent / target
    assert file.is_file()
    if text.startswith("test_"):
        assert re.search(rf"^def {text}\(", file.read_text(), re.M)
    if file.suffix == ".json":
        assert all(verdict["good"] for verdict in json.loads(file.read_text())["verdicts"])


def test_no_promise_is_without_a_proof() -> None:
    assert len(ROWS) > 20
    assert [row for row in ROWS if "](" not in row] == []
