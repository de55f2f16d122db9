"""The command `infer` on ROS 2 bags: which images it takes, and what is in the bag that it writes."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import cv2
import infer_runs
import numpy as np
import pytest
from infer_runs import bag, header, image, infer, info, message, picture, read_bag, records
from rosbags.rosbag2 import StoragePlugin

from deephar_ros.depth import DepthSource
from deephar_ros.sources import Reading, SourceError, open_source

START = 1_700_000_000_000_000_000
FRAMES = 8
OURS = ["/action_probs", "/skeleton", "/skeletons"]


def stamp(number: int) -> int:
    return START + number * 50_000_000


def recording(*, calibrated: bool = True, topic: str = "/front/image_raw") -> list[tuple[str, int, Any]]:
    """Images that arrive 7 ms after they were taken, and other messages between them."""
    found: list[tuple[str, int, Any]] = []
    for number in range(FRAMES):
        logged = stamp(number) + 7_000_000
        if calibrated:
            found.append(("/front/camera_info", logged - 1, info(stamp(number))))
        found.append((topic, logged, image(picture(number), stamp(number))))
        found.append(("/chatter", logged + 1, message("std_msgs/msg/String", data=f"hello {number}")))
    return found


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_our_messages_lie_beside_the_original_ones(
    storage: StoragePlugin, spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = bag(tmp_path / "in", recording(), storage)
    assert infer(source, tmp_path / "out", spread_checkpoint, "--no-video") == 0
    assert "images of /front/image_raw" in capsys.readouterr().out
    before, after = read_bag(source), read_bag(tmp_path / "out" / "bag")
    assert sorted(after) == sorted([*before, *OURS])
    for topic in before:
        assert [(logged, raw) for logged, _, raw in after[topic]] == [(logged, raw) for logged, _, raw in before[topic]]
    assert [logged for logged, _, _ in after["/skeletons"]] == [stamp(n) + 7_000_000 for n in range(FRAMES)]
    headers = [array.header for _, array, _ in after["/skeletons"]]
    assert [(h.stamp.sec * 10**9 + h.stamp.nanosec, h.frame_id) for h in headers] == [
        (stamp(n), "front_optical_frame") for n in range(FRAMES)
    ]
    assert [array.skeletons for _, array, _ in after["/skeletons"]] == [[s] for _, s, _ in after["/skeleton"]]
    assert after["/action_probs"]


def test_calibration_makes_positions_metres_from_the_camera(spread_checkpoint: Path, tmp_path: Path) -> None:
    for calibrated, source in ((True, DepthSource.PRIOR), (False, DepthSource.RELATIVE)):
        folder = bag(tmp_path / f"in{calibrated}", recording(calibrated=calibrated))
        out = tmp_path / f"out{calibrated}"
        assert infer(folder, out, spread_checkpoint, "--no-video", "--no-bag") == 0
        assert {person.depth_source for record in records(out) for person in record.people} == {source}


def test_images_of_a_bag_keep_pixels_stamps_frames_and_places(tmp_path: Path) -> None:
    source = bag(tmp_path / "in", recording())
    for path in (source, source / "in.mcap"):
        frames = list(open_source(str(path)).frames)
        assert [frame.stamp for frame in frames] == [stamp(n) for n in range(FRAMES)]
        assert [frame.logged for frame in frames] == [stamp(n) + 7_000_000 for n in range(FRAMES)]
        assert {frame.frame_id for frame in frames} == {"front_optical_frame"}
        np.testing.assert_array_equal(frames[3].pixels, picture(3))
        assert frames[3].camera is not None
        assert (frames[3].camera.fx, frames[3].camera.cx) == (60.0, infer_runs.WIDTH / 2)
    later = list(open_source(str(source), Reading(skip=3, every=2)).frames)
    assert [frame.number for frame in later] == [4, 6]
    assert later[0].seconds == pytest.approx(0.2)


def test_the_first_topic_that_can_be_read_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    depth = [("/depth/image", stamp(0) - 1, image(np.zeros((4, 4, 2), np.uint8), stamp(0), "16UC1"))]
    left = [("/left/image", stamp(0), image(picture(9), stamp(0)))]
    right = [("/right/image", stamp(0) + 1, image(picture(8), stamp(0)))]
    source = str(bag(tmp_path / "in", depth + left + right))
    assert open_source(source).topic == "/left/image"
    chosen = open_source(source, Reading(topic="/right/image"))
    np.testing.assert_array_equal(next(chosen.frames).pixels, picture(8))
    with pytest.raises(SourceError, match=r"no images on /up; it has /depth/image \(sensor_msgs/msg/Image\), /left"):
        open_source(source, Reading(topic="/up"))
    with pytest.raises(SourceError, match="16UC1"):
        list(open_source(source, Reading(topic="/depth/image")).frames)


def test_broken_images_are_named_and_left_out(
    spread_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = recording(calibrated=False)
    messages[2][2].step += 1
    messages[4][2].encoding = "yuv_of_mars"
    source = bag(tmp_path / "in", messages)
    assert infer(source, tmp_path / "out", spread_checkpoint, "--no-video") == 0
    captured = capsys.readouterr()
    assert "image 1 of /front/image_raw: data has" in captured.err
    assert "image 2 of /front/image_raw: encoding 'yuv_of_mars' is not one of" in captured.err
    assert f"{FRAMES - 2} frames" in captured.out
    assert "2 complaints" in captured.out
    assert [record.number for record in records(tmp_path / "out")] == [0, 3, 4, 5, 6, 7]
    assert len(read_bag(tmp_path / "out" / "bag")["/front/image_raw"]) == FRAMES


def test_a_bag_with_our_topics_keeps_them(spread_checkpoint: Path, tmp_path: Path) -> None:
    source = bag(tmp_path / "in", recording())
    assert infer(source, tmp_path / "one", spread_checkpoint, "--no-video") == 0
    assert infer(tmp_path / "one" / "bag", tmp_path / "two", spread_checkpoint, "--no-video") == 0
    one, two = read_bag(tmp_path / "one" / "bag"), read_bag(tmp_path / "two" / "bag")
    assert sorted(two) == sorted([*one, *(f"/infer{topic}" for topic in OURS)])
    for topic in OURS:
        assert [raw for _, _, raw in two[topic]] == [raw for _, _, raw in one[topic]]
        assert [raw for _, _, raw in two[f"/infer{topic}"]] == [raw for _, _, raw in one[topic]]


def test_a_picture_that_stands_for_gigabytes_is_refused(tmp_path: Path) -> None:
    png = bytearray(cv2.imencode(".png", picture(0))[1].tobytes())
    png[16:24] = (1 << 20).to_bytes(4, "big") * 2  # what the header says about the size
    png[29:33] = zlib.crc32(png[12:29]).to_bytes(4, "big")
    huge = message(
        "sensor_msgs/msg/CompressedImage", header=header(1), format="png", data=np.frombuffer(bytes(png), np.uint8)
    )
    source = bag(tmp_path / "in", [("/image/compressed", 1, huge)])
    with pytest.raises(SourceError, match=r"image 0 of /image/compressed: .*(1048576x1048576|bomb)"):
        list(open_source(str(source), Reading(topic="/image/compressed")).frames)
    (tmp_path / "huge.png").write_bytes(png)
    with pytest.raises(SourceError, match=r"huge\.png does not decode as a picture"):
        list(open_source(str(tmp_path / "huge.png")).frames)


def test_a_recording_that_was_cut_off_is_read_or_named(tmp_path: Path) -> None:
    source = bag(tmp_path / "in", recording())
    (source / "metadata.yaml").unlink()
    assert len(list(open_source(str(source)).frames)) == FRAMES
    (source / "second.mcap").write_bytes((source / "in.mcap").read_bytes())
    with pytest.raises(SourceError, match=r"2 files of a bag, but no metadata\.yaml: run `ros2 bag reindex`"):
        open_source(str(source))
    (source / "second.mcap").unlink()
    (source / "in.mcap").write_bytes((source / "in.mcap").read_bytes()[:3000])
    with pytest.raises(SourceError, match="not a readable bag"):
        list(open_source(str(source)).frames)
