"""UTD-MHAD: depth and skeletons as MATLAB files written here, the compact form, and the real sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from deephar_ros.data import utd_mhad
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.data.utd_mhad import LABELS, depth_levels, load_utd_mhad_clips, read_depth
from deephar_ros.skeleton import PA17, PA20

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "utd_mhad_odd"


def write_sequence(folder: Path, name: str, depth_frames: int, rows: int) -> None:
    """Frame k of depth is 2000 + 10 k mm everywhere; row r of the skeleton has its joints at (j / 10, 0.5, 3 + r)."""
    (folder / "Depth").mkdir(exist_ok=True)
    (folder / "Skeleton").mkdir(exist_ok=True)
    depth = np.tile(2000 + 10 * np.arange(depth_frames), (240, 320, 1)).astype(np.uint16)
    depth[:10] = 0
    savemat(folder / "Depth" / f"{name}_depth.mat", {"d_depth": depth}, do_compression=True)
    skeleton = np.zeros((20, 3, rows))
    skeleton[:, 0], skeleton[:, 1] = np.arange(20)[:, None] / 10, 0.5
    skeleton[:, 2] = 3 + np.arange(rows)
    savemat(folder / "Skeleton" / f"{name}_skeleton.mat", {"d_skel": skeleton}, do_compression=True)


def test_a_sequence_in_the_official_format(tmp_path: Path) -> None:
    write_sequence(tmp_path, "a27_s1_t4", depth_frames=6, rows=11)
    (clip,) = load_utd_mhad_clips(tmp_path, "train", PA20)
    assert (clip.name, LABELS[clip.label], clip.size, clip.subject) == ("a27_s1_t4", "squat", (320, 240), "s1")
    # In proportion the frames show rows 0, 2, ..., 10, two rows late.
    depth = 1000 * (3 + np.array([0, 0, 2, 4, 6, 8]))
    np.testing.assert_allclose(clip.joints[:, PA20.index("pelvis"), 2], depth)
    kinect_left_hand, z = clip.joints[2, PA20.index("right_hand")], 5
    np.testing.assert_allclose(kinect_left_hand, (160 + 285.63 * 0.7 / z, 120 - 285.63 * 0.5 / z, 5000), rtol=1e-6)
    assert np.isnan(clip.joints[:, PA20.index("neck")]).all()
    assert clip.root_depth == pytest.approx(depth.mean())
    picture = read(clip.frames[3])
    assert picture.shape == (240, 320, 3)
    assert not picture[:10].any()
    assert (picture[10:] == 1 + (2030 - 1500) / 10).all()


def test_levels_of_depth() -> None:
    depth = np.array([0, 400, 1500, 1510, 4040, 9000], np.uint16)
    np.testing.assert_array_equal(depth_levels(depth), [0, 1, 1, 2, 255, 255])


def test_the_compact_form_is_put_back_in_its_place(tmp_path: Path) -> None:
    depth = np.arange(1, 25, dtype=np.uint8).reshape(2, 3, 4)
    skeleton = np.ones((20, 3, 5), np.float32)
    skeleton[:, 2] = np.arange(1, 6)
    np.savez(
        tmp_path / "a1_s3_t1.npz",
        depth8=depth,
        origin=np.array([100, 50]),
        frame_idx=np.array([0, 4]),
        n_depth=5,
        skeleton=skeleton,
    )
    (clip,) = load_utd_mhad_clips(tmp_path, "inner_train")
    np.testing.assert_allclose(clip.joints[:, PA17.index("head"), 2], (1000, 3000))
    picture = read(clip.frames[1])
    np.testing.assert_array_equal(picture[50:53, 100:104, 2], depth[1])
    assert picture.sum() == 3 * depth[1].sum()


def test_odd_subjects_train_even_ones_test(tmp_path: Path) -> None:
    for subject in range(1, 9):
        write_sequence(tmp_path, f"a2_s{subject}_t1", 2, 2)
    subjects = {split: [c.subject for c in load_utd_mhad_clips(tmp_path, split)] for split in utd_mhad.SUBJECTS}
    assert subjects == {
        "train": ["s1", "s3", "s5", "s7"],
        "test": ["s2", "s4", "s6", "s8"],
        "inner_train": ["s1", "s3", "s5"],
        "inner_validation": ["s7"],
    }
    assert len(LABELS) == 27


def test_what_is_missing_or_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"has no Skeleton/a.*download them from personal\.utdallas"):
        load_utd_mhad_clips(tmp_path, "train")
    write_sequence(tmp_path, "a1_s1_t1", 3, 3)
    depth, skeleton = tmp_path / "Depth" / "a1_s1_t1_depth.mat", tmp_path / "Skeleton" / "a1_s1_t1_skeleton.mat"
    for frame in (-1, 3):
        with pytest.raises(DatasetError, match=f"no frame {frame} .*3 frames"):
            read_depth(depth, frame)
    whole = depth.read_bytes()
    depth.write_bytes(b"half a download")
    with pytest.raises(DatasetError, match="is no MATLAB file"):
        load_utd_mhad_clips(tmp_path, "train")
    savemat(depth, {"other": np.zeros(3)})
    with pytest.raises(DatasetError, match="holds no d_depth"):
        load_utd_mhad_clips(tmp_path, "train")
    depth.unlink()
    with pytest.raises(DatasetError, match=r"a1_s1_t1_depth\.mat is missing"):
        load_utd_mhad_clips(tmp_path, "train")
    depth.write_bytes(whole)
    savemat(skeleton, {"other": np.zeros(3)})
    with pytest.raises(DatasetError, match="has no d_skel"):
        load_utd_mhad_clips(tmp_path, "train")
    write_sequence(tmp_path, "a28_s1_t1", 3, 3)
    skeleton.unlink()
    with pytest.raises(DatasetError, match="no action a28"):
        load_utd_mhad_clips(tmp_path, "train")


def test_a_broken_depth_file_is_refused_when_it_is_read(tmp_path: Path) -> None:
    write_sequence(tmp_path, "a1_s1_t1", 3, 3)
    depth = tmp_path / "Depth" / "a1_s1_t1_depth.mat"
    depth.write_bytes(depth.read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"depth\.mat is not a MATLAB file"):
        read(Picture(depth, 0))


def test_joints_of_the_real_sequences_lie_on_the_body_with_the_right_hand_at_our_left() -> None:
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there")
    waves = [clip for clip in load_utd_mhad_clips(REAL, "train") if LABELS[clip.label] == "wave"]
    assert len(waves) == 16
    on_body, shoulder, active = [], [], []
    for clip in waves[::4]:
        left, right = clip.joints[:, PA17.index("left_wrist")], clip.joints[:, PA17.index("right_wrist")]
        active.append(np.ptp(left[:, 1]) > 4 * np.ptp(right[:, 1]))  # all wave with the real right hand
        shoulder.append(
            clip.joints[:, PA17.index("left_shoulder"), 0] > clip.joints[:, PA17.index("right_shoulder"), 0]
        )
        for frame, joints in zip(clip.frames, clip.joints, strict=True):
            for name in ("left_elbow", "left_wrist", "right_elbow", "right_wrist", "spine", "left_knee"):
                x, y, _ = joints[PA17.index(name)].astype(int)
                on_body.append(read(frame)[y, x, 0] > 0)
    assert all(active)
    assert np.concatenate(shoulder).all()
    assert np.mean(on_body) > 0.95
