"""sensor_msgs/Image to and from numpy, without copying and without cv_bridge for the common 8-bit encodings."""

from __future__ import annotations

import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from deephar_ros.node.stamps import to_nanoseconds
from deephar_ros.pipeline import Frame
from deephar_ros.pixels import ENCODINGS, ImageError, view_pixels


def to_frame(msg: Image) -> Frame:
    """A view of the message's pixels; ImageError if its fields contradict each other or the encoding is unknown."""
    stamp = to_nanoseconds(msg.header.stamp)
    if msg.encoding not in ENCODINGS:
        return Frame(_by_cv_bridge(msg), stamp=stamp)
    pixels = view_pixels(msg.data, msg.encoding, msg.width, msg.height, msg.step)
    return Frame(pixels, ENCODINGS[msg.encoding].rgb, stamp)


def _by_cv_bridge(msg: Image) -> NDArray[np.uint8]:
    """RGB pixels of encodings that are rare on robots' colour cameras (Bayer, YUV), where cv_bridge is installed."""
    known = f"encoding {msg.encoding!r} is not one of {', '.join(ENCODINGS)}"
    try:
        # Imported only here: its compiled part fails under NumPy 2, which must not take the node down.
        from cv_bridge import CvBridge, CvBridgeError
    except (ImportError, AttributeError) as error:
        raise ImageError(f"{known}, and cv_bridge, which might convert it, is not usable here ({error})") from error
    try:
        pixels: NDArray[np.uint8] = CvBridge().imgmsg_to_cv2(msg, "rgb8")
    except (CvBridgeError, ValueError, KeyError) as error:
        raise ImageError(f"{known}, and cv_bridge says: {error}") from error
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
