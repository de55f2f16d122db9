"""Looking at data sets and preparing them, from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deephar_ros.cli import inspect, prepare
from deephar_ros.data.contact import TILE, count, people_sheet
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.sets import SETS, labels_of, load_set
from deephar_ros.data.windows import CropWindow
from deephar_ros.draw import LEFT, RIGHT
from deephar_ros.skeleton import PA16, PA17


def run(monkeypatch: pytest.MonkeyPatch, command: object, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    return command.main()  # type: ignore[attr-defined]


def write_video(path: Path, frames: int, shape: tuple[int, int] = (48, 64)) -> None:
    """Frame k has brightness 10 + 3k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = *shape, "yuv420p"
        for number in range(frames):
            picture = np.full((*shape, 3), 10 + 3 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def standing(x: float) -> np.ndarray:
    """(16, 3) somebody 80 pixels tall at column x who faces the camera: left is at the right of the picture."""
    joints = np.full((16, 3), np.nan, np.float32)
    for k, part in enumerate(("shoulder", "elbow", "wrist", "hip", "knee", "ankle")):
        for side, offset in (("left", 15), ("right", -15)):
            joints[PA16.index(f"{side}_{part}"), :2] = x + offset, 20 + 16 * k
    return joints


@pytest.fixture
def person(tmp_path: Path) -> Sample:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((120, 200, 3), np.uint8))
    return Sample("a", Picture(path), standing(100), PA16, CropWindow(100, 60, 100, 100), activity="standing")


def test_counts_of_persons(person: Sample, tmp_path: Path) -> None:
    gone = Sample("b", Picture(tmp_path / "gone.png"), np.full((16, 3), 5.0), PA16, person.window, subject="S1")
    counts = count([person, gone])
    assert (counts.persons, counts.frames, counts.missing) == (2, 2, [tmp_path / "gone.png"])
    assert (dict(counts.classes), dict(counts.subjects)) == ({"standing": 1}, {"S1": 1})
    assert counts.joints[PA16.index("left_knee")] == 1
    assert counts.joints[PA16.index("head")] == 0.5
    assert counts.depths[PA16.index("left_knee")] == 0.5


def test_counts_of_clips_name_their_actions(tmp_path: Path) -> None:
    frames = tuple(Picture(tmp_path / f"{t}.png") for t in range(3))
    joints = np.stack([standing(50)] * 3)
    clips = [Clip(f"c{i}", frames, joints, PA16, (200, 120), label=i % 2) for i in range(3)]
    counts = count(clips, ("jump", "wave"))
    assert (counts.persons, counts.frames, len(counts.missing)) == (3, 9, 3)
    assert dict(counts.classes) == {"jump": 2, "wave": 1}


def test_the_sheet_shows_left_in_blue_and_right_in_orange(person: Sample) -> None:
    tile = people_sheet([person])[:TILE, :TILE].astype(int)
    blue, orange = (np.argwhere(np.abs(tile - colour).sum(-1) < 30) for colour in (LEFT, RIGHT))
    assert min(len(blue), len(orange)) > 100
    assert blue[:, 1].min() > TILE / 2 > orange[:, 1].max()


def test_a_sheet_of_pictures_that_are_not_there_has_the_joints_alone(person: Sample, tmp_path: Path) -> None:
    person.picture.path.unlink()
    sheet = people_sheet([person])
    assert sheet.shape == (5 * TILE, 5 * TILE, 3)
    assert sheet[2, 2].tolist() == [90, 90, 90]


def test_inspect_prints_numbers_and_draws_a_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "clips" / "wave" / "a.mp4", 4)
    write_video(tmp_path / "clips" / "jump" / "b.mp4", 3)
    out = tmp_path / "sheet.png"
    assert run(monkeypatch, inspect, "folder", tmp_path / "clips", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "folder all: 2 persons or clips, 7 frames" in printed
    assert "jump                                1" in printed
    assert cv2.imread(str(out)) is not None


def test_inspect_of_nothing_tells_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, inspect, "penn", tmp_path) == 1
    assert "Penn_Action.tar.gz" in capsys.readouterr().err


@pytest.mark.parametrize("name", SETS)
def test_every_set_says_that_an_empty_folder_is_not_it(name: str, tmp_path: Path) -> None:
    with pytest.raises((DatasetError, FileNotFoundError), match=str(tmp_path)):
        load_set(name, tmp_path, SETS[name].splits[0], PA17)


def test_parts_that_a_set_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="utd_mhad has no part validation; it has train, test"):
        load_set("utd_mhad", tmp_path, "validation")


def test_sets_with_actions_name_them(tmp_path: Path) -> None:
    (tmp_path / "wave").mkdir()
    (tmp_path / "metadata.json").write_text('{"labels": ["standing", "lying"]}')
    numbers = {name: len(labels_of(name, tmp_path)) for name in SETS}
    assert numbers == {
        "mpii": 0,
        "lsp": 0,
        "lspet": 0,
        "penn": 15,
        "human36m": 15,
        "ntu": 60,
        "utd_mhad": 27,
        "folder": 1,
        "synthetic": 0,
        "synthetic_tracks": 2,
    }


def test_preparing_names_what_is_missing_and_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0001.mat").touch()
    assert run(monkeypatch, prepare, "penn", tmp_path, "--check") == 1
    printed = capsys.readouterr().out
    assert "labels/*.mat: 1 of 2326; from the page of Penn Action" in printed
    assert "frames/[0-9]*: 0 of 2326" in printed


def test_preparing_ntu_extracts_every_second_frame_at_half_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "official", tmp_path / "prepared"
    name = "S001C001P001R001A001"
    write_video(source / "nturgb+d_rgb" / f"{name}_rgb.avi", 5)
    (source / "nturgb+d_skeletons").mkdir()
    assert run(monkeypatch, prepare, "ntu", source, "--out", out) == 1  # the rest of the set is missing
    files = sorted((out / "images-small" / name).iterdir())
    assert [file.name for file in files] == ["00001.jpg", "00003.jpg", "00005.jpg"]
    assert [cv2.imread(str(file)).shape for file in files] == [(24, 32, 3)] * 3
    np.testing.assert_allclose([cv2.imread(str(file)).mean() for file in files], [10, 16, 22], atol=2)
    assert (out / "nturgb+d_skeletons").is_dir()
    assert not (source / "images-small").exists()


def test_preparing_goes_on_where_it_stopped_and_past_broken_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    videos = tmp_path / "S9" / "Videos"
    for take in ("Eating.54138969", "Eating.55011271", "Waiting.54138969", "_ALL.54138969"):
        write_video(videos / f"{take}.mp4", 66)
    (videos / "Posing.54138969.mp4").write_bytes(b"cut short")
    done = tmp_path / "S9" / "Images" / "Eating.54138969"
    done.mkdir(parents=True)
    (done / "00001.jpg").write_bytes(b"of an earlier run")
    stopped = tmp_path / "S9" / "Images" / ".Eating.55011271.part"
    stopped.mkdir()

    assert run(monkeypatch, prepare, "human36m", tmp_path, "--workers", "2") == 1
    assert "Posing.54138969.mp4 cannot be opened" in capsys.readouterr().err
    found = {place.name: sorted(file.name for file in place.iterdir()) for place in done.parent.glob("[!.]*")}
    every_64th = ["00001.jpg", "00065.jpg"]
    assert found == {
        "Eating.54138969": ["00001.jpg"],
        "Eating.55011271": every_64th,
        "Waiting.54138969": every_64th,
    }
    assert (done / "00001.jpg").read_bytes() == b"of an earlier run"
