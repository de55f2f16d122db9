"""Annotation files of the data sets: they are read, or refused as a DatasetError that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from cdflib.cdfwrite import CDF
from damage import arrays, damaged, put, reads_or_refuses, some_changed
from fuzzing import fuzz
from hypothesis import strategies as st
from scipy.io import savemat

from deephar_ros.data.folder import load_folder_clips
from deephar_ros.data.human36m import read_positions
from deephar_ros.data.human36m_metadata import CAMERAS, SUBJECTS, read_cameras
from deephar_ros.data.lsp import load_lsp
from deephar_ros.data.matlab import read_mat
from deephar_ros.data.mpii import load_mpii
from deephar_ros.data.mpii_split import read_validation
from deephar_ros.data.ntu_skeleton import main_actor, read_skeleton
from deephar_ros.data.penn_action import LABELS, load_penn_action_clips
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.data.utd_mhad import load_utd_mhad_clips, read_depth

Write = Callable[[Path, dict[str, Any]], object]
PENN = {
    **{"x": np.full((2, 13), 5.0), "y": np.full((2, 13), 7.0), "visibility": np.ones((2, 13), np.uint8)},
    **{"action": LABELS[0], "train": 1, "dimensions": np.array([[48, 64, 2]])},
}
SKELETON = np.ones((20, 3, 4))
COMPACT = {
    **{"depth8": np.ones((2, 3, 4), np.uint8), "origin": np.array([10, 20]), "frame_idx": np.array([0, 3])},
    **{"n_depth": np.array(4), "skeleton": SKELETON},
}
WRONG = st.one_of(arrays(), st.sampled_from(["", "x", 0, -1, 10**9, 1e300, float("nan")]))


def save_mat(compress: bool) -> Write:
    return lambda path, values: savemat(path, values, do_compression=compress)


def spoil(path: Path, right: dict[str, Any], write: Write, data: st.DataObject) -> None:
    """Writes a file with other values than the right ones, or with right ones and then damages it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if data.draw(st.booleans()):
        write(path, data.draw(some_changed(right, WRONG)))
    else:
        write(path, right)
        put(path, data.draw(damaged(path.read_bytes())))


@fuzz("LSP", data=st.data(), name=st.sampled_from(["joints.mat", "joints.npz"]), extended=st.booleans())
def test_lsp(tmp_path: Path, data: st.DataObject, name: str, extended: bool) -> None:
    folder = tmp_path / name
    put(folder / "images" / "im0001.jpg", b"")
    put(folder / "images" / "imposing.jpg", b"")
    right = {"joints": np.ones((14, 3, 2) if extended else (3, 14, 2))} if name == "joints.mat" else None
    write: Write = save_mat(False) if right else lambda path, values: np.savez(path, **values)
    spoil(folder / name, right or {"joints": np.ones((2, 14, 3))}, write, data)
    reads_or_refuses(lambda: load_lsp(folder, extended), (DatasetError, FileNotFoundError), name)


@fuzz("Penn Action", data=st.data(), compress=st.booleans())
def test_penn_action(tmp_path: Path, data: st.DataObject, compress: bool) -> None:
    spoil(tmp_path / "labels" / "0001.mat", PENN, save_mat(compress), data)
    reads_or_refuses(lambda: load_penn_action_clips(tmp_path, "all", pictures=False), DatasetError, "0001.mat")


@fuzz("UTD-MHAD", data=st.data(), compress=st.booleans())
def test_utd_mhad(tmp_path: Path, data: st.DataObject, compress: bool) -> None:
    depth, skeleton = tmp_path / "Depth" / "a1_s1_t1_depth.mat", tmp_path / "Skeleton" / "a1_s1_t1_skeleton.mat"
    part = data.draw(st.sampled_from([depth, skeleton]))
    right = {depth: {"d_depth": np.full((240, 320, 2), 2000, np.uint16)}, skeleton: {"d_skel": SKELETON}}
    for path, values in right.items():
        path.parent.mkdir(exist_ok=True)
        savemat(path, values, do_compression=True)
    spoil(part, right[part], save_mat(compress or part == depth), data)
    if reads_or_refuses(lambda: load_utd_mhad_clips(tmp_path, "train"), DatasetError, part.name):
        reads_or_refuses(lambda: read_depth(depth.with_name(depth.name), 0), DatasetError, depth.name)


@fuzz("UTD-MHAD", data=st.data())
def test_utd_mhad_in_its_compact_form(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "a1_s1_t1.npz"
    spoil(file, COMPACT, lambda path, values: np.savez(path, **values), data)
    reads_or_refuses(lambda: load_utd_mhad_clips(tmp_path, "train"), DatasetError, file.name)
    from deephar_ros.data.utd_mhad import _depth_of

    _depth_of.cache_clear()  # the same name holds another file each time
    reads_or_refuses(lambda: read_depth(file, 0), DatasetError, file.name)


def body(number: int) -> str:
    joints = [" ".join(f"{0.1 * j + c:.6g}" for c in range(11)) + " 2" for j in range(25)]
    return "\n".join([f"{number} 0 1 1 1 1 0 0.02 0.05 2", "25", *joints])


NTU = "\n".join(["3", "1", body(72), "0", "2", body(72), body(73), ""]).encode()


@fuzz("NTU .skeleton", 2, content=damaged(NTU, text=True))
def test_ntu_skeleton(tmp_path: Path, content: bytes) -> None:
    file = put(tmp_path / "S001C001P001R001A001.skeleton", content)
    reads_or_refuses(lambda: main_actor(read_skeleton(file)), DatasetError, file.name)


@pytest.mark.parametrize("text", ["", "-3", "1000000000000", "5000 " + "0 " * 5001, "9" * 5000, "1 1000000000 7"])
def test_skeletons_that_promise_much_are_refused(tmp_path: Path, text: str) -> None:
    file = put(tmp_path / "a.skeleton", text.encode())
    assert not reads_or_refuses(lambda: read_skeleton(file), DatasetError, "a.skeleton")


METADATA = f"<?xml version='1.0'?><Metadata><w0>[{' '.join(f'{0.01 * n:.2f}' for n in range(300))}]</w0></Metadata>"
PARAMETERS = json.dumps(
    {
        "intrinsics": {c: {"calibration_matrix": np.eye(3).tolist(), "distortion": [0.0] * 5} for c in CAMERAS},
        "extrinsics": {s: {c: {"R": np.eye(3).tolist(), "t": [[0.0]] * 3} for c in CAMERAS} for s in SUBJECTS},
    }
)


@fuzz("Human3.6M cameras", 2, data=st.data(), name=st.sampled_from(["metadata.xml", "camera-parameters.json"]))
def test_human36m_cameras(tmp_path: Path, data: st.DataObject, name: str) -> None:
    right = METADATA if name.endswith("xml") else PARAMETERS
    file = put(tmp_path / name, data.draw(damaged(right.encode(), text=True)))
    reads_or_refuses(lambda: read_cameras(file), DatasetError, name)


def test_entities_that_multiply_are_refused(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    file = tmp_path / "metadata.xml"
    file.write_text(f'<!DOCTYPE m [<!ENTITY a "1 ">{entities}]><m><w0>&i;</w0></m>')
    with pytest.raises(DatasetError, match=r"metadata\.xml.*DOCTYPE"):
        read_cameras(file)


@pytest.fixture(scope="session")
def positions(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("cdf") / "Directions 1.cdf"
    file = CDF(str(path))
    what = {"Variable": "Pose", "Num_Elements": 1, "Rec_Vary": True, "Var_Type": "zVariable", "Data_Type": 44}
    file.write_var({**what, "Dim_Sizes": [2, 96]}, var_data=np.ones((1, 2, 96), np.float32))
    file.close()
    assert read_positions(path).shape == (2, 32, 3)
    return path.read_bytes()


@fuzz("Human3.6M .cdf", 2, data=st.data())
def test_human36m_positions(tmp_path: Path, positions: bytes, data: st.DataObject) -> None:
    file = put(tmp_path / "Directions 1.cdf", data.draw(damaged(positions)))
    reads_or_refuses(lambda: read_positions(file), DatasetError, file.name)


def structs(entries: list[dict[str, Any]]) -> np.ndarray:
    array = np.empty((1, len(entries)), dtype=[(name, object) for name in entries[0]])
    for number, entry in enumerate(entries):
        array[0, number] = tuple(entry.values())
    return array


POINT = {"x": 1.0, "y": 2.0, "id": 3, "is_visible": 1}
PERSON: dict[str, Any] = {
    **{"x1": 1.0, "y1": 1.0, "x2": 4.0, "y2": 5.0, "scale": 2.0},
    "objpos": structs([{"x": 5.0, "y": 6.0}]),
    "annopoints": structs([{"point": structs([POINT])}]),
}


def write_mpii(path: Path, values: dict[str, Any]) -> None:
    person = structs([{name: values.get(name, np.zeros((0, 0))) for name in PERSON}])
    image = structs([{"image": structs([{"name": values.get("name", "a.jpg")}]), "annorect": person}])
    release = {"annolist": image, "img_train": values.get("img_train", 1), "single_person": np.ones((1, 1), object)}
    savemat(path, {"RELEASE": structs([{**release, "act": structs([{"cat_name": values.get("cat_name", "run")}])}])})


@fuzz("MPII", 2, data=st.data())
def test_mpii(tmp_path: Path, data: st.DataObject) -> None:
    right = {**PERSON, "name": "a.jpg", "img_train": 1, "cat_name": "run"}
    file = tmp_path / "mpii_human_pose_v1_u12_1.mat"
    spoil(file, right, write_mpii, data)
    reads_or_refuses(lambda: load_mpii(tmp_path, "all"), DatasetError, tmp_path.name)


def write_validation(path: Path) -> None:
    if path.suffix == ".mat":
        savemat(path, {"RELEASE_img_index": np.array([1]), "RELEASE_person_index": np.array([1])})
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["imgname"], file["person"] = np.array([b"a.jpg"]), np.array([0])
    elif path.suffix == ".json":
        path.write_text(json.dumps([{"img_paths": "images/a.jpg", "people_index": 1, "isValidation": 1}]))
    else:
        path.write_text("# ours\na.jpg 1\n")


@fuzz("MPII validation list", data=st.data(), name=st.sampled_from(["d.mat", "v.h5", "m.json", "v.txt"]))
def test_mpii_validation_lists(tmp_path: Path, data: st.DataObject, name: str) -> None:
    file = tmp_path / name
    write_validation(file)
    assert read_validation(file, ["a.jpg"]) == {("a.jpg", 1)}
    put(file, data.draw(damaged(file.read_bytes(), text=name.endswith(("json", "txt")))))
    reads_or_refuses(lambda: read_validation(file, ["a.jpg"]), DatasetError, name)


@fuzz("own clips: split.json", content=damaged(b'{"train": ["wave/a", "sit/b"], "test": ["wave/c"]}', text=True))
def test_split_of_a_folder(tmp_path: Path, content: bytes) -> None:
    for name in ("wave/a", "sit/b", "wave/c"):
        if not (tmp_path / name).is_dir():
            (tmp_path / name).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / name / "1.png"), np.zeros((8, 8, 3), np.uint8))
    put(tmp_path / "split.json", content)
    reads_or_refuses(lambda: load_folder_clips(tmp_path, "train"), DatasetError, "split.json")


@fuzz("pictures of data sets", 2, data=st.data(), kind=st.sampled_from([".jpg", ".png", ".bmp", ".webp"]))
def test_pictures(tmp_path: Path, data: st.DataObject, kind: str) -> None:
    whole = cv2.imencode(kind, np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))[1].tobytes()
    file = put(tmp_path / f"picture{kind}", data.draw(damaged(whole)))
    reads_or_refuses(lambda: read(Picture(file)), DatasetError, file.name)


def test_a_picture_that_ends_early_is_not_filled_up(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
    file = put(tmp_path / "a.jpg", whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"a\.jpg does not decode as a picture: it ends early"):
        read(Picture(file))


def test_every_wrong_bit_in_the_tags_of_a_matlab_file_is_survived(tmp_path: Path) -> None:
    """SciPy alone ends the process at some of them."""
    file = tmp_path / "joints.mat"
    savemat(file, {"joints": np.ones((3, 14, 2))})
    whole = file.read_bytes()
    assert read_mat(file, "it anew")["joints"].shape == (3, 14, 2)
    for bit in range(8 * 124, 8 * 208):
        wrong = bytearray(whole)
        wrong[bit // 8] ^= 1 << bit % 8
        file.write_bytes(wrong)
        reads_or_refuses(lambda: read_mat(file, "it anew", ["joints"]), DatasetError, file.name)
