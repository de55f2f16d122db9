"""Leeds Sports Pose and its extension: tiny files in the official form, and the real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from deephar_ros.data.lsp import load_lsp
from deephar_ros.data.samples import DatasetError
from deephar_ros.skeleton import LSP14, PA16, PA17

REAL = Path(__file__).parents[3] / "shared" / "data"


def write_set(folder: Path, extended: bool, persons: int, pictures: list[int]) -> None:
    """Joint k of person n at (100n + k, 200n + k)."""
    (folder / "images").mkdir(parents=True)
    for number in pictures:
        name = f"im{number:05d}.jpg" if extended else f"im{number:04d}.jpg"
        cv2.imwrite(str(folder / "images" / name), np.zeros((8, 8, 3), np.uint8))
    n, k = np.meshgrid(np.arange(1, persons + 1), np.arange(14), indexing="ij")
    joints = np.stack([100.0 * n + k, 200.0 * n + k, np.ones_like(n)], -1)
    if extended:
        joints[-1, LSP14.index("left_hip")] = 0
    savemat(folder / "joints.mat", {"joints": joints.transpose((1, 2, 0) if extended else (2, 1, 0))})


def test_lsp_is_read_with_its_official_split(tmp_path: Path) -> None:
    write_set(tmp_path, extended=False, persons=1002, pictures=[1, 1000, 1001])
    assert [s.name for s in load_lsp(tmp_path, extended=False)] == ["im0001", "im1000", "im1001"]
    assert [s.name for s in load_lsp(tmp_path, extended=False, split="train")] == ["im0001", "im1000"]
    (test,) = load_lsp(tmp_path, extended=False, split="test", layout=PA16)
    assert test.picture.path == tmp_path / "images" / "im1001.jpg"
    for joint in LSP14.joints:
        k = LSP14.index(joint)
        assert test.joints[PA16.index(joint), :2].tolist() == [100100 + k, 200200 + k], joint
    assert test.joints[PA16.index("pelvis"), :2].tolist() == [100102.5, 200202.5]  # between the hips, joints 2 and 3
    assert np.isnan(test.joints[:, 2]).all()
    assert (test.window.x, test.window.width) == (100106.5, 1.25 * 13)


def test_joints_that_lsp_extended_marks_are_missing(tmp_path: Path) -> None:
    write_set(tmp_path, extended=True, persons=3, pictures=[1, 3])  # the picture of row 2 is not there
    first, third = load_lsp(tmp_path, extended=True)
    assert (first.name, third.name) == ("im00001", "im00003")
    assert np.isfinite(first.joints[:, :2]).all()
    lost = [PA17.index(joint) for joint in ("left_hip", "pelvis", "spine")]
    assert np.isnan(third.joints[lost]).all()
    assert np.isfinite(np.delete(third.joints, lost, 0)[:, :2]).all()
    assert load_lsp(tmp_path, extended=True, split="test") == []


def test_a_teacher_gives_depths_and_puts_sides_right(tmp_path: Path) -> None:
    write_set(tmp_path, extended=False, persons=3, pictures=[1, 3])
    depth = np.full((3, 17), np.nan, np.float32)
    depth[2] = np.arange(17)
    swapped = np.array([[False, False], [True, True], [True, False]])
    np.savez(tmp_path / "teacher.npz", depth=depth, swapped=swapped)
    plain, (first, third) = load_lsp(tmp_path, False), load_lsp(tmp_path, False, teacher=tmp_path / "teacher.npz")
    np.testing.assert_array_equal(first.joints, plain[0].joints)
    np.testing.assert_array_equal(third.joints[:, 2], depth[2])
    assert third.root_depth == 0  # depths are from the pelvis
    legs = [PA17.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle") for side in ("left", "right")]
    mirrored = plain[1].joints[PA17.flip]
    np.testing.assert_array_equal(third.joints[legs, :2], mirrored[legs, :2])
    rest = np.delete(np.arange(17), legs)
    np.testing.assert_array_equal(third.joints[rest, :2], plain[1].joints[rest, :2])
    np.savez(tmp_path / "other.npz", depth=depth[:2], swapped=swapped[:2])
    with pytest.raises(DatasetError, match="teach_depth"):
        load_lsp(tmp_path, False, teacher=tmp_path / "other.npz")


def test_the_head_reaches_from_the_neck_to_its_top(tmp_path: Path) -> None:
    write_set(tmp_path, extended=False, persons=1, pictures=[1])
    assert load_lsp(tmp_path, False)[0].head == pytest.approx(2**0.5)


def test_the_other_set_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "lsp", extended=False, persons=2, pictures=[1])
    with pytest.raises(DatasetError, match="is it LSP"):
        load_lsp(tmp_path / "lsp", extended=True)
    with pytest.raises(FileNotFoundError, match=r"joints\.mat is missing"):
        load_lsp(tmp_path, extended=False)


@pytest.mark.skipif(not (REAL / "lspet_compact").is_dir(), reason="no LSP in ../shared/data")
def test_the_sets_at_hand_have_the_people_that_their_papers_tell() -> None:
    lsp, extended = load_lsp(REAL / "lsp_train", extended=False), load_lsp(REAL / "lspet_compact", extended=True)
    assert (len(lsp), len(extended)) == (1000, 9998)  # two of 10,000 pictures were taken out of this copy
    joints = np.stack([sample.joints for sample in lsp])
    facing = joints[:, PA17.index("right_shoulder"), 0] < joints[:, PA17.index("left_shoulder"), 0]
    assert facing.mean() > 0.6  # sports people are taken from the front more often than from behind
