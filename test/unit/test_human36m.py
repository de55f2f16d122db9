"""Human3.6M: cameras, positions and videos in the set's own formats, written here and a few numbers in size."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deephar_ros.data import human36m
from deephar_ros.data.human36m import LABELS, load_cameras, load_human36m, load_human36m_clips
from deephar_ros.data.human36m_metadata import CAMERAS, read_cameras
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.windows import human36m_window
from deephar_ros.skeleton import PA17, PA20

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "h36m_cameras" / "camera-parameters.json"

# Of S1 before the first camera, and of that camera's lens, as in the set's metadata.xml.
PLACE = (-1.38382776045614, -3.16734304390158, 0.413636308164621, 1841.10702774543, 4955.28462344526, 1563.4453958977)
LENS = (
    *(1145.04940458804, 1143.78109572365, 512.541504956548, 515.4514869776),
    *(-0.207098910824901, 0.247775183068982, -0.00307515035078854, -0.00142447157470321, -0.000975698859470499),
)


def write_metadata(folder: Path) -> None:
    """All cameras stand where S1's first does; only the x of their place tells them apart."""
    folder.mkdir(parents=True, exist_ok=True)
    places = np.tile(PLACE, (44, 1))
    places[:, 3] += np.arange(44)
    numbers = " ".join(repr(float(number)) for number in (*places.ravel(), *np.tile(LENS, 4)))
    (folder / "metadata.xml").write_text(f"<?xml version='1.0'?><Metadata><w0>[{numbers}]</w0></Metadata>")


def write_positions(path: Path, world: np.ndarray) -> None:
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    file = CDF(str(path))
    pose = world.reshape(1, len(world), 96).astype(np.float32)
    real4, what = 44, {"Variable": "Pose", "Num_Elements": 1, "Rec_Vary": True, "Var_Type": "zVariable"}
    file.write_var({**what, "Data_Type": real4, "Dim_Sizes": list(pose.shape[1:])}, var_data=pose)
    file.close()


def write_video(path: Path, frames: int, size: tuple[int, int]) -> None:
    """Frame k is gray of 10 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=50)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 4_000_000
        for k in range(frames):
            picture = np.full((size[1], size[0], 3), 10 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def world(rng: np.random.Generator) -> np.ndarray:
    """(12, 32, 3) joints near the middle of the room."""
    return rng.uniform((-500, -500, 0), (500, 500, 1800), (12, 32, 3)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, world: np.ndarray) -> Path:
    """S1 does two things, one before all cameras, one before the first only."""
    write_metadata(tmp_path)
    for take in ("Directions 1", "TakingPhoto"):
        write_positions(tmp_path / "S1" / "MyPoseFeatures" / "D3_Positions" / f"{take}.cdf", world)
    write_video(tmp_path / "S1" / "Videos" / f"Directions 1.{CAMERAS[0]}.mp4", 12, (64, 48))
    for camera in CAMERAS[1:]:
        (tmp_path / "S1" / "Videos" / f"Directions 1.{camera}.mp4").symlink_to(f"Directions 1.{CAMERAS[0]}.mp4")
    for number in (1, 6):
        image = tmp_path / "S1" / "Images" / f"TakingPhoto.{CAMERAS[0]}" / f"{number:05d}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), np.full((40, 60, 3), number, np.uint8))
    return tmp_path


def test_training_takes_every_fifth_frame_of_every_camera(folder: Path, world: np.ndarray) -> None:
    samples = load_human36m(folder, "train")
    names = [sample.name for sample in samples]
    expected = [f"S1/Directions 1/{camera}/{f:06d}" for camera in CAMERAS for f in (1, 6, 11)]
    assert names == [*expected, f"S1/TakingPhoto/{CAMERAS[0]}/000001", f"S1/TakingPhoto/{CAMERAS[0]}/000006"]
    sample, camera = samples[4], load_cameras(folder)["S1", CAMERAS[1]]
    pixels = camera.project(world[5].astype(np.float64))
    np.testing.assert_allclose(sample.joints[PA17.index("left_wrist")], pixels[19], rtol=1e-6)
    np.testing.assert_allclose(sample.joints[PA17.index("right_knee")], pixels[2], rtol=1e-6)
    assert sample.root_depth == pytest.approx(pixels[0, 2])
    assert sample.window == human36m_window(pixels[0], camera.focal, (64, 48))
    assert (sample.activity, sample.subject) == ("Directions", "S1")
    assert abs(float(read(sample.picture).mean()) - 50) < 3
    assert samples[-1].activity == "Photo"
    assert abs(float(read(samples[-1].picture).mean()) - 6) < 1
    assert human36m.camera_of(sample, load_cameras(folder)).translation[0] == pytest.approx(1841.107 + 11)


@pytest.mark.parametrize(("mapping", "trunk"), [("released", (0, 12, 13, 15, 11)), ("usual", (0, 13, 14, 15, 12))])
def test_the_trunk_depends_on_the_mapping(
    folder: Path, world: np.ndarray, mapping: human36m.Mapping, trunk: tuple[int, ...]
) -> None:
    sample = load_human36m(folder, "train", PA17, mapping)[0]
    pixels = load_cameras(folder)["S1", CAMERAS[0]].project(world[0].astype(np.float64))
    places = [PA17.index(joint) for joint in ("pelvis", "thorax", "neck", "head", "spine")]
    np.testing.assert_allclose(sample.joints[places], pixels[list(trunk)], rtol=1e-6)


def test_the_released_codes_order_of_joints_is_ours() -> None:
    joints = human36m.JOINTS["released"]
    assert [joints[name] for name in PA17.joints] == [0, 12, 13, 15, 25, 17, 26, 18, 27, 19, 1, 6, 2, 7, 3, 8, 11]
    code = [0, 12, 13, 15, 25, 17, 26, 18, 27, 19, 30, 22, 1, 6, 2, 7, 3, 8, 4, 9]
    assert [joints[name] for name in PA20.joints] == code


def test_a_clip_is_a_whole_video_with_its_activity(folder: Path) -> None:
    clips = load_human36m_clips(folder, "train", PA20)
    assert [(len(clip.frames), clip.joints.shape) for clip in clips] == [(12, (12, 20, 3))] * 4 + [(2, (2, 20, 3))]
    assert [LABELS[clip.label] for clip in clips] == ["Directions"] * 4 + ["Photo"]
    assert clips[0].size == (64, 48)
    assert clips[0].root_depth == pytest.approx(clips[0].joints[:, 0, 2].mean())
    assert len(LABELS) == 15


def test_what_is_missing_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_human36m(folder, "train")
    assert f"S1/Videos/TakingPhoto.{CAMERAS[1]}.mp4" in caplog.text
    assert "7 files are missing" in caplog.text  # three cameras of a take, and four subjects
    with pytest.raises(DatasetError, match=r"all of S9/MyPoseFeatures/D3_Positions, all of S11.*registration"):
        load_human36m(folder, "validation")


def test_validation_leaves_out_the_broken_video_and_on_request_the_misaligned(
    tmp_path: Path, world: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write_metadata(tmp_path)
    for take in ("S11/Directions", "S9/Waiting 1"):
        subject, title = take.split("/")
        write_positions(tmp_path / subject / "MyPoseFeatures" / "D3_Positions" / f"{title}.cdf", world)
        for camera in CAMERAS:
            write_video(tmp_path / subject / "Videos" / f"{title}.{camera}.mp4", 1, (16, 16))
    names = [sample.name for sample in load_human36m(tmp_path, "validation")]
    assert names == [f"S9/Waiting 1/{camera}/000001" for camera in CAMERAS] + [
        f"S11/Directions/{camera}/000001" for camera in CAMERAS[1:]
    ]
    assert "S11/Directions.54138969 is broken" in caplog.text
    assert len(load_human36m(tmp_path, "validation", misaligned=False)) == 3


def test_files_that_are_not_the_sets_are_refused(folder: Path, tmp_path: Path) -> None:
    table = folder / "S1" / "MyPoseFeatures" / "D3_Positions" / "Directions 1.cdf"
    table.unlink()
    write_positions(table.with_name("Dancing.cdf"), np.zeros((2, 32, 3)))
    write_video(folder / "S1" / "Videos" / f"Dancing.{CAMERAS[0]}.mp4", 2, (16, 16))
    with pytest.raises(DatasetError, match="Dancing is none of the activities"):
        load_human36m(folder, "train")
    table.with_name("Dancing.cdf").write_bytes(b"no CDF, but long enough to look for its magic number")
    with pytest.raises(DatasetError, match="32 joints per frame"):
        load_human36m(folder, "train")
    (folder / "metadata.xml").write_text("<a><w0>[1 2 3]</w0></a>")
    with pytest.raises(DatasetError, match="3 numbers, not 300"):
        load_human36m(folder, "train")
    (folder / "metadata.xml").unlink()
    with pytest.raises(DatasetError, match=r"no metadata\.xml.*Release"):
        load_human36m(folder, "train")


def test_a_broken_video_is_refused(folder: Path) -> None:
    video = folder / "S1" / "Videos" / f"Directions 1.{CAMERAS[2]}.mp4"
    video.unlink()
    video.write_bytes(b"half a download")
    with pytest.raises(DatasetError, match="does not open as a video"):
        load_human36m(folder, "train")


def test_cameras_of_the_xml_are_those_of_the_public_table(tmp_path: Path) -> None:
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not there")
    write_metadata(tmp_path)
    ours, theirs = read_cameras(tmp_path / "metadata.xml"), read_cameras(SHARED)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 44
    point = np.array([[300.0, -200.0, 900.0]])
    expected = theirs["S1", CAMERAS[0]]
    np.testing.assert_allclose(ours["S1", CAMERAS[0]].project(point), expected.project(point), atol=1e-6)
    assert ours["S2", CAMERAS[0]].translation[0] == pytest.approx(PLACE[3] + 1)
    assert ours["S1", CAMERAS[1]].translation[0] == pytest.approx(PLACE[3] + 11)
    # OpenCV's model counts the tangential part twice beside the axis; with p1 and p2 exchanged it would be 0.28 pixels.
    table, points = json.loads(SHARED.read_text()), np.random.default_rng(0).uniform(-1500, 1500, (500, 3))
    difference = []
    for (subject, serial), camera in theirs.items():
        lens, place = table["intrinsics"][serial], table["extrinsics"][subject][serial]
        rotation, shift = np.array(place["R"]), np.array(place["t"])
        matrix, distortion = np.array(lens["calibration_matrix"]), np.array(lens["distortion"])
        pixels, _ = cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], shift, matrix, distortion)
        difference.append(np.linalg.norm(camera.project(points)[:, :2] - pixels[:, 0], axis=-1))
    assert np.mean(difference) < 0.15
