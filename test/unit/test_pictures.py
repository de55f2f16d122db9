"""Pictures from files and from videos, in any order."""

from __future__ import annotations

import multiprocessing
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deephar_ros.data.pictures import OPEN_VIDEOS, read, video_length
from deephar_ros.data.samples import DatasetError, Picture

FRAMES = 130


def grey_level(path: Path, number: int) -> int:
    """The number that `video` has written into a frame as its brightness."""
    return round(float(read(Picture(path, number)).mean()))


@pytest.fixture(scope="module", params=[("mp4", "libx264"), ("avi", "mpeg4"), ("mkv", "libx264")], ids=str)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 frames, each brighter by 1 than the last; key frames 20 apart, and frames between that lean on later ones."""
    kind, codec = request.param
    path = tmp_path_factory.mktemp("video") / f"ramp.{kind}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options={"g": "20", "bf": "2", "qmin": "1", "qmax": "3"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(FRAMES):
            image = np.full((48, 64, 3), 60 + number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_every_order_gives_the_same_frames(video: Path) -> None:
    assert video_length(video) == FRAMES
    straight = [grey_level(video, number) for number in range(FRAMES)]
    np.testing.assert_allclose(straight, 60 + np.arange(FRAMES), atol=1)
    order = np.random.default_rng(0).permutation(FRAMES)[:40]
    assert [grey_level(video, int(number)) for number in order] == [straight[number] for number in order]


def test_a_frame_past_the_end_is_refused_and_the_video_can_still_be_read(video: Path) -> None:
    with pytest.raises(DatasetError, match=rf"{video.name} has no frame 130 \(from 0\), but 130 frames"):
        read(Picture(video, FRAMES))
    assert abs(grey_level(video, 5) - 65) <= 1


def test_forked_workers_do_not_share_an_open_video(video: Path) -> None:
    copies = [Path(shutil.copy(video, video.with_name(f"{k}{video.suffix}"))) for k in range(OPEN_VIDEOS)]
    for copy in copies:
        assert abs(grey_level(copy, 0) - 60) <= 1  # open in the parent, in the way of the workers
    numbers = list(range(0, FRAMES, 9))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        work = [(path, number) for number in numbers for path in (video, *copies)]
        levels = pool.starmap_async(grey_level, work, chunksize=1).get(timeout=10)
    np.testing.assert_allclose(levels, 60 + np.repeat(numbers, OPEN_VIDEOS + 1), atol=1)


def test_an_image_file_is_read_as_rgb(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((4, 6, 3), (0, 0, 255), np.uint8))
    pixels = read(Picture(path))
    assert pixels.shape == (4, 6, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("number", [None, 0])
def test_errors_name_the_file(tmp_path: Path, number: int | None) -> None:
    with pytest.raises(DatasetError, match=r"absent\.avi cannot be"):
        read(Picture(tmp_path / "absent.avi", number))
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=r"broken\.avi"):
        read(Picture(broken, number))
