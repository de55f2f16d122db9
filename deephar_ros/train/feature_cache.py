"""What a frozen network sees of every frame of a set of videos, kept on disk, for training the action path alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.clips import evaluation_clip
from deephar_ros.data.samples import Clip, DatasetError
from deephar_ros.model.features import pack, section_sizes
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise

BATCH = 32


def cached_rows(
    net: SPNet, spec: ModelSpec, clips: Sequence[Clip], file: Path, device: torch.device
) -> NDArray[np.float16]:
    """Rows of all frames, from `file` if it holds those of these videos and weights, else computed and written there.

    Every video is cropped by one window, that of its annotated joints, or the whole picture without any.

    Returns:
        (frames, 2, K): of all videos one after another, of plain and of mirrored pictures; mapped, not in memory.
    """
    facts = {"videos": [[clip.name, len(clip.frames)] for clip in clips], "network": network_digest(net, spec)}
    note = file.with_suffix(".json")
    if not (file.is_file() and note.is_file() and json.loads(note.read_text()) == facts):
        file.parent.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        partial = file.with_name(file.name + ".partial")
        _compute(net.eval().to(device), spec, clips, partial)
        os.replace(partial, file)
        note.write_text(json.dumps(facts))
    return np.load(file, mmap_mode="r")


@torch.inference_mode()
def _compute(net: SPNet, spec: ModelSpec, clips: Sequence[Clip], file: Path) -> None:
    device = next(net.parameters()).device
    shape = (sum(len(clip.frames) for clip in clips), 2, sum(section_sizes(net.config)))
    rows = np.lib.format.open_memmap(file, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
    with file.open("r+b") as whole:  # a disk that fills up while memory is written to it ends the process
        os.posix_fallocate(whole.fileno(), 0, file.stat().st_size)
    start = 0
    for clip in tqdm(clips, unit="video", desc="features"):
        everything, stop = range(len(clip.frames)), start + len(clip.frames)
        for mirrored in (False, True):
            try:
                crops = torch.from_numpy(evaluation_clip(clip, everything, spec.input_size, mirrored)[0])
            except DatasetError as error:
                tqdm.write(f"left out, as it cannot be read: {clip.name}: {error}")
                rows[start:stop] = np.nan
                break
            for first in range(0, len(crops), BATCH):
                images = normalise(crops[first : first + BATCH].permute(0, 3, 1, 2).to(device))
                found = pack(net.frames(images).features).half().cpu().numpy()
                rows[start + first : start + first + len(found), int(mirrored)] = found
        start = stop
    rows.flush()


def network_digest(net: SPNet, spec: ModelSpec) -> str:
    """Tells apart all that the rows depend on; the action path's own weights play no part."""
    digest = hashlib.sha256(str((spec.input_size, section_sizes(net.config))).encode())
    for name, value in net.state_dict().items():
        if not name.startswith(("actions.", "action_units.")):
            digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
