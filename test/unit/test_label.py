"""From recordings to labelled clips."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from deephar_ros.data.folder import list_clips
from deephar_ros.data.label_sheet import COLUMNS, TILES, WIDTH, label_sheet
from deephar_ros.data.label_topic import read_label_topic
from deephar_ros.data.labelled import cut_clips, read_origins, recording_names
from deephar_ros.data.segments import Segment, SegmentsError, check_labels, in_pieces, read_segments
from deephar_ros.draw import VideoWriter
from deephar_ros.sources import TimedFrame, open_source

RATE = 10


def write_recording(path: Path, seconds: float = 10.0) -> Path:
    """At t seconds the picture has the value 10 + 20 t."""
    with VideoWriter(path) as video:
        for number in range(round(seconds * RATE)):
            video.add(np.full((48, 64, 3), 10 + 20 * number / RATE, np.uint8), number / RATE)
    return path


def write_bag(folder: Path, said: list[tuple[float, str]]) -> Path:
    """Ten seconds of pictures as `write_recording`, and labels at their times."""
    store = get_typestore(Stores.ROS2_JAZZY)
    kinds = store.types
    stamp = kinds["builtin_interfaces/msg/Time"](sec=1, nanosec=2)
    header = kinds["std_msgs/msg/Header"](stamp=stamp, frame_id="c")
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        camera = bag.add_connection("/camera", "sensor_msgs/msg/CompressedImage", typestore=store)
        label = bag.add_connection("/label", "std_msgs/msg/String", typestore=store)
        events = [(number / RATE, None) for number in range(100)] + said
        for seconds, text in sorted(events, key=lambda event: event[0]):
            if text is None:
                png = cv2.imencode(".png", np.full((48, 64, 3), 10 + 20 * seconds, np.uint8))[1]
                message = kinds["sensor_msgs/msg/CompressedImage"](header=header, format="png", data=png.ravel())
                bag.write(camera, 10**18 + round(seconds * 1e9), store.serialize_cdr(message, camera.msgtype))
            else:
                message = kinds["std_msgs/msg/String"](data=text)
                bag.write(label, 10**18 + round(seconds * 1e9), store.serialize_cdr(message, label.msgtype))
    return folder


def shows(clip: Path, first: float, last: float) -> bool:
    """Whether the pictures of a clip are those of a recording between these times."""
    frames = list(open_source(str(clip)).frames)
    found = [(float(frame.pixels.mean()) - 10) / 20 for frame in frames]
    return len(frames) == round((last - first) * RATE) + 1 and np.allclose(
        found, np.linspace(first, last, len(frames)), atol=0.12
    )


def label(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deephar_ros.cli.label", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_command_cuts_recordings_as_the_table_says_and_keeps_where_clips_are_from(tmp_path: Path) -> None:
    anna, ben = (write_recording(tmp_path / f"{name}.mp4") for name in ("anna", "ben"))
    table, out = tmp_path / "segments.csv", tmp_path / "clips"
    table.write_text("label, recording,start,end\n wave ,ben,2,3.5\njump,anna,7,10\nwave,anna,0.5,2\n")
    done = label(anna, ben, "--segments", table, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "1 clips of jump" in done.stdout
    assert [clip.label for clip in list_clips(out, "all")] == ["jump", "wave", "wave"]
    assert shows(out / "wave" / "ben_2.00-3.50.mp4", 2.0, 3.4)
    assert shows(out / "wave" / "anna_0.50-2.00.mp4", 0.5, 1.9)
    assert shows(out / "jump" / "anna_7.00-10.00.mp4", 7.0, 9.9)
    origin = read_origins(out)["wave/ben_2.00-3.50.mp4"]
    assert (origin.recording, origin.start, origin.end) == ("ben", 2.0, 3.5)
    again = label(anna, "--segments", table, "--out", out)
    assert again.returncode == 1
    assert "'ben' was not given; there are anna" in again.stderr


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("0,2,wave\n1,3,jump", "line 2 and 3: the segments overlap"),
        ("0,2,wave\n3,3,jump", "line 3: it ends at 3 s, before it starts"),
        ("0,2,wave\n3,x,jump", "line 3: end is 'x', not a number"),
        ("-1,2,wave", "line 2: start is '-1'"),
        ("0,2,a/b", "line 2: the label 'a/b' cannot be the name"),
        ("0,2,test", "line 2: the label 'test' is what a folder of a split"),
        ("0,2,wave\n3,4", "line 3: the label '' cannot"),
        ("0,2,wave\n3,4,Wave", "'Wave' and 'wave' are one action or two"),
        ("0,2,wave\n3,11,jump", "line 3: 11 s is after the end of"),
        ("", "has no segments"),
    ],
)
def test_a_wrong_table_is_refused_with_its_lines_before_anything_is_written(
    rows: str, complaint: str, tmp_path: Path
) -> None:
    recording, table = write_recording(tmp_path / "one.mp4"), tmp_path / "segments.csv"
    table.write_text(f"start,end,label\n{rows}\n")
    with pytest.raises(SegmentsError) as caught:
        cut_clips({"one": recording}, read_segments(table, ["one"]), tmp_path / "clips", replace=False)
    assert complaint in str(caught.value)
    assert not (tmp_path / "clips").exists()


def test_all_wrong_lines_are_told_at_once_and_missing_columns_by_name(tmp_path: Path) -> None:
    table = tmp_path / "segments.csv"
    table.write_text("start,end,label\n5,4,wave\n1,2,.x\n")
    with pytest.raises(SegmentsError, match=r"(?s)line 2.*line 3"):
        read_segments(table, ["one"])
    with pytest.raises(SegmentsError, match="columns recording, start, end, label"):
        read_segments(table, ["one", "two"])


def test_clips_of_a_recording_are_replaced_only_when_asked_for(tmp_path: Path) -> None:
    recordings = {name: write_recording(tmp_path / f"{name}.mp4", 4) for name in ("one", "two")}
    out = tmp_path / "clips"
    for name in recordings:
        cut_clips({name: recordings[name]}, [Segment(name, 0, 1, "wave", "")], out, replace=False)
    new = [Segment("one", 1, 2, "jump", "")]
    with pytest.raises(SegmentsError, match="holds 1 clips of one; --replace"):
        cut_clips({"one": recordings["one"]}, new, out, replace=False)
    cut_clips({"one": recordings["one"]}, new, out, replace=True)
    assert sorted(read_origins(out)) == ["jump/one_1.00-2.00.mp4", "wave/two_0.00-1.00.mp4"]
    assert [clip.name for clip in list_clips(out, "all")] == sorted(read_origins(out))


def test_labels_said_while_a_bag_was_recorded(tmp_path: Path) -> None:
    said = [(-1.0, "stand"), (2.0, "wave"), (2.5, "wave"), (4.0, ""), (6.0, "jump"), (8.0, "wave")]
    bag = write_bag(tmp_path / "bag", said)
    segments = read_label_topic(bag, "bag", "/label")
    found = [(s.label, round(s.start, 2), round(s.end, 2)) for s in segments]
    assert found == [("stand", 0, 2), ("wave", 2, 4), ("jump", 6, 8), ("wave", 8, 9.9)]
    with pytest.raises(SegmentsError, match="no labels on /labels; topics of std_msgs/msg/String in it: /label"):
        read_label_topic(bag, "bag", "/labels")
    done = label(bag, "--label-topic", "/label", "--pieces", 1, "--out", tmp_path / "clips")
    assert done.returncode == 0, done.stderr
    assert shows(tmp_path / "clips" / "jump" / "bag_6.00-7.00.mp4", 6.0, 6.9)
    assert len(list_clips(tmp_path / "clips", "all")) == 8


def test_a_video_has_no_topic_of_labels(tmp_path: Path) -> None:
    with pytest.raises(SegmentsError, match="is no bag"):
        read_label_topic(write_recording(tmp_path / "one.mp4", 1), "one", "/label")


def test_pieces_are_equal_and_fill_their_segment() -> None:
    pieces = in_pieces([Segment("a", 1.0, 8.0, "wave", ""), Segment("a", 9.0, 9.5, "wave", "")], 3.0)
    assert [(piece.start, piece.end) for piece in pieces] == [(1.0, 4.5), (4.5, 8.0), (9.0, 9.5)]


def test_recordings_with_one_name_and_labels_that_hardly_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentsError, match="both called 'one'"):
        recording_names([tmp_path / "a" / "one.mp4", tmp_path / "b" / "one.avi"])
    with pytest.raises(SegmentsError, match="'pick up' and 'pick_up'"):
        check_labels(["pick_up", "wave", "pick up"])


def test_a_broken_recording_leaves_nothing_behind(tmp_path: Path) -> None:
    good, bad, table = write_recording(tmp_path / "good.mp4", 3), tmp_path / "bad.mp4", tmp_path / "s.csv"
    bad.write_bytes(b"no video")
    table.write_text("recording,start,end,label\ngood,0,2,wave\nbad,0,2,wave\n")
    done = label(good, bad, "--segments", table, "--out", tmp_path / "clips")
    assert done.returncode == 1
    assert "bad.mp4" in done.stderr
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize(("seconds", "tiles"), [(3.0, 6), (200.0, 100)])
def test_a_sheet_has_a_picture_for_every_so_many_seconds(seconds: float, tiles: int) -> None:
    frames = (TimedFrame(t, np.full((60, 96, 3), 50 + t / 2, np.uint8)) for t in np.arange(0, seconds, 0.25))
    sheet = label_sheet(frames)
    assert tiles <= TILES
    assert sheet.shape == (-(-tiles // COLUMNS) * 120, COLUMNS * WIDTH, 3)
    last = sheet[-60:, (tiles - 1) % COLUMNS * WIDTH :][:, :WIDTH]
    assert np.median(last) == pytest.approx(50 + (seconds - seconds / tiles) / 2, abs=1)
    assert sheet[5:22, 3:40].max() > 200  # a time is written on it


def test_the_command_writes_a_sheet(tmp_path: Path) -> None:
    done = label(write_recording(tmp_path / "one.mp4", 2), "--sheet", tmp_path / "sheet.png")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (144, 1920, 3)


def test_clips_keep_their_length_in_the_file(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "one.mp4", 3)
    cut_clips({"one": recording}, [Segment("one", 1.0, 2.0, "wave", "")], tmp_path / "clips", replace=False)
    with av.open(str(tmp_path / "clips" / "wave" / "one_1.00-2.00.mp4")) as video:
        times = [frame.time for frame in video.decode(video=0)]
    np.testing.assert_allclose(np.diff(times), 0.1, atol=2e-3)
