"""Bags, videos and pictures that are broken, cut short, or something else than their name says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fuzzing import attempt, fuzz
from hostile import images, mutated, pictures
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image

from deephar_ros.draw import VideoWriter
from deephar_ros.pixels import ENCODINGS
from deephar_ros.sources import Reading, SourceError, open_source, read_picture

FRAMES = 3
METADATA = "metadata.yaml"
STORE = get_typestore(Stores.ROS2_JAZZY)
MOST = 100


@dataclass(frozen=True)
class Bag:
    """The files of a bag by name: metadata.yaml and the storage."""

    storage: str
    files: dict[str, bytes] = field(repr=False)


def play(path: Path, complain: Callable[[str], None] = print) -> int:
    """The number of pictures, at most MOST; nothing but pictures and a SourceError may come."""
    count = 0
    with suppress(SourceError):
        for frame in itertools.islice(open_source(str(path), Reading(complain=complain)).frames, MOST):
            assert frame.pixels.ndim == 3
            assert frame.pixels.shape[2] == 3
            assert frame.pixels.dtype == np.uint8
            count += 1
    return count


def message(kind: str, **fields: object) -> bytes:
    header = STORE.types["std_msgs/msg/Header"](STORE.types["builtin_interfaces/msg/Time"](sec=1, nanosec=2), "camera")
    return bytes(STORE.serialize_cdr(STORE.types[kind](header=header, **fields), kind))


def picture_message() -> bytes:
    pixels = np.arange(12 * 16 * 3, dtype=np.uint8)
    kind = "sensor_msgs/msg/Image"
    return message(kind, height=12, width=16, encoding="rgb8", is_bigendian=0, step=48, data=pixels)


def write_bag(folder: Path, storage: StoragePlugin, messages: list[bytes], kind: str = "sensor_msgs/msg/Image") -> Path:
    with Writer(folder, version=9, storage_plugin=storage) as bag:
        topic = bag.add_connection("/image", kind, typestore=STORE)
        for number, raw in enumerate(messages):
            bag.write(topic, number * 33_000_000, raw)
    return folder


@pytest.fixture(scope="module", params=[StoragePlugin.SQLITE3, StoragePlugin.MCAP], ids=["db3", "mcap"])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bag:
    folder = write_bag(tmp_path_factory.mktemp("bag") / "whole", request.param, [picture_message()] * FRAMES)
    assert play(folder) == FRAMES
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return Bag(next(name for name in files if name != METADATA), files)


@pytest.fixture
def lay(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Writes files into a folder, in place of those that were there."""
    folder = tmp_path / "source"
    folder.mkdir()

    def write(files: dict[str, bytes]) -> Path:
        for old in folder.iterdir():
            old.unlink()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder

    return write


@fuzz("bag", data=st.data(), metadata=st.booleans())
def test_a_broken_bag_gives_pictures_or_an_error(
    bag: Bag, lay: Callable[[dict[str, bytes]], Path], data: st.DataObject, metadata: bool
) -> None:
    broken = METADATA if metadata else bag.storage
    folder = lay({**bag.files, broken: data.draw(mutated([bag.files[broken]]))})
    assert play(folder) <= 100


@fuzz("bag cut short", share=0.5, part=st.floats(0, 1), metadata=st.booleans())
def test_a_bag_that_was_cut_short_gives_pictures_or_an_error(
    bag: Bag, lay: Callable[[dict[str, bytes]], Path], part: float, metadata: bool
) -> None:
    whole = bag.files[bag.storage]
    files = {bag.storage: whole[: int(part * len(whole))]}
    if metadata:
        files[METADATA] = bag.files[METADATA]
    assert play(lay(files)) <= FRAMES


@fuzz("message in a bag", share=0.5, msg=images(tuple(ENCODINGS)), raw=mutated([picture_message()]))
def test_hostile_messages_in_a_bag_are_left_out(
    tmp_path_factory: pytest.TempPathFactory, msg: Image, raw: bytes
) -> None:
    kind, data = "sensor_msgs/msg/Image", np.frombuffer(msg.data, np.uint8)
    fields = {"height": msg.height, "width": msg.width, "is_bigendian": msg.is_bigendian, "step": msg.step}
    hostile = message(kind, encoding=msg.encoding, data=data, **fields)
    good = picture_message()
    folder = write_bag(tmp_path_factory.mktemp("bag") / "b", StoragePlugin.MCAP, [good, hostile, raw, good])
    complaints: list[str] = []
    assert 2 <= play(folder, complaints.append) == 4 - len(complaints)


@pytest.mark.parametrize("kind", ["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"])
def test_a_bag_of_another_type_than_it_says_is_refused(tmp_path: Path, kind: str) -> None:
    other = message(
        "sensor_msgs/msg/JointState", name=["a"], position=np.ones(1), velocity=np.ones(1), effort=np.ones(1)
    )
    folder = write_bag(tmp_path / "bag", StoragePlugin.MCAP, [other] * 3, kind)
    assert play(folder) == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "whole.mp4"
    with VideoWriter(path) as writer:
        for number in range(FRAMES):
            writer.add(np.full((48, 64, 3), 80 * number, np.uint8), number / 30)
    assert play(path) == FRAMES
    return path.read_bytes()


@fuzz("video", data=st.data())
def test_a_broken_video_gives_pictures_or_an_error(tmp_path: Path, video: bytes, data: st.DataObject) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(data.draw(mutated([video])))
    assert play(path) <= 100


@pytest.mark.parametrize(("old", "new", "pictures_left"), [(b"Lavf", b"\xc4avf", FRAMES), (b"avc1", b"zzzz", 0)])
def test_a_video_with_metadata_in_latin_1_plays_and_one_of_an_unknown_codec_does_not(
    tmp_path: Path, video: bytes, old: bytes, new: bytes, pictures_left: int
) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(video.replace(old, new))
    assert play(path) == pictures_left


@fuzz("picture file", data=mutated(pictures()), ending=st.sampled_from([".png", ".jpg", ".webp", ".bmp"]))
def test_a_broken_picture_file_is_a_picture_or_an_error(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"broken{ending}"
    path.write_bytes(data)
    pixels, refusal = attempt(lambda: read_picture(path), SourceError)
    assert pixels is not None or path.name in refusal


def test_a_file_that_names_other_places_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n")
    assert play(path) == 0
