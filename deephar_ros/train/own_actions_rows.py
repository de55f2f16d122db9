"""What a frozen pose network sees of the person in a clip, the way the node looks: for training actions without poses.

People are found and followed by the node's own pipeline, and the person seen longest counts. Where nobody is followed
through the clip, the whole picture is taken for the person. Results are kept on disk, clip by clip.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deephar_ros.backend.base import Crops, Prediction
from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.clip import NANOSECONDS, ClipActions, Streams
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array, Window
from deephar_ros.people import Frame
from deephar_ros.pipeline import Pipeline
from deephar_ros.settings import PipelineSettings
from deephar_ros.sources import SourceError, TimedFrame, open_source

MAX_RATE = 15.0
"""Frames per second that are looked at: three for each frame of a clip of the shipped model."""
FOLLOWED = 0.9
"""Share of a short clip through which the person must be followed."""
SHORTEST = 0.5
"""Length of the shortest clip that is taken, over that of the network's clips."""


@dataclass(frozen=True)
class ClipRows:
    """Features of the N frames of a clip in which its person is seen.

    Attributes:
        stamps: (N,) ns, rising.
        rows: (N, S, K) packed features, see `model.features`; of S = 2, the second is of the mirrored picture.
        found: whether a person was followed; else rows are of whole pictures.
    """

    stamps: NDArray[np.int64]
    rows: NDArray[np.float16]
    found: bool


class MirroringBackend(TorchBackend):
    """Sees each crop mirrored as well; a row of features holds both, one after the other."""

    def crop(self, cutouts: Sequence[Cutout]) -> NDArray[np.uint8]:
        """See `Backend.crop`; on the host, where they are mirrored."""
        return cut_all(cutouts, self.spec.input_size)

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`."""
        crops = np.asarray(crops)
        poses, features = super().predict(np.concatenate([crops, crops[:, :, ::-1]]))
        count = len(crops)
        return Prediction(poses[:count], np.concatenate([features[:count], features[count:]], 1))


class RowReader:
    """Reads clips, from `cache` if they were read before.

    Args:
        folder: checkpoint whose pose network looks.
        identity: tells apart networks that see otherwise.
        settings: how people are found and followed.
        sides: 2: plain and mirrored; 1: plain.
        span: length of the network's clips, seconds.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        settings: PipelineSettings,
        sides: int,
        span: float,
        cache: Path,
        device: str = "auto",
    ) -> None:
        self._backend = (MirroringBackend if sides == 2 else TorchBackend)(folder, device)
        self._settings, self._sides, self._span, self._cache = settings, sides, span, cache
        self._identity = f"{identity} {settings} {sides} {span} {MAX_RATE}"

    def read(self, path: Path) -> ClipRows:
        """The rows of a clip, a video or a folder of pictures; mapped, not in memory.

        Raises:
            SourceError: it cannot be read, or is too short.
        """
        file = self._cache / f"{hashlib.sha256(self._identity.encode() + _content(path)).hexdigest()[:32]}.npy"
        note = file.with_suffix(".json")
        if not note.is_file():
            found = self._compute(path)
            self._cache.mkdir(parents=True, exist_ok=True)
            partial = file.with_name(file.name + ".partial")
            with partial.open("wb") as out:
                np.save(out, found.rows)
            os.replace(partial, file)
            # Written last and at once: it says that the rows are whole.
            partial.write_text(json.dumps({"stamps": found.stamps.tolist(), "found": found.found}))
            os.replace(partial, note)
        facts = json.loads(note.read_text())
        return ClipRows(np.array(facts["stamps"], np.int64), np.load(file, mmap_mode="r"), facts["found"])

    def _compute(self, path: Path) -> ClipRows:
        kept, end = _KeptRows(self._backend), 0.0
        pipeline = Pipeline(self._backend, self._settings, streams=kept)
        for frame in frames_at(path, MAX_RATE):
            pipeline(Frame(frame.pixels, stamp=round(frame.seconds * NANOSECONDS)))
            end = frame.seconds
        if end < SHORTEST * self._span:
            raise SourceError(
                f"{path} is {end:.2f} s long; a clip of this model takes {self._span:.2f} s: make it longer, or take a "
                "smaller --clip-spacing"
            )
        person = max(kept.rows.values(), key=len, default=[])
        if person and (person[-1][0] - person[0][0]) / NANOSECONDS >= min(self._span, FOLLOWED * end):
            return self._packed(person, found=True)
        return self._packed(list(self._whole_pictures(path)), found=False)

    def _whole_pictures(self, path: Path) -> Iterator[tuple[int, Array]]:
        for frame in frames_at(path, MAX_RATE):
            height, width = frame.pixels.shape[:2]
            crop = Window.whole(width, height).cut(frame.pixels, self._backend.spec.input_size)
            features = self._backend.predict(crop[None]).features[0]
            yield round(frame.seconds * NANOSECONDS), features.astype(np.float16)

    def _packed(self, rows: list[tuple[int, Array]], found: bool) -> ClipRows:
        stamps, features = zip(*rows, strict=True)
        return ClipRows(np.array(stamps, np.int64), np.stack(features).reshape(len(rows), self._sides, -1), found)


class _KeptRows(Streams):
    """Keeps all that was ever seen of everybody."""

    def __init__(self, backend: TorchBackend) -> None:
        super().__init__(backend)
        self.rows: dict[str, list[tuple[int, Array]]] = {}

    def push(self, person: str, stamp: int, features: Array) -> None:
        self.rows.setdefault(person, []).append((stamp, features.astype(np.float16)))

    def classify(self, persons: list[str]) -> dict[str, ClipActions]:
        return {}


def frames_at(path: Path, rate: float) -> Iterator[TimedFrame]:
    """The frames of a recording, without those that come sooner than a rate (per second) asks for."""
    due = 0.0
    for frame in open_source(str(path)).frames:
        if frame.seconds >= due:
            yield frame
            due = frame.seconds + 0.9 / rate  # a little grace: time stamps are rounded


def _content(path: Path) -> bytes:
    """Digest of a file, or of the files of a folder in order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()
