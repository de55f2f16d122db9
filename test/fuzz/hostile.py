"""Hostile ROS messages: most are right but for a field or two, so that each check of the code gets its turn."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField, RegionOfInterest

from deephar_ros.node.images import DEPTH_UNITS
from deephar_ros.pixels import ENCODINGS

UINT32 = 2**32 - 1
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1e-160, 1e160, 1.7e308]),
    st.floats(-1e5, 1e5),
    st.floats(),
)
"""Of float64 fields."""
SIZES = st.one_of(st.integers(0, 80), st.sampled_from([1 << 16, 1 << 26, 1 << 31, UINT32]), st.integers(0, UINT32))
"""Of uint32 fields."""
NAMES = st.one_of(st.sampled_from(["", "bayer_rggb8", "yuv422", "8UC3", "rgb8; compressed", "\n\x1b[31m"]), st.text())
"""Of string fields; text() has surrogates out of ROS's reach, which rclpy refuses."""
STAMPS = st.builds(
    Time,
    sec=st.one_of(st.integers(0, 20), st.sampled_from([-(2**31), -1, 0, 2**31 - 1]), st.integers(-(2**31), 2**31 - 1)),
    nanosec=st.one_of(st.integers(0, 10**9 - 1), st.sampled_from([0, 1, UINT32])),
)
"""Zero, before 1970, far in the future, with more nanoseconds than a second has."""


def noise(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def mostly(value: Any, hostile: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`value` three times out of four."""
    return st.integers(0, 3).flatmap(lambda die: hostile if die == 0 else st.just(value))


@st.composite
def images(draw: st.DrawFn, encodings: tuple[str, ...] = (*ENCODINGS, *DEPTH_UNITS)) -> Image:
    """Raw images of colour and of depth."""
    width, height, padding = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.sampled_from([0, 0, 1, 7]))
    name = draw(st.sampled_from(encodings))
    depth = name not in ENCODINGS
    pixel = np.dtype(DEPTH_UNITS[name][0]).itemsize if depth else ENCODINGS[name].channels
    step = width * pixel + padding
    msg = Image(
        width=draw(mostly(width, SIZES)),
        height=draw(mostly(height, SIZES)),
        step=draw(mostly(step, SIZES)),
        encoding=draw(mostly(name, NAMES)),
        is_bigendian=draw(st.sampled_from([0, 0, 1, 255])),
    )
    msg.header.stamp = draw(STAMPS)
    length = draw(mostly(step * height, st.integers(0, 20_000)))
    msg.data.frombytes(noise(length, draw(st.integers(0, 5))))
    return msg


@st.composite
def clouds(draw: st.DrawFn) -> PointCloud2:
    width, height = draw(st.integers(1, 30)), draw(st.integers(2, 30))
    kind = draw(st.sampled_from([PointField.FLOAT32, PointField.FLOAT64]))
    point = 12 if kind == PointField.FLOAT32 else 24
    z = PointField(
        name=draw(mostly("z", NAMES)),
        offset=draw(mostly(point * 2 // 3, SIZES)),
        datatype=draw(mostly(kind, st.integers(0, 255))),
        count=draw(mostly(1, SIZES)),
    )
    others = [PointField(name=draw(NAMES)) for _ in range(draw(st.integers(0, 2)))]
    msg = PointCloud2(
        width=draw(mostly(width, SIZES)),
        height=draw(mostly(height, SIZES)),
        fields=draw(st.permutations([z, *others])),
        is_bigendian=draw(st.booleans()),
        point_step=draw(mostly(point, SIZES)),
        row_step=draw(mostly(point * width, SIZES)),
    )
    msg.header.stamp = draw(STAMPS)
    msg.data.frombytes(noise(draw(mostly(point * width * height, st.integers(0, 20_000))), draw(st.integers(0, 5))))
    return msg


@st.composite
def camera_infos(draw: st.DrawFn, width: int = 64, height: int = 48) -> CameraInfo:
    """About a camera of this size, more or less."""
    f, model = draw(mostly(60.0, NUMBERS)), draw(st.sampled_from(["plumb_bob", "rational_polynomial", "equidistant"]))
    k = [f, 0.0, width / 2, 0.0, f, height / 2, 0.0, 0.0, 1.0]
    numbers = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[model]
    count = draw(mostly(numbers, st.integers(0, 20)))
    d = draw(st.one_of(st.just([0.01] * count), st.lists(NUMBERS, min_size=count, max_size=count)))
    nothing = RegionOfInterest()
    part = st.builds(RegionOfInterest, x_offset=SIZES, y_offset=SIZES, width=SIZES, height=SIZES)
    return CameraInfo(
        width=draw(mostly(width, SIZES)),
        height=draw(mostly(height, SIZES)),
        distortion_model=draw(mostly(model, NAMES)),
        d=d,
        k=draw(mostly(k, st.lists(NUMBERS, min_size=9, max_size=9))),
        p=draw(mostly([*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0], st.lists(NUMBERS, min_size=12, max_size=12))),
        binning_x=draw(mostly(0, SIZES)),
        binning_y=draw(mostly(0, SIZES)),
        roi=draw(mostly(nothing, part)),
    )


def pictures() -> list[bytes]:
    """Whole files of the kinds that cameras send: what mutations begin with."""
    rgb = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    smooth = cv2.GaussianBlur(rgb, (9, 9), 3)
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    made = [
        cv2.imencode(".jpg", smooth)[1],
        cv2.imencode(".jpg", smooth, progressive)[1],
        cv2.imencode(".jpg", smooth[..., 0])[1],
        cv2.imencode(".png", smooth)[1],
        cv2.imencode(".png", np.dstack([smooth, smooth[..., :1]]))[1],
        cv2.imencode(".png", smooth[..., 0].astype(np.uint16) * 256)[1],
    ]
    return [data.tobytes() for data in made]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds with bytes changed, cut out, doubled, inserted, or its end missing."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at, length = draw(st.integers(0, max(len(data) - 1, 0))), draw(st.integers(1, 40))
        match draw(st.sampled_from(["change", "change", "cut", "double", "insert", "end"])):
            case "change":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = data[at : at + length]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=length))
            case "end":
                del data[at:]
    return bytes(data)
