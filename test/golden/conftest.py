"""The authors' reference outputs, which lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fixtures() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip(f"the reference outputs are not at {folder}")
    return folder
