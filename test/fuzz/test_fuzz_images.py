"""Images, compressed pictures and depth, as they come and as they should never come."""

from __future__ import annotations

import numpy as np
import pytest
from fuzzing import attempt, fuzz
from hostile import clouds, images, mutated, pictures
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from deephar_ros.node import clouds as cloud_depth
from deephar_ros.node.images import DEPTH_UNITS, to_depth, to_frame
from deephar_ros.pixels import ENCODINGS, MAX_PIXELS, MAX_SCANS, ImageError, decode_picture


def is_right(msg: Image, bytes_per_pixel: int) -> bool:
    """What sensor_msgs/Image says about its fields."""
    enough = msg.width > 0 and msg.height > 0 and msg.step >= msg.width * bytes_per_pixel
    return enough and len(msg.data) == msg.step * msg.height


@fuzz("image", msg=images(tuple(ENCODINGS)))
def test_an_image_is_read_exactly_if_its_fields_agree(msg: Image) -> None:
    frame, _ = attempt(lambda: to_frame(msg), ImageError)
    if frame is None:
        assert msg.encoding not in ENCODINGS or not is_right(msg, ENCODINGS[msg.encoding].channels)
        return
    assert is_right(msg, ENCODINGS[msg.encoding].channels)
    assert frame.pixels[..., frame.rgb].shape == (msg.height, msg.width, 3)
    assert frame.pixels.max() <= 255  # every byte of the view is there


@fuzz("depth image", msg=images(tuple(DEPTH_UNITS)), at=st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_a_depth_image_is_read_exactly_if_its_fields_agree(msg: Image, at: list[float]) -> None:
    depth, _ = attempt(lambda: to_depth(msg), ImageError)
    if depth is None:
        kind = DEPTH_UNITS.get(msg.encoding)
        assert kind is None or not is_right(msg, np.dtype(kind[0]).itemsize)
        return
    assert depth.values.shape == (msg.height, msg.width)
    found = depth.at(np.array([at, [msg.width / 2, msg.height / 2]]), msg.width, msg.height)
    assert (np.isnan(found) | (found > 0)).all()


@fuzz("cloud", msg=clouds())
def test_the_depth_of_a_cloud_stays_inside_its_data(msg: PointCloud2) -> None:
    depth, _ = attempt(lambda: cloud_depth.to_depth(msg), ImageError)
    if depth is None:
        return
    assert depth.values.shape == (msg.height, msg.width)
    assert depth.values.size <= len(msg.data)
    found = depth.at(np.array([[msg.width / 2, msg.height / 2]]), msg.width, msg.height)
    assert np.isnan(found).all() or found > 0


@fuzz("compressed image", data=mutated(pictures()), kind=st.text(max_size=5))
def test_a_compressed_image_is_a_picture_or_an_error(data: bytes, kind: str) -> None:
    frame, _ = attempt(lambda: to_frame(CompressedImage(format=kind, data=data)), ImageError)
    if frame is not None:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels[..., frame.rgb].ndim == 3
        assert frame.pixels.size <= 3 * MAX_PIXELS


@fuzz("bytes as a picture", data=st.binary(max_size=300))
def test_bytes_are_no_picture(data: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"):
        pixels, _ = attempt(lambda file=start + data: decode_picture(file), ImageError)
        assert pixels is None


def test_a_progressive_picture_of_endless_scans_is_refused() -> None:
    whole = pictures()[1]
    last = whole.rfind(b"\xff\xda")
    decode_picture(whole)
    with pytest.raises(ImageError, match=f"more than {MAX_SCANS} scans"):
        decode_picture(whole[:-2] + whole[last:-2] * MAX_SCANS + whole[-2:])


def test_a_broken_png_is_refused_without_a_line_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    whole = pictures()[3]
    middle = len(whole) // 2
    with pytest.raises(ImageError, match="32x24 is broken"):
        decode_picture(whole[:middle] + bytes(8) + whole[middle + 8 :])
    assert capfd.readouterr().err == ""
