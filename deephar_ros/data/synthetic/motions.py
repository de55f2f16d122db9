"""Motions of the 19 segments, and the file that packs many of them for quick reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.rig import SEGMENTS, mirror_pose
from deephar_ros.data.synthetic.rotations import from_quaternion, slerp, to_quaternion
from deephar_ros.files import brief
from deephar_ros.geometry import Array

HELD_OUT = 8
"""One in so many motion files is never in the training part, chosen by its name."""


@dataclass(frozen=True)
class Motion:
    """What somebody did.

    Attributes:
        name: unique; the file's name, after the source's.
        source: who recorded or made it.
        turns: (T, 19, 3, 3), see `rig.SEGMENTS`.
        root: (T, 3) of the pelvis in lengths of a leg, from the hip to the ankle.
        fps: frames a second.
    """

    name: str
    source: str
    turns: Array
    root: Array
    fps: float

    def __len__(self) -> int:
        return len(self.root)

    @property
    def held_out(self) -> bool:
        return is_held_out(self.name)

    def mirrored(self) -> Motion:
        """With left and right exchanged."""
        turns, root = mirror_pose(self.turns, self.root)
        return Motion(self.name, self.source, turns, root, self.fps)

    def at(self, seconds: Array) -> tuple[Array, Array]:
        """Turns (N, 19, 3, 3) and root (N, 3) at these times, interpolated; the ends are held."""
        place = np.clip(np.asarray(seconds) * self.fps, 0, len(self) - 1)
        before = np.minimum(place.astype(int), max(0, len(self) - 2))
        after = np.minimum(before + 1, len(self) - 1)
        share = place - before
        root = self.root[before] * (1 - share[:, None]) + self.root[after] * share[:, None]
        return slerp(self.turns[before], self.turns[after], share[:, None]), root


def is_held_out(name: str) -> bool:
    """Whether a motion is only for testing."""
    return crc32(name.encode()) % HELD_OUT == 0


def save_motions(path: Path, motions: Sequence[Motion]) -> None:
    """Writes a pack: quaternions in half precision (within 0.1 degrees), names as JSON."""
    about = [{"name": m.name, "source": m.source, "fps": m.fps, "frames": len(m)} for m in motions]
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            turns=np.concatenate([to_quaternion(m.turns) for m in motions]).astype(np.float16),
            root=np.concatenate([m.root for m in motions]).astype(np.float32),
        )


def load_motions(path: Path) -> list[Motion]:
    """Reads a pack.

    Raises:
        FileNotFoundError: there is none.
        DatasetError: it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it with python -m deephar_ros.cli.synthesize motions")
    data = read_npz(path, ["about", "turns", "root"])
    try:
        about = json.loads(data["about"].astype(np.uint8).tobytes())
        ends = np.cumsum([int(one["frames"]) for one in about])
        if data["turns"].shape != (ends[-1], len(SEGMENTS), 4) or data["root"].shape != (ends[-1], 3):
            raise ValueError(f"turns of shape {data['turns'].shape} for {ends[-1]} frames")
        turns = from_quaternion(data["turns"].astype(np.float32))
        return [
            Motion(str(one["name"]), str(one["source"]), turns[a:b], data["root"][a:b], float(one["fps"]))
            for one, a, b in zip(about, [0, *ends[:-1]], ends, strict=True)
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DatasetError(f"{path} is not a pack of motions ({brief(error)}); make it again") from error
