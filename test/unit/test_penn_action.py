"""Penn Action: label files in the official form, written by the tests, and the real ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from deephar_ros.data.penn_action import JOINTS, LABELS, load_penn_action, load_penn_action_clips, read_label_file
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.windows import clip_window
from deephar_ros.skeleton import PA16, PA17

REAL = Path(__file__).parents[3] / "shared" / "data" / "penn_train_labels"


def write_video(folder: Path, number: int, action: str, train: int, frames: int, pictures: int) -> None:
    """Column k of frame t at (100 + 10k + t, 150 + k); the last column is invisible, column 1 is (0, 0) in frame 0."""
    (folder / "labels").mkdir(exist_ok=True)
    t, k = np.meshgrid(np.arange(frames), np.arange(13), indexing="ij")
    x, y, visibility = 100.0 + 10 * k + t, 150.0 + k, np.ones((frames, 13), np.uint8)
    visibility[:, -1] = 0
    x[0, 1] = y[0, 1] = 0
    savemat(
        folder / "labels" / f"{number:04d}.mat",
        {
            **{"x": x, "y": y, "visibility": visibility, "action": action, "pose": "front", "train": train},
            **{"bbox": np.ones((frames, 4)), "dimensions": [[270, 480, frames]], "nframes": frames},
        },
    )
    place = folder / "frames" / f"{number:04d}"
    place.mkdir(parents=True)
    for t in range(pictures):
        cv2.imwrite(str(place / f"{t + 1:06d}.jpg"), np.zeros((8, 8, 3), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path, 1, "bowl", train=1, frames=5, pictures=5)
    write_video(tmp_path, 2, "tennis_serve", train=-1, frames=2, pictures=1)
    return tmp_path


def test_a_video_is_a_clip_with_its_label(folder: Path) -> None:
    (clip,) = load_penn_action_clips(folder, "train", PA17)
    assert (clip.name, LABELS[clip.label], clip.size) == ("0001", "bowling", (480, 270))
    assert clip.frames[4].path == folder / "frames" / "0001" / "000005.jpg"
    assert clip.joints.shape == (5, 17, 3)
    assert clip.joints[3, PA17.index("head"), :2].tolist() == [103, 150]
    unknown = ["pelvis", "thorax", "neck", "spine", JOINTS[-1]]
    assert np.isnan(clip.joints[1:, [PA17.index(joint) for joint in unknown]]).all()
    assert np.isfinite(np.delete(clip.joints[1:], [PA17.index(joint) for joint in unknown], 1)[..., :2]).all()
    assert np.isnan(clip.joints[0, PA17.index(JOINTS[1])]).all()  # (0, 0) is missing, too
    assert np.isnan(clip.joints[..., 2]).all()


def test_the_first_column_of_a_pair_is_the_right_one(folder: Path) -> None:
    """SPNET.md section 3.5: columns 1 to 12 go to the places 4 to 15, where right comes first."""
    (clip,) = load_penn_action_clips(folder, "train", PA16)
    assert clip.joints[2, PA16.index("right_shoulder"), 0] == 112
    assert clip.joints[2, PA16.index("left_shoulder"), 0] == 122
    np.testing.assert_array_equal(clip.joints[2, 4:15, 0], 112 + 10 * np.arange(11))


def test_frames_are_samples_with_the_window_of_their_joints(folder: Path) -> None:
    samples = load_penn_action(folder, "train", every=2)
    assert [sample.name for sample in samples] == ["0001.000001", "0001.000003", "0001.000005"]
    assert samples[1].picture.path.name == "000003.jpg"
    assert samples[1].window == clip_window(samples[1].joints[None, :, :2], (480, 270))
    assert samples[1].activity == "bowling"


def test_missing_pictures_matter_only_where_they_are_asked_for(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"0002 holds 1 of 2 pictures.*dreamdragon"):
        load_penn_action_clips(folder, "test")
    (clip,) = load_penn_action_clips(folder, "test", pictures=False)
    assert (clip.name, len(clip.frames)) == ("0002", 2)
    assert [clip.name for clip in load_penn_action_clips(folder, "all", pictures=False)] == ["0001", "0002"]


def test_broken_label_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"labels holds no \*\.mat"):
        load_penn_action_clips(tmp_path / "elsewhere", "train")
    (folder / "labels" / "0003.mat").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"0003\.mat is not a MATLAB file.*dreamdragon"):
        load_penn_action_clips(folder, "train")
    write_video(folder, 4, "sleeping", train=1, frames=1, pictures=1)
    with pytest.raises(DatasetError, match=r"0004\.mat is not a label file .* 'sleeping' is none"):
        read_label_file(folder / "labels" / "0004.mat")


def test_the_labels_are_those_that_networks_are_configured_with() -> None:
    config = Path(__file__).parents[2] / "config" / "actions" / "penn_action.txt"
    assert tuple(config.read_text().split()) == LABELS


@pytest.mark.skipif(not REAL.is_dir(), reason="no Penn Action labels in ../shared/data")
def test_bowlers_are_seen_from_behind_with_their_right_side_on_the_right() -> None:
    names = (f"{number:04d}.mat" for number in range(570, 700))
    videos = [read_label_file(REAL / name) for name in names if (REAL / name).is_file()]
    bowling = [video.points for video in videos if LABELS[video.label] == "bowling"]
    assert len(bowling) > 20
    points = np.concatenate(bowling)
    right, left = (points[:, JOINTS.index(f"{side}_shoulder"), 0] for side in ("right", "left"))
    both = np.isfinite(right) & np.isfinite(left)
    assert (right > left)[both].mean() > 0.85
