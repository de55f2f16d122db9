"""A folder of one's own clips, for learning actions: `FOLDER/<label>/<clip>`, a clip is a video or a folder of images.

The split is, in this order: what `split.json` says ({"train": ["wave/001.mp4", ...], "test": [...]}, paths of clips in
the folder); subfolders `train`, `validation`, `test` with the labels inside; or none, when every clip is in "all" only.
No joints are annotated, but where `<clip>.npz` lies beside a video with `joints` (frames, 17, 3): PA17, column and row
in pixels and depth in mm, NaN where unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.joints import to_layout
from deephar_ros.data.pictures import read, video_length
from deephar_ros.data.samples import Clip, DatasetError, Picture
from deephar_ros.files import read_json
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA16, PA17, Layout
from deephar_ros.sources import PICTURES

SPLITS = ("train", "validation", "val", "test")
VIDEOS = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"}

PAGE = "your own recordings: FOLDER/<label>/<clip>.mp4, or FOLDER/<label>/<clip>/ with pictures"


class ClipFile(NamedTuple):
    """A clip that was not opened yet; `name` is its path below the folder."""

    name: str
    path: Path
    label: str


def folder_labels(folder: Path) -> tuple[str, ...]:
    """Names of the actions in alphabetical order, over all splits; DatasetError if there is none."""
    labels = sorted({path.name for place in _places(folder, "all") for path in _folders(place)})
    if not labels:
        raise DatasetError(f"{folder} has no subfolder; a subfolder for each action holds its clips")
    return tuple(labels)


def load_folder_clips(folder: Path, split: str, layout: Layout = PA16) -> list[Clip]:
    """Clips of a split by label, then name; `split` "all" is every clip.

    Raises:
        DatasetError: there are no clips, no such split, or a clip of which no frame can be read.
    """
    labels = folder_labels(folder)
    return [_clip(file.name, file.path, labels.index(file.label), layout) for file in list_clips(folder, split)]


def list_clips(folder: Path, split: str) -> list[ClipFile]:
    """The clips of a split, in the order of `load_folder_clips`, not opened.

    Raises:
        DatasetError: there are no clips, no such split, or it lists a clip that is not there.
    """
    listed = _listed(folder, split)
    clips = []
    for place in _places(folder, split):
        for label in _folders(place):
            for path in sorted(label.iterdir()):
                name = path.relative_to(folder).as_posix()
                if _is_clip(path) and (listed is None or name in listed):
                    clips.append(ClipFile(name, path, label.name))
    missing = set(listed or ()) - {clip.name for clip in clips}
    if missing:
        raise DatasetError(f"{folder / 'split.json'} lists {sorted(missing)[0]}, which is not there")
    if not clips:
        raise DatasetError(f"{folder} has no clips ({', '.join(sorted(VIDEOS))} or folders of pictures) in {split}")
    return clips


def has_split(folder: Path) -> bool:
    """Whether the folder says itself which clips are for training."""
    return (folder / "split.json").is_file() or _places(folder, "all") != [folder]


def _places(folder: Path, split: str) -> list[Path]:
    """Where folders of labels are."""
    parts = [folder / name for name in SPLITS if (folder / name).is_dir()]
    if not parts or (folder / "split.json").is_file():
        return [folder]
    if split == "all":
        return parts
    if folder / split not in parts:
        raise DatasetError(f"{folder} has no part {split}; it has {', '.join(part.name for part in parts)}")
    return [folder / split]


def _listed(folder: Path, split: str) -> set[str] | None:
    """Names of the clips of a split by split.json; None for all that are found."""
    file = folder / "split.json"
    if split == "all":
        return None
    if not file.is_file():
        if _places(folder, "all") == [folder]:
            raise DatasetError(f"{folder} has neither split.json nor train/ and test/; ask for the split all")
        return None
    try:
        parts = dict(read_json(file))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{file} is not a list of clips by split: {error}") from error
    if split not in parts:
        raise DatasetError(f"{file} has no part {split}; it has {', '.join(parts)}")
    if not isinstance(parts[split], list) or not all(isinstance(name, str) for name in parts[split]):
        raise DatasetError(f"{file}: {split} is not a list of names of clips")
    return set(parts[split])


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS or (path.is_dir() and any(_pictures(path)))


def _pictures(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)


def _clip(name: str, path: Path, label: int, layout: Layout) -> Clip:
    if path.is_dir():
        frames = tuple(Picture(file) for file in _pictures(path))
    else:
        frames = tuple(Picture(path, number) for number in range(video_length(path)))
    height, width = read(frames[0]).shape[:2]
    joints = _joints(path.with_suffix(".npz"), len(frames), layout)
    root = joints[:, layout.index("pelvis"), 2]
    depth = float(np.nanmean(root)) if np.isfinite(root).any() else float("nan")
    return Clip(name, frames, joints, layout, (width, height), label, depth)


def _joints(file: Path, frames: int, layout: Layout) -> Array:
    """(frames, J, 3) of the file beside a video, NaN if there is none; DatasetError if it is for another one."""
    if not file.is_file():
        return np.full((frames, len(layout), 3), np.nan, np.float32)
    joints = read_npz(file, ["joints"])["joints"]
    if joints.shape != (frames, len(PA17), 3):
        raise DatasetError(f"{file}: joints of shape {joints.shape} for {frames} frames of 17 joints; make it again")
    return to_layout(joints, PA17.joints, layout)
