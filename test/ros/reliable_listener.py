"""A subscriber that wants every message: for tests in which it stops taking them, or dies."""

from __future__ import annotations

import rclpy
from deephar_ros.msg import Skeleton3DArray
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile
from sensor_msgs.msg import Image

rclpy.init()
node = Node("reliable_listener")
wants_all = QoSProfile(history=HistoryPolicy.KEEP_ALL)
node.create_subscription(Skeleton3DArray, "skeletons", lambda msg: print("skeletons", flush=True), wants_all)
node.create_subscription(Image, "perception_node/overlay", lambda msg: print("overlay", flush=True), wants_all)
rclpy.spin(node)
