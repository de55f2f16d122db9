"""Calibration that is wrong in every way, down to the positions that are made with it."""

from __future__ import annotations

import numpy as np
from fuzzing import attempt, fuzz
from hostile import NUMBERS, camera_infos
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo

from deephar_ros.body_size import metres_per_pixel
from deephar_ros.camera_info import CameraInfoError, to_camera
from deephar_ros.depth import DepthMap, DepthSource, locate
from deephar_ros.skeleton import PA17

JOINTS = len(PA17)
PLACES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4)
POSES = PLACES.flatmap(lambda places: st.lists(st.sampled_from(places), min_size=JOINTS, max_size=JOINTS))
"""What the network gives for the joints: anything inside of their window, and the same place for many of them."""


@fuzz(
    "camera_info",
    info=camera_infos(),
    rectified=st.booleans(),
    width=st.sampled_from([64, 64, 64, 32, 1, 4000]),
    points=POSES,
    z=st.one_of(st.just([float("nan")] * JOINTS), st.lists(st.floats(-1, 1), min_size=JOINTS, max_size=JOINTS)),
)
def test_any_calibration_gives_positions_or_an_error(
    info: CameraInfo, rectified: bool, width: int, points: list[tuple[float, float]], z: list[float]
) -> None:
    height = max(1, width * 3 // 4)
    camera, refusal = attempt(lambda: to_camera(info, rectified, width, height), CameraInfoError)
    if refusal:
        return
    joints = np.array(points, np.float32) * [width, height]
    confidence = np.full(JOINTS, 0.9, np.float32)
    position, source = locate(joints, np.array(z), confidence, PA17, camera, None, (width, height))
    assert position.shape == (JOINTS, 3)
    assert camera is not None or source == DepthSource.RELATIVE
    if source == DepthSource.PRIOR:
        assert position[PA17.index("pelvis"), 2] > 0


@fuzz(
    "depth values",
    values=st.lists(NUMBERS, min_size=12, max_size=12),
    metres=st.sampled_from([0.001, 1.0]),
    points=POSES,
    z=st.lists(st.floats(-1, 1), min_size=JOINTS, max_size=JOINTS),
    confidence=st.floats(0, 1),
)
def test_any_depth_value_gives_finite_positions_or_none(
    values: list[float], metres: float, points: list[tuple[float, float]], z: list[float], confidence: float
) -> None:
    camera = to_camera(CameraInfo(k=[60.0, 0, 32, 0, 60, 24, 0, 0, 1]), False, 64, 48)
    depth = DepthMap(np.array(values).reshape(3, 4), metres)
    joints = np.array(points, np.float32) * [64, 48]
    sure = np.full(JOINTS, confidence, np.float32)
    position, source = locate(joints, np.array(z), sure, PA17, camera, depth, (64, 48))
    assert position.shape == (JOINTS, 3)
    assert not np.isinf(position).any()
    if source == DepthSource.SENSOR:
        assert np.isfinite(position[PA17.index("pelvis")]).all()


def test_a_pose_collapsed_to_a_point_but_for_one_joint_has_no_size() -> None:
    joints = np.full((JOINTS, 2), 5.0)
    joints[PA17.index("left_wrist")] = 9.0
    assert np.isnan(metres_per_pixel(joints, np.full(JOINTS, np.nan), PA17))
