"""The depth of an organised point cloud (sensor_msgs/PointCloud2), as a view of its z."""

from __future__ import annotations

import reprlib

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

from deephar_ros.depth import DepthMap
from deephar_ros.pixels import ImageError

_TYPES = {PointField.FLOAT32: "f4", PointField.FLOAT64: "f8"}


def to_depth(msg: PointCloud2) -> DepthMap:
    """z of each point, metres, one point for each pixel of the picture (or of a smaller one of the same camera).

    Raises:
        ImageError: the cloud is not organised, has no floating z, or fewer bytes than its fields say.
    """
    if msg.height < 2:
        raise ImageError(
            f"cloud of {msg.width}x{msg.height} points is not organised: its rows are not those of a picture"
        )
    field = next((field for field in msg.fields if field.name == "z" and field.datatype in _TYPES), None)
    if field is None:
        names = reprlib.repr([field.name for field in msg.fields])
        raise ImageError(f"cloud has no floating-point field z, only {names}")
    dtype = np.dtype((">" if msg.is_bigendian else "<") + _TYPES[field.datatype])
    if msg.point_step < field.offset + dtype.itemsize or msg.row_step < msg.width * msg.point_step:
        raise ImageError(
            f"cloud of {msg.width}x{msg.height} points has point_step {msg.point_step} and row_step {msg.row_step}, "
            f"too short for its width and for z at {field.offset}"
        )
    last = (msg.height - 1) * msg.row_step + (msg.width - 1) * msg.point_step + field.offset + dtype.itemsize
    if msg.width == 0 or last > len(msg.data):
        raise ImageError(f"cloud has {len(msg.data)} bytes, its fields ask for {last}")
    strides = (msg.row_step, msg.point_step)
    z: NDArray[np.generic] = np.ndarray((msg.height, msg.width), dtype, msg.data, field.offset, strides)
    return DepthMap(z, 1.0)
