"""From a checkpoint folder to the first skeleton, each time in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """
import json, sys, time
started = time.perf_counter()
import deephar_ros
imported = time.perf_counter()
import numpy as np
from deephar_ros.backend.choose import open_backend
from pathlib import Path
libraries = time.perf_counter()
backend = open_backend(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], say=lambda sentence: None).backend
opened = time.perf_counter()
size = backend.spec.input_size
backend.predict(np.zeros((1, size, size, 3), np.uint8))
done = time.perf_counter()
print(json.dumps({
    "backend": backend.name, "device": backend.device, "precision": backend.precision,
    "import_ms": 1e3 * (imported - started), "libraries_s": libraries - imported, "open_s": opened - libraries,
    "first_skeleton_s": done - started,
}))
"""


def measure_start(folder: Path, backend: str, device: str, precision: str, repeats: int) -> list[dict[str, Any]]:
    """The first row makes and keeps what is not in the user's cache yet; RuntimeError if a process fails."""
    rows = []
    for repeat in range(repeats + 1):
        command = [sys.executable, "-c", CODE, str(folder), backend, device, precision]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"the process that starts the network failed: {result.stderr.strip().splitlines()[-1]}")
        found = json.loads(result.stdout.splitlines()[-1])
        rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
        rows.append({"start": "first" if repeat == 0 else "cached", **rounded})
    return rows
