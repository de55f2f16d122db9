"""Synthetic tracks (`tracks`) as clips of poses without pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.joints import to_layout
from deephar_ros.data.samples import Clip, DatasetError, Picture
from deephar_ros.files import read_json
from deephar_ros.skeleton import PA17, Layout

_MAKE = "make one with python -m deephar_ros.cli.synthesize poses"

Split = Literal["train", "test", "all"]


def load_synthetic_tracks(
    folder: Path, split: Split = "all", layout: Layout = PA17, sources: tuple[str, ...] = ()
) -> list[Clip]:
    """Clips in order of their numbers, called label/way/source/number, with the action in each frame.

    Args:
        split: what the folder has to be: a folder is of one part.
        sources: only tracks of these sources, such as "keys"; none: of all.

    Raises:
        FileNotFoundError: no such folder of tracks.
        DatasetError: it is of the other part, has no such source, or its tables do not fit one another.
    """
    file = folder / "tracks.npz"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: {folder} holds no tracks; {_MAKE}")
    about = dict(read_json(folder / "metadata.json"))
    if split != "all" and about["held_out"] != (split == "test"):
        raise DatasetError(
            f"{folder} was made {'for testing' if about['held_out'] else 'for training'}, not as {split}"
        )
    unknown = set(sources) - set(about["sources"])
    if unknown:
        raise DatasetError(f"{folder} has no source {sorted(unknown)[0]}; it has {', '.join(about['sources'])}")
    table = read_npz(file, ["joints", "label", "frame_label", "source", "subject", "way", "elevation"])
    joints = table["joints"]
    if joints.shape[2:] != (len(PA17), 3) or any(len(column) != len(joints) for column in table.values()):
        raise DatasetError(f"{file}: joints of shape {joints.shape}, not (tracks, frames, 17, 3) as the rest; {_MAKE}")
    wanted = [about["sources"].index(source) for source in sources or about["sources"]]
    clips, nothing = [], (Picture(folder / "no pictures"),) * joints.shape[1]
    for number in np.flatnonzero(np.isin(table["source"], wanted)):
        placed = to_layout(joints[number], PA17.joints, layout)
        source = about["sources"][table["source"][number]]
        clips.append(
            Clip(
                name=f"{about['ways'][table['way'][number]]}/{source}/{number:06d}",
                frames=nothing,
                joints=placed,
                layout=layout,
                size=(int(about["size"]), int(about["size"])),
                label=int(table["label"][number]),
                root_depth=float(placed[:, layout.index("pelvis"), 2].mean()),
                subject=f"body{table['subject'][number]}",
                elevation=float(table["elevation"][number]),
                frame_labels=table["frame_label"][number].astype(np.int64),
            )
        )
    return clips


def track_labels(folder: Path) -> tuple[str, ...]:
    """Names of the actions in a folder of tracks."""
    return tuple(read_json(folder / "metadata.json")["labels"])
