"""sensor_msgs Image and CompressedImage as numpy, without copying and without cv_bridge for the common encodings."""

from __future__ import annotations

import array
import reprlib

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from deephar_ros.depth import DepthMap
from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.people import Frame
from deephar_ros.pixels import BGR, ENCODINGS, ImageError, decode_picture, encoding, view_pixels

DEPTH_UNITS = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}
"""Depth encodings (REP-118): type of a value, and metres per unit."""


class UnsupportedEncoding(ImageError):
    """An image whose `encoding` cannot be read here."""

    def __init__(self, encoding: str, message: str) -> None:
        super().__init__(f"encoding {reprlib.repr(encoding)} {message}")
        self.encoding = encoding


def to_frame(msg: Image | CompressedImage) -> Frame:
    """The message's pixels, a view where possible.

    Raises:
        UnsupportedEncoding: the encoding is unknown, and cv_bridge cannot convert it, either.
        ImageError: the fields contradict each other, or the compressed data are broken.
    """
    stamp = to_nanoseconds(msg.header.stamp)
    if isinstance(msg, CompressedImage):
        return Frame(decode_picture(bytes(msg.data)), BGR, stamp)
    layout = encoding(msg.encoding, bool(msg.is_bigendian))
    if layout is None:
        return Frame(_by_cv_bridge(msg), stamp=stamp)
    return Frame(view_pixels(msg.data, msg.width, msg.height, msg.step, layout.channels), layout.rgb, stamp)


def to_depth(msg: Image) -> DepthMap:
    """A registered depth image as it is; ImageError if its encoding is none of DEPTH_UNITS or its fields are wrong."""
    if msg.encoding not in DEPTH_UNITS:
        raise UnsupportedEncoding(msg.encoding, f"of a depth image is not one of {', '.join(DEPTH_UNITS)}")
    kind, metres = DEPTH_UNITS[msg.encoding]
    dtype = np.dtype((">" if msg.is_bigendian else "<") + kind)
    rows = view_pixels(msg.data, msg.width, msg.height, msg.step, dtype.itemsize)
    return DepthMap(rows.view(dtype)[..., 0], metres)


def _by_cv_bridge(msg: Image) -> NDArray[np.uint8]:
    """RGB pixels of encodings that are rare on robots' colour cameras (Bayer, YUV), where cv_bridge is installed."""
    known = f"is not one of {', '.join(ENCODINGS)}"
    try:
        # Imported only here: its compiled part fails under NumPy 2, which must not take the node down.
        from cv_bridge import CvBridge, CvBridgeError
    except (ImportError, AttributeError) as error:
        raise UnsupportedEncoding(
            msg.encoding, f"{known}, and cv_bridge, which might convert it, is not usable here ({error})"
        ) from error
    try:
        pixels: NDArray[np.uint8] = CvBridge().imgmsg_to_cv2(msg, "rgb8")
    except (CvBridgeError, TypeError, ValueError, KeyError) as error:
        raise UnsupportedEncoding(msg.encoding, f"{known}, and cv_bridge says: {error}") from error
    return pixels


def to_image(pixels: NDArray[np.uint8]) -> Image:
    """An rgb8 message of (H, W, 3) pixels; the caller fills in the header."""
    height, width, channels = pixels.shape
    msg = Image(height=height, width=width, encoding="rgb8", step=width * channels)
    # array.array is what rclpy stores; anything else is checked byte by byte, 250 ms for a 1080p picture.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    msg.data = data
    return msg
