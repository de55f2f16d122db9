"""Pictures from files, folders and bags."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from deephar_ros.draw import VideoWriter
from deephar_ros.sources import Reading, SourceError, open_source

SHADES = [40, 120, 200]


def picture(shade: int) -> np.ndarray:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = (shade, 0, 0)  # red on the left half
    return image


def shades(name: Path) -> list[int]:
    source = open_source(str(name))
    assert not source.live
    pictures = list(source.frames)
    assert source.count == len(pictures) == 3
    assert [frame.number for frame in pictures] == [0, 1, 2]
    skipped = list(open_source(str(name), Reading(skip=1, every=2)).frames)
    assert [(frame.number, frame.stamp) for frame in skipped] == [(2, pictures[2].stamp)]
    np.testing.assert_allclose([f.seconds for f in pictures], np.arange(3) / 30, atol=2e-3)
    assert all(f.pixels.shape == (48, 64, 3) and f.pixels[:, 40:, 0].max() < 30 for f in pictures)
    return [int(f.pixels[24, 8, 0]) for f in pictures]


def test_video_keeps_order_times_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path) as video:
        for number, shade in enumerate(SHADES):
            video.add(picture(shade), number / 30)
    np.testing.assert_allclose(shades(path), SHADES, atol=12)


def test_folder_in_order_of_names(tmp_path: Path) -> None:
    for number, shade in enumerate(SHADES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(shade)[..., ::-1])
    (tmp_path / "notes.txt").write_text("not a picture")
    assert shades(tmp_path) == SHADES


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
@pytest.mark.parametrize("kind", ["Image", "CompressedImage"])
def test_bag(tmp_path: Path, storage: StoragePlugin, kind: str) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    header = store.types["std_msgs/msg/Header"](
        stamp=store.types["builtin_interfaces/msg/Time"](sec=1, nanosec=2), frame_id="c"
    )
    with Writer(tmp_path / "bag", version=9, storage_plugin=storage) as bag:
        topic = bag.add_connection("/camera", f"sensor_msgs/msg/{kind}", typestore=store)
        for number, shade in enumerate(SHADES):
            bgr = picture(shade)[..., ::-1]
            if kind == "Image":
                msg = store.types["sensor_msgs/msg/Image"](
                    header=header, height=48, width=64, encoding="bgr8", is_bigendian=0, step=192, data=bgr.ravel()
                )
            else:
                png = cv2.imencode(".png", bgr)[1]
                msg = store.types["sensor_msgs/msg/CompressedImage"](header=header, format="png", data=png)
            bag.write(topic, 10**18 + round(number / 30 * 1e9), store.serialize_cdr(msg, topic.msgtype))
    assert shades(tmp_path / "bag") == SHADES


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.mp4", None, "does not exist"),
        ("bad.mp4", b"not a video", "does not decode as a video"),
        ("empty", "", "no picture"),
    ],
)
def test_what_cannot_be_played_is_named(tmp_path: Path, name: str, content: bytes | str | None, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    with pytest.raises(SourceError, match=message) as caught:
        list(open_source(str(path)).frames)
    assert name in str(caught.value)


def test_a_picture_alone_is_a_source_and_stands_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it to the right
    Image.fromarray(picture(200)).save(path, exif=exif)
    source = open_source(str(path))
    (frame,) = source.frames
    assert (source.count, frame.pixels.shape) == (1, (64, 48, 3))
    assert frame.pixels[:20, :, 0].mean() > 180  # what was on the left is on top


def test_broken_pictures_of_a_folder_are_left_out_if_somebody_listens(tmp_path: Path) -> None:
    for number, shade in enumerate(SHADES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(shade)[..., ::-1])
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"1\.png does not decode as a picture"):
        list(open_source(str(tmp_path)).frames)
    told: list[str] = []
    frames = list(open_source(str(tmp_path), Reading(complain=told.append)).frames)
    assert [frame.number for frame in frames] == [0, 2]
    assert len(told) == 1
    assert "1.png does not decode as a picture" in told[0]


def test_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="/dev/video99 does not open"):
        next(open_source("/dev/video99").frames)
