"""Users' own clips in folders."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deephar_ros.data.folder import folder_labels, load_folder_clips
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError
from deephar_ros.skeleton import PA17


def write_pictures(place: Path, count: int) -> None:
    place.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(place / f"{number:03d}.png"), np.full((6, 8, 3), number, np.uint8))


def write_video(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for _ in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())


def test_videos_and_folders_of_pictures_are_clips(tmp_path: Path) -> None:
    write_video(tmp_path / "wave" / "b.mp4", 5)
    write_pictures(tmp_path / "jump" / "a", 3)
    (tmp_path / "wave" / "notes.txt").write_text("no clip")
    assert folder_labels(tmp_path) == ("jump", "wave")
    jump, wave = load_folder_clips(tmp_path, "all", PA17)
    assert (jump.name, jump.label, jump.size, len(jump.frames)) == ("jump/a", 0, (8, 6), 3)
    assert (wave.name, wave.label, wave.size, len(wave.frames)) == ("wave/b.mp4", 1, (32, 16), 5)
    assert read(jump.frames[2])[0, 0, 0] == 2
    assert read(wave.frames[4]).shape == (16, 32, 3)
    assert wave.joints.shape == (5, 17, 3)
    assert np.isnan(wave.joints).all()


def test_parts_as_subfolders(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train" / "wave" / "a", 1)
    write_pictures(tmp_path / "test" / "wave" / "b", 1)
    write_pictures(tmp_path / "test" / "jump" / "c", 1)
    assert folder_labels(tmp_path) == ("jump", "wave")
    assert [(clip.name, clip.label) for clip in load_folder_clips(tmp_path, "train")] == [("train/wave/a", 1)]
    assert len(load_folder_clips(tmp_path, "all")) == 3
    with pytest.raises(DatasetError, match="no part validation; it has train, test"):
        load_folder_clips(tmp_path, "validation")


def test_parts_by_a_list(tmp_path: Path) -> None:
    for name in ("wave/a", "wave/b", "jump/c"):
        write_pictures(tmp_path / name, 1)
    split = {"train": ["wave/a", "jump/c"], "test": ["wave/b", "wave/lost"]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    assert [clip.name for clip in load_folder_clips(tmp_path, "train")] == ["jump/c", "wave/a"]
    with pytest.raises(DatasetError, match="lists wave/lost, which is not there"):
        load_folder_clips(tmp_path, "test")


def test_folders_without_actions_or_parts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no subfolder"):
        folder_labels(tmp_path)
    write_pictures(tmp_path / "wave" / "a", 1)
    with pytest.raises(DatasetError, match="ask for the split all"):
        load_folder_clips(tmp_path, "train")
