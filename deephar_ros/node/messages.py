"""People and actions as our messages, made of rclpy's classes."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import RegionOfInterest

from deephar_ros.messages import Messages, MessageTypes
from deephar_ros.msg import ActionProbs, ActionScore, Keypoint3D, Skeleton3D, Skeleton3DArray
from deephar_ros.node.stamps import to_stamp

messages = Messages(
    MessageTypes(ActionProbs, ActionScore, Keypoint3D, Skeleton3D, Skeleton3DArray, Point, RegionOfInterest),
    time=to_stamp,
    floats=np.ndarray.tolist,
)
