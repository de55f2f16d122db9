"""What a run was: its configuration, the versions, and a hash of the data it was given, beside its log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deephar_ros import __version__
from deephar_ros.data.samples import Clip, Sample
from deephar_ros.files import whole_file
from deephar_ros.train.config import RunConfig
from deephar_ros.train.sets import load_clips, load_samples

FILE = "run.json"


def record_run(run: RunConfig, data: Path, out: Path) -> None:
    """Writes `run.json`: configuration with defaults and seed, versions, and of each set used its size and hash.

    A run that is resumed with another configuration leaves a further entry.

    Args:
        data: folder that holds the data sets.
    """
    layout = run.model.layout
    used = [(cfg, kind) for cfg in run.data.sets for kind in ("pose", "action") if _is_used(run, cfg.name, kind)]
    sets = {}
    for cfg, kind in used:
        entries = load_samples(cfg, data, layout) if kind == "pose" else load_clips(cfg, data, run.model)
        sets[f"{cfg.name}_{kind}"] = {"entries": len(entries), "sha256": data_hash(entries)}
    versions = {"deephar_ros": __version__, "torch": torch.__version__, "numpy": np.__version__}
    entry = {"config": asdict(run), "versions": versions, "data": sets}
    file = out / FILE
    entries_so_far: list[Any] = json.loads(file.read_text()) if file.is_file() else []
    plain = json.loads(json.dumps(entry))
    if plain not in entries_so_far:
        with whole_file(file) as target:
            target.write((json.dumps([*entries_so_far, plain], indent=1) + "\n").encode())


def data_hash(entries: Sequence[Sample] | Sequence[Clip]) -> str:
    """SHA-256 over names, joints and labels in their order; pictures are known by their names."""
    digest = hashlib.sha256()
    for entry in entries:
        label = entry.label if isinstance(entry, Clip) else ""
        digest.update(f"{entry.name}\0{label}\0".encode())
        digest.update(np.ascontiguousarray(entry.joints, np.float32).tobytes())
    return digest.hexdigest()


def _is_used(run: RunConfig, name: str, kind: str) -> bool:
    stages = [stage.pose if kind == "pose" else stage.action for stage in run.stages]
    return any(name in shares for shares in stages)
