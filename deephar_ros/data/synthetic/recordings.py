"""Files of recorded motion, recognised by their names, as `Motion`s."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from deephar_ros.data.synthetic.bvh import read_bandai
from deephar_ros.data.synthetic.cmu import read_cmu
from deephar_ros.data.synthetic.deepmimic import read_deepmimic
from deephar_ros.data.synthetic.kinect import read_kinect
from deephar_ros.data.synthetic.motions import Motion
from deephar_ros.data.synthetic.retarget import Recording, to_pose


class Kind(NamedTuple):
    """How files of one source are called and read."""

    source: str
    name: str
    read: Callable[[Path], Recording]


KINDS = (
    Kind("bandai", r"(?:dataset-\d_)?(.+)\.bvh", read_bandai),
    Kind("deepmimic", r"humanoid3d_(.+)\.txt", read_deepmimic),
    Kind("utd", r"(a\d+_s\d+_t\d+)(?:_skeleton)?\.(?:npz|mat)", read_kinect),
    Kind("cmu", r"([a-z_]+_\d+)\.txt", read_cmu),
)


class RecordedFile(NamedTuple):
    path: Path
    kind: Kind
    name: str


def find_recordings(folders: Iterable[Path]) -> list[RecordedFile]:
    """Files of motion below these folders, in order of their names."""
    found: dict[str, RecordedFile] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        for kind in KINDS:
            match = re.fullmatch(kind.name, path.name)
            if match:
                name = f"{kind.source}/{match[1]}"
                while name in found:  # CMU's parts for training and testing number their files alike
                    name += "b"
                found[name] = RecordedFile(path, kind, name)
                break
    return [found[name] for name in sorted(found)]


def read_recordings(files: Iterable[RecordedFile]) -> Iterator[Motion]:
    """Reads and retargets one after the other; DatasetError as its reader."""
    for file in files:
        recording = file.kind.read(file.path)
        yield Motion(file.name, file.kind.source, *to_pose(recording), recording.fps)
