"""MPII Human Pose (Andriluka et al. 2014) from the official release as samples for 2D pose.

A folder holds `mpii_human_pose_v1_u12_1.mat` (of mpii_human_pose_v1_u12_2.zip; also found in the subfolder of that
name), `images/` (of mpii_human_pose_v1.tar.gz) and a validation list (see `mpii_split`). Joints of the official test
pictures are not public: `train` and `validation` both come from the release's training pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deephar_ros.data import mpii_split
from deephar_ros.data.joints import to_layout
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import DatasetError, Picture, Sample
from deephar_ros.data.windows import mpii_window
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import MPII16, PA16, Layout
from deephar_ros.train.metrics import head_size

Split = Literal["train", "validation", "all"]

PAGE = "human-pose.mpi-inf.mpg.de, Download"
RELEASE = "mpii_human_pose_v1_u12_1.mat"
ARCHIVE = "mpii_human_pose_v1_u12_2"


def load_mpii(
    folder: Path,
    split: Split,
    layout: Layout = PA16,
    validation: Path | None = None,
    separate_only: bool = False,
) -> list[Sample]:
    """Annotated persons; reading the release takes some 20 seconds.

    Args:
        split: "train" is everybody who is not in the validation list; "all" needs no list.
        validation: the list; None looks in `folder` for the names that `mpii_split` knows.
        separate_only: only persons whom the release calls sufficiently separated from others (single_person).

    Raises:
        DatasetError: the release or the list is missing or not what it should be.
    """
    file = find_release(folder)
    release = read_release(file)
    try:
        return _samples(release, folder, split, layout, validation, separate_only)
    except DatasetError:
        raise
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"{file} is not the release of MPII ({brief(error)}); take {ARCHIVE}.zip from {PAGE}"
        ) from error


def _samples(
    release: Any, folder: Path, split: Split, layout: Layout, validation: Path | None, separate_only: bool
) -> list[Sample]:
    entries = _items(release.annolist)
    names = [_file_name(str(entry.image.name), folder) for entry in entries]
    held_out = set() if split == "all" else mpii_split.read_validation(validation or _find_list(folder), names)
    activities = [str(act.cat_name) for act in _items(release.act)]
    separate = [np.ravel(numbers) for numbers in _items(release.single_person)]
    samples: list[Sample] = []
    for index in np.flatnonzero(np.ravel(release.img_train)):
        for number, person in enumerate(_items(entries[index].annorect), start=1):
            wanted = split == "all" or ((names[index], number) in held_out) == (split == "validation")
            if wanted and not (separate_only and number not in separate[index]):
                picture = folder / "images" / names[index]
                samples += _sample(picture, number, person, layout, activities[index])
    return samples


def find_release(folder: Path) -> Path:
    """Where the annotations are; DatasetError if they are not there."""
    places = [folder / RELEASE, folder / ARCHIVE / RELEASE]
    for place in places:
        if place.is_file():
            return place
    raise DatasetError(f"{places[0]} is missing; take {ARCHIVE}.zip from {PAGE}")


def read_release(file: Path) -> Any:
    """The struct RELEASE as objects with the field names of the release."""
    return read_mat(file, f"{ARCHIVE}.zip from {PAGE}", ["RELEASE"], structs=True)["RELEASE"]


def _file_name(name: str, folder: Path) -> str:
    if Path(name).name != name or name == "..":
        raise DatasetError(f"{folder}: the release names the picture {name!r}, which is no file of images/")
    return name


def _find_list(folder: Path) -> Path:
    for name in mpii_split.FILES:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(f"{folder} has no validation list, which is not in the release: put there {mpii_split.SOURCE}")


def _sample(picture: Path, number: int, person: Any, layout: Layout, activity: str) -> Iterator[Sample]:
    """One sample, or none for persons without joints, centre or scale, of whom the release has some thousands."""
    points = _points(person)
    centre: Any = getattr(person, "objpos", None)
    scale = np.ravel(getattr(person, "scale", []))
    if points is None or not hasattr(centre, "x") or not scale.size:
        return
    if not (np.isfinite([float(centre.x), float(centre.y), float(scale[0])]).all() and scale[0] > 0):
        raise ValueError(f"person {number} of {picture.name} stands nowhere or has no size")
    yield Sample(
        name=f"{picture.stem}_{number}",
        picture=Picture(picture),
        joints=to_layout(points, MPII16.joints, layout),
        layout=layout,
        window=mpii_window((float(centre.x), float(centre.y)), float(scale[0])),
        head=_head(person),
        activity=activity,
    )


def _points(person: Any) -> Array | None:
    """(16, 2) pixels, NaN where not annotated; None if no joint is. Occluded joints are annotated like others."""
    points = np.full((len(MPII16), 2), np.nan, np.float32)
    for point in _items(getattr(getattr(person, "annopoints", None), "point", [])):
        if not 0 <= int(point.id) < len(points):
            raise ValueError(f"there is no joint {point.id}")
        points[int(point.id)] = float(point.x), float(point.y)
    return points if np.isfinite(points).any() else None


def _head(person: Any) -> float:
    rectangle = [np.ravel(getattr(person, side, [])) for side in ("x1", "y1", "x2", "y2")]
    return float(head_size(np.concatenate(rectangle).astype(float))) if all(s.size for s in rectangle) else np.nan


def _items(value: Any) -> list[Any]:
    """What scipy makes of a struct array: an array of objects, one object alone, or an empty array."""
    return list(np.ravel(np.asarray(value, dtype=object)))
