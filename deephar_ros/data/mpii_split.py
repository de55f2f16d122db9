"""Which persons of MPII Human Pose are for validation: a list that the release does not have.

The usual one is Tompson's, 2958 persons (CVPR 2015). It is found in several forms, all of which are read here:
`detections.mat` of the archive mpii_valid_pred.zip on Tompson's page; `mpii_annotations.json` of PyTorch forks of the
stacked hourglass; `valid.h5` of the stacked hourglass (pose-hg-train, data/mpii/annot). Or a text file of one's own,
a line for each person: the picture's name and which person of it, from 1 as in the release.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deephar_ros.data.matlab import read_mat
from deephar_ros.data.samples import DatasetError
from deephar_ros.files import MOST_JSON, brief, read_json, read_text

FILES = ("detections.mat", "mpii_annotations.json", "valid.h5", "validation.txt")
"""Names that are looked for, the first that is there is taken."""

SOURCE = "detections.mat (mpii_valid_pred.zip, Tompson's page), mpii_annotations.json, valid.h5 or a text file"

Person = tuple[str, int]
"""Name of the picture, and which person of it, from 1."""


def read_validation(file: Path, pictures: Sequence[str]) -> set[Person]:
    """The persons for validation.

    Args:
        pictures: names of the release's pictures in its order, which detections.mat counts by.

    Raises:
        DatasetError: the file is missing or of none of the forms.
    """
    readers = {".mat": _detections, ".json": _hourglass_json, ".h5": _hourglass_h5, ".txt": _text}
    if file.suffix not in readers:
        raise DatasetError(f"{file}: the validation list is {SOURCE}")
    try:
        persons = readers[file.suffix](file, pictures)
    except DatasetError:
        raise
    except Exception as error:  # HDF5, and what is done with the values, stumble over a broken file in any way
        raise DatasetError(f"{file} is not a validation list of MPII ({brief(error)}); it is {SOURCE}") from error
    unknown = {name for name, _ in persons} - set(pictures)
    if unknown or not persons:
        raise DatasetError(f"{file} lists {len(persons)} persons and {len(unknown)} pictures not in the release")
    return persons


def _detections(file: Path, pictures: Sequence[str]) -> set[Person]:
    lists = read_mat(file, SOURCE, ["RELEASE_img_index", "RELEASE_person_index"])
    image, person = (np.ravel(lists[f"RELEASE_{kind}_index"]).astype(int) for kind in ("img", "person"))
    return {(pictures[i - 1], int(p)) for i, p in zip(image, person, strict=True)}


def _hourglass_json(file: Path, pictures: Sequence[str]) -> set[Person]:
    entries = read_json(file)
    return {(Path(e["img_paths"]).name, int(e["people_index"])) for e in entries if e["isValidation"]}


def _hourglass_h5(file: Path, pictures: Sequence[str]) -> set[Person]:
    """Persons count from 0 here. Names are strings, or rows of character codes filled up with zeros."""
    import h5py

    with h5py.File(file) as lists:
        names, persons = lists["imgname"][:], lists["person"][:]
    encoded = [bytes(np.asarray(n).astype(np.uint8)).rstrip(b"\0") if np.ndim(n) else bytes(n) for n in names]
    return {(name.decode(), int(person) + 1) for name, person in zip(encoded, persons, strict=True)}


def _text(file: Path, pictures: Sequence[str]) -> set[Person]:
    lines = [
        line.split() for line in read_text(file, MOST_JSON).splitlines() if line.strip() and not line.startswith("#")
    ]
    return {(name, int(person)) for name, person in lines}
