"""Coverage-guided fuzzing of what parses bytes in Python: atheris looks for inputs that reach new lines.

    python test/fuzz/guided.py picture -max_total_time=300 [corpus folder]

Needs `pip install atheris`. Ends with a trace and a crash-* file at the first input that gives neither a result nor the
error that is stated. DEEPHAR_FUZZ_JSON: a file in which the number of inputs tried is noted.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "deephar_ros.pixels", "deephar_ros.bags", "rosbags", "ruamel"]):
    from deephar_ros.bags import open_images
    from deephar_ros.pixels import ImageError, decode_picture
    from deephar_ros.sources import Reading, SourceError

tried: Counter[str] = Counter()
FOLDER = Path(tempfile.mkdtemp(prefix="guided"))


def picture(data: bytes) -> None:
    with suppress(ImageError):
        decode_picture(data)


def metadata(data: bytes) -> None:
    (FOLDER / "metadata.yaml").write_bytes(data)
    with suppress(SourceError):
        open_images(FOLDER, Reading())


def storage(data: bytes) -> None:
    (FOLDER / "bag.mcap").write_bytes(data)
    with suppress(SourceError):
        list(open_images(FOLDER / "bag.mcap", Reading()).frames)


TARGETS: dict[str, Callable[[bytes], None]] = {"picture": picture, "metadata": metadata, "storage": storage}


def main() -> None:
    name = sys.argv.pop(1)
    target, note = TARGETS[name], os.environ.get("DEEPHAR_FUZZ_JSON")

    def counted(data: bytes) -> None:
        tried[f"guided {name}"] += 1
        if note and tried.total() % 1000 == 0:  # libFuzzer ends the process without asking
            Path(note).write_text(json.dumps(tried) + "\n")
        target(data)

    atheris.Setup(sys.argv, counted)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
