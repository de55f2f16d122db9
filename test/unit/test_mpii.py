"""MPII Human Pose: files in the form of the release, written by the tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from deephar_ros.data.mpii import load_mpii
from deephar_ros.data.samples import DatasetError, Sample
from deephar_ros.data.windows import mpii_window
from deephar_ros.skeleton import MPII16, PA16, PA17

EMPTY = np.zeros((0, 0))


def structs(entries: Sequence[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array of one row; a field that an entry lacks is empty."""
    fields = sorted({name for entry in entries for name in entry})
    array = np.empty((1, len(entries)), dtype=[(name, object) for name in fields])
    for i, entry in enumerate(entries):
        array[0, i] = tuple(entry.get(name, EMPTY) for name in fields)
    return array


def person(seed: int, joints: Sequence[int] = range(16)) -> dict[str, Any]:
    """Joint k at (100 * seed + k, 200 * seed + 2k); visibility in all the forms of the release."""
    points = [
        {"x": 100.0 * seed + k, "y": 200.0 * seed + 2 * k, "id": k, "is_visible": ("1", "0", 1, EMPTY)[k % 4]}
        for k in joints
    ]
    return {
        **{"x1": 10.0, "y1": 20.0, "x2": 13.0, "y2": 24.0, "scale": 2.0},
        "objpos": structs([{"x": 50.0, "y": 60.0}]),
        "annopoints": structs([{"point": structs(points)}]),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_release(tmp_path, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    return tmp_path


def write_release(folder: Path, names: Sequence[str]) -> None:
    """Four pictures: one person; two persons and one without joints; a test picture; one joint alone."""
    bystander = {"x1": 1.0, "y1": 1.0, "x2": 2.0, "y2": 2.0, "objpos": structs([{"x": 5.0, "y": 6.0}]), "scale": 1.0}
    rects = [[person(1)], [person(2), bystander, person(3, [0, 9])], [bystander], [person(4, [6])]]
    annolist = [
        {"image": structs([{"name": name}]), "annorect": structs(rect), "frame_sec": 1.0}
        for name, rect in zip(names, rects, strict=True)
    ]
    single = np.empty((4, 1), object)
    single[:, 0] = [np.array([[1]]), np.array([[1], [3]]), EMPTY, EMPTY]
    acts = structs([{"act_id": 1, "act_name": "x", "cat_name": name} for name in ("sports", "dancing", "", "home")])
    release = {
        "annolist": structs(annolist),
        "img_train": np.array([[1, 1, 0, 1]]),
        "single_person": single,
        "act": acts.T,
    }
    savemat(folder / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})


def names(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


def test_persons_are_read_with_their_joints_window_and_head(folder: Path) -> None:
    samples = load_mpii(folder, "all", PA17)
    assert names(samples) == ["a_1", "b_1", "b_3", "d_1"]
    first = samples[0]
    assert first.picture.path == folder / "images" / "a.jpg"
    assert first.joints.shape == (17, 3)
    for joint in MPII16.joints:
        k = MPII16.index(joint)
        assert first.joints[PA17.index(joint), :2].tolist() == [100 + k, 200 + 2 * k], joint
    assert np.isnan(first.joints[PA17.index("spine")]).all()
    assert np.isnan(first.joints[:, 2]).all()
    assert first.window == mpii_window((50.0, 60.0), 2.0)
    assert first.head == pytest.approx(0.6 * 5)
    assert (first.activity, samples[1].activity) == ("sports", "dancing")
    known = np.isfinite(samples[2].joints[:, 0])
    assert [PA17.joints[j] for j in np.flatnonzero(known)] == ["head", "right_ankle"]


def test_only_separate_persons_on_request(folder: Path) -> None:
    assert names(load_mpii(folder, "all", separate_only=True)) == ["a_1", "b_1", "b_3"]


def write_list(folder: Path, kind: str) -> None:
    """Persons a_1 and b_3 for validation, in one of the public forms."""
    if kind == "detections.mat":
        savemat(folder / kind, {"RELEASE_img_index": [[1, 2]], "RELEASE_person_index": [[1, 3]]})
    elif kind == "mpii_annotations.json":
        entries = [("a.jpg", 1, 1.0), ("b.jpg", 1, 0.0), ("b.jpg", 3, 1.0), ("d.jpg", 1, 0.0)]
        keys = ("img_paths", "people_index", "isValidation")
        (folder / kind).write_text(json.dumps([dict(zip(keys, entry, strict=True)) for entry in entries]))
    elif kind == "valid.h5":
        with h5py.File(folder / kind, "w") as file:
            file["imgname"] = np.array([[*b"a.jpg", 0, 0], [*b"b.jpg", 0, 0]], float)
            file["person"] = [0, 2]
    elif kind == "validation.txt":
        (folder / kind).write_text("# picture person\na.jpg 1\nb.jpg 3\n")


@pytest.mark.parametrize("kind", ["detections.mat", "mpii_annotations.json", "valid.h5", "validation.txt"])
def test_every_public_form_of_the_validation_list_splits_the_persons(folder: Path, kind: str) -> None:
    write_list(folder, kind)
    assert names(load_mpii(folder, "validation", PA16)) == ["a_1", "b_3"]
    assert names(load_mpii(folder, "train", PA16)) == ["b_1", "d_1"]


def test_names_as_strings_in_the_hourglass_list_are_read_too(folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as file:
        file["imgname"], file["person"] = [b"d.jpg"], [0]
    assert names(load_mpii(folder, "validation", validation=folder / "other.h5")) == ["d_1"]


def test_what_is_missing_is_named_with_its_source(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no validation list.*mpii_valid_pred\.zip"):
        load_mpii(folder, "train")
    with pytest.raises(DatasetError, match=r"v1_u12_1\.mat is missing.*human-pose\.mpi-inf\.mpg\.de"):
        load_mpii(tmp_path / "elsewhere", "all")
    (folder / "validation.txt").write_text("unknown.jpg 1\n")
    with pytest.raises(DatasetError, match="1 pictures not in the release"):
        load_mpii(folder, "train")


@pytest.mark.parametrize("name", ["../../secret.jpg", "/etc/secret.jpg", "sub/a.jpg", ".."])
def test_a_release_cannot_name_pictures_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    write_release(tmp_path, ["a.jpg", name, "c.jpg", "d.jpg"])
    with pytest.raises(DatasetError, match="which is no file of images/"):
        load_mpii(tmp_path, "all")
