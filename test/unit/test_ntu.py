"""NTU RGB+D: skeleton files, who acts, splits, sides; files are written here, the real sample is used where it is."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deephar_ros.data import ntu
from deephar_ros.data.ntu import LABELS, load_ntu, load_ntu_clips, pack_actors
from deephar_ros.data.ntu_skeleton import main_actor, read_skeleton
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError
from deephar_ros.skeleton import PA17, PA20

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REAL = DATA / "ntu_skeleton" / "S001C001P001R001A001.skeleton"
FIRST, TEST, OTHER_VIEW = "S001C001P001R001A001", "S001C001P003R001A060", "S001C002P003R001A002"

Body = tuple[str, np.ndarray]
"""Identity, and (25, 12) numbers of the joints."""


def body(height: float = 1.7, x: float = 0.0) -> np.ndarray:
    """Joint j is at pixel (100 + 10 j, 200 + 20 j) of the colour picture, 2 m + j cm away, tracked."""
    joints = np.zeros((25, 12))
    joints[:, 0] = x + np.linspace(-0.2, 0.2, 25)
    joints[:, 1] = np.linspace(0, height, 25)
    joints[:, 2] = 2 + 0.01 * np.arange(25)
    joints[:, 5], joints[:, 6] = 100 + 10 * np.arange(25), 200 + 20 * np.arange(25)
    joints[:, 11] = 2
    return joints


def skeleton_text(frames: list[list[Body]]) -> str:
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for name, joints in bodies:
            lines += [f"{name} 0 1 1 1 1 0 0.02 0.05 2", str(len(joints))]
            lines += [" ".join(f"{number:.7g}" for number in row[:-1]) + f" {int(row[-1])}" for row in joints]
    return "\n".join(lines) + "\n"


def write_skeleton(folder: Path, name: str, frames: list[list[Body]]) -> Path:
    path = folder / "nturgb+d_skeletons" / f"{name}.skeleton"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(skeleton_text(frames))
    return path


def write_video(folder: Path, name: str, frames: int) -> None:
    path = folder / "nturgb+d_rgb" / f"{name}_rgb.avi"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(frames):
            picture = np.full((48, 64, 3), 10 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three videos of seven frames; in the fourth frame nobody is seen."""
    frames: list[list[Body]] = [[("7", body())]] * 7
    frames[3] = []
    for name in (FIRST, TEST, OTHER_VIEW):
        write_skeleton(tmp_path, name, frames)
        write_video(tmp_path, name, 7)
    (tmp_path / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text(
        "302 of the captured samples have missing skeleton data.\n\nS001C002P005R002A008\n"
    )
    return tmp_path


def moving(distance: float, frames: int, x: float = 0.0) -> list[np.ndarray]:
    return [body(x=x + distance * k / frames) for k in range(frames)]


def test_every_second_frame_makes_a_clip_in_pixels_of_the_video(folder: Path) -> None:
    (clip,) = load_ntu_clips(folder, "train", PA20)
    assert [picture.number for picture in clip.frames] == [0, 2, 4, 6]
    assert abs(float(read(clip.frames[2]).mean()) - 40) < 3
    assert (clip.name, clip.label, clip.size, clip.subject) == (FIRST, 0, (1920, 1080), "P001")
    kinect_left_hand = (100 + 70, 200 + 140, 2070)
    np.testing.assert_allclose(clip.joints[:, PA20.index("right_hand")], [kinect_left_hand] * 4)
    np.testing.assert_allclose(clip.joints[0, PA20.index("thorax")], (300, 600, 2200))
    assert clip.root_depth == pytest.approx(2000)


def test_the_order_of_joints_is_the_released_codes() -> None:
    kinect = {name: number for number, name in enumerate(ntu.JOINTS)}
    order = [0, 20, 2, 3, 4, 8, 5, 9, 6, 10, 12, 16, 13, 17, 14, 18, 1]
    assert [kinect[joint] for joint in PA17.joints] == order
    order = [0, 20, 2, 3, 4, 8, 5, 9, 6, 10, 7, 11, 12, 16, 13, 17, 14, 18, 15, 19]
    assert [kinect[joint] for joint in PA20.joints] == order


def test_extracted_pictures_come_first_and_halve_the_pixels(folder: Path) -> None:
    for number in (1, 3, 5, 7):
        path = folder / "images-small" / FIRST / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((27, 48, 3), 10 * number, np.uint8))
    (clip,) = load_ntu_clips(folder, "train")
    assert clip.size == (960, 540)
    np.testing.assert_allclose(clip.joints[0, PA17.index("head")], (65, 130, 2030))
    assert abs(float(read(clip.frames[3]).mean()) - 70) < 1


def test_frames_for_pose_leave_out_those_without_anybody(folder: Path) -> None:
    samples = load_ntu(folder, "train", every=3)
    assert [sample.name for sample in samples] == [f"{FIRST}/00001", f"{FIRST}/00007"]
    sample = samples[1]
    assert sample.picture.number == 6
    x, y = sample.joints[:, 0], sample.joints[:, 1]
    assert sample.window.width == pytest.approx(1.5 * max(np.ptp(x), np.ptp(y)))
    assert (sample.activity, sample.root_depth) == ("drink water", pytest.approx(2000))


@pytest.mark.parametrize(
    ("protocol", "split", "names"),
    [
        ("cross_subject", "train", [FIRST]),
        ("cross_subject", "test", [TEST, OTHER_VIEW]),
        ("cross_view", "train", [OTHER_VIEW]),
        ("cross_view", "test", [FIRST, TEST]),
    ],
)
def test_splits(folder: Path, protocol: ntu.Protocol, split: ntu.Split, names: list[str]) -> None:
    assert [clip.name for clip in load_ntu_clips(folder, split, protocol=protocol)] == names


def test_samples_of_the_missing_list_are_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    missing = folder / "NTU_RGBD_samples_with_missing_skeletons.txt"
    missing.write_text(missing.read_text() + TEST + "\n")
    assert [clip.name for clip in load_ntu_clips(folder, "test")] == [OTHER_VIEW]
    assert not caplog.text
    missing.unlink()
    assert len(load_ntu_clips(folder, "test")) == 2
    assert "shahroudy/NTURGB-D" in caplog.text


def test_what_is_missing_is_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_skeleton(folder, "S001C001P006R001A003", [[], []])
    write_video(folder, "S001C001P006R001A003", 2)
    (folder / "nturgb+d_rgb" / f"{TEST}_rgb.avi").unlink()
    assert [clip.name for clip in load_ntu_clips(folder, "test")] == [OTHER_VIEW]
    assert f"1 samples have no video or pictures, as {TEST}" in caplog.text
    assert "1 samples have nobody in their skeleton files, as S001C001P006R001A003" in caplog.text
    (folder / "nturgb+d_rgb" / f"{FIRST}_rgb.avi").unlink()
    with pytest.raises(DatasetError, match=r"has no videos; .*registration"):
        load_ntu_clips(folder, "train")
    with pytest.raises(DatasetError, match=r"has no skeletons of the train split"):
        load_ntu_clips(folder / "nowhere", "train")


def test_the_one_who_moves_most_acts(tmp_path: Path) -> None:
    still, active = moving(0.0, 20, x=1.0), moving(1.0, 20)
    path = write_skeleton(tmp_path, FIRST, [[("1", a), ("2", b)] for a, b in zip(still, active, strict=True)])
    bodies = read_skeleton(path)
    assert sorted(bodies.world) == ["1", "2"]
    for frame in active:
        frame[:, 5] += 1000
    path = write_skeleton(tmp_path, FIRST, [[("1", a), ("2", b)] for a, b in zip(still, active, strict=True)])
    assert main_actor(read_skeleton(path))[0, 0, 0] == 1100


def test_furniture_that_flickers_does_not_act(tmp_path: Path) -> None:
    frames: list[list[Body]] = [[("1", joints)] for joints in moving(0.1, 20)]
    for k in range(5):
        frames[k].append(("2", body(x=5.0 * k) + 500))
    path = write_skeleton(tmp_path, FIRST, frames)
    assert main_actor(read_skeleton(path))[2, 0, 0] == 100
    lying = [[("1", joints), ("2", body(height=0.1, x=k))] for k, joints in enumerate(moving(0.1, 20))]
    for _, (_, table) in lying:
        table[:, 5] += 700
    assert main_actor(read_skeleton(write_skeleton(tmp_path, FIRST, lying)))[2, 0, 0] == 100


def test_a_person_lost_and_found_again_is_one_person(tmp_path: Path) -> None:
    frames: list[list[Body]] = [[("1", joints)] for joints in moving(0.5, 20)]
    frames[12:] = [[], *([("9", joints)] for joints in moving(0.1, 7))]
    actor = main_actor(read_skeleton(write_skeleton(tmp_path, FIRST, frames)))
    seen = np.isfinite(actor).all((1, 2))
    assert list(np.flatnonzero(~seen)) == [12]


def test_joints_that_are_not_tracked_or_not_numbers_are_unknown(tmp_path: Path) -> None:
    joints = body()
    joints[3, 11] = 0
    joints[4, 6] = -5  # above the picture
    path = write_skeleton(tmp_path, FIRST, [[("1", joints)]])
    path.write_text(path.read_text().replace(" 150 300 ", " -1.#IND -1.#IND ").replace(" 160 320 ", " -inf nan "))
    actor = main_actor(read_skeleton(path))
    assert list(np.flatnonzero(np.isnan(actor[0, :, 0]))) == [3, 4, 5, 6]
    assert np.isnan(actor[0, 3:7]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-300], "not a whole .skeleton file"),
        (lambda text: text + "1 2 3", "3 numbers follow the last of 1 frames"),
        (lambda text: text.replace("\n25\n", "\n24\n"), "24 joints"),
        (lambda text: "hello", "not a whole .skeleton file"),
    ],
)
def test_files_that_are_not_whole_are_refused(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "a.skeleton"
    path.write_text(change(skeleton_text([[("1", body())]])))  # type: ignore[operator]
    with pytest.raises(DatasetError, match=message):
        read_skeleton(path)


def test_a_file_of_another_name_is_refused(folder: Path) -> None:
    write_skeleton(folder, "walking", [[("1", body())]])
    with pytest.raises(DatasetError, match=r"walking\.skeleton is not named like"):
        load_ntu_clips(folder, "train")


def test_packing_goes_on_where_it_stopped_and_changes_nothing(folder: Path) -> None:
    before = load_ntu_clips(folder, "test")
    written = pack_actors(folder)
    first = next(written)
    written.close()  # type: ignore[attr-defined]
    assert [path.stem for path in pack_actors(folder)] == [TEST, OTHER_VIEW]
    assert first.stem == FIRST
    for path in (folder / "nturgb+d_skeletons").iterdir():
        path.write_text("no longer read")
    for a, b in zip(before, load_ntu_clips(folder, "test"), strict=True):
        np.testing.assert_array_equal(a.joints, b.joints)


def test_labels_are_those_of_the_configuration() -> None:
    file = Path(__file__).resolve().parents[2] / "config" / "actions" / "ntu60.txt"
    assert list(LABELS) == file.read_text().splitlines()


def test_the_real_sample_stands_upright_and_drinks_with_the_left_of_the_mirrored_picture() -> None:
    if not REAL.is_file():
        pytest.skip(f"{REAL} is not there")
    bodies = read_skeleton(REAL)
    assert bodies.frames == 103
    actor = main_actor(bodies)
    assert np.isfinite(actor).all()
    at = {name: actor[50, number] for number, name in enumerate(ntu.JOINTS)}
    assert at["head"][1] < at["pelvis"][1] < at["left_foot"][1]
    assert at["left_shoulder"][0] > at["right_shoulder"][0] + 50  # who faces the camera has the left at our right
    assert at["left_hand"][1] < at["right_hand"][1] - 30  # the mug is at the mouth


def test_two_people_in_a_real_sample_are_told_apart() -> None:
    path = REAL.with_name("S001C001P001R001A050.skeleton")
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    bodies = read_skeleton(path)
    assert len(bodies.world) == 2
    actor = main_actor(bodies)
    chosen = [name for name, colour in bodies.colour.items() if np.array_equal(colour, actor[..., :2])]
    assert chosen == ["72057594037932127"]  # who punches moves ten times as much as who is punched
