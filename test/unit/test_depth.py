"""Depth images, and where the joints of a person are by them, by the body's size, or by neither."""

from __future__ import annotations

import numpy as np
import pytest
from bodies import someone_at
from hypothesis import given
from hypothesis import strategies as st

from deephar_ros.camera import PinholeCamera
from deephar_ros.depth import LIMB_SURFACE, TORSO, TORSO_SURFACE, DepthMap, DepthSource, locate
from deephar_ros.geometry import Array
from deephar_ros.skeleton import H36M17

SIZE = WIDTH, HEIGHT = 640, 480
CAMERA = PinholeCamera(520, 540, 322, 238, (-0.1, 0.02, 0.001, -0.001))
CERTAIN, UNKNOWN = np.ones(17), np.full(17, np.nan)
TORSO_JOINTS = np.isin(H36M17.joints, TORSO)
WALL = 8.0


def picture(points: Array, columns: int = WIDTH, rows: int = HEIGHT) -> DepthMap:
    """What a sensor sees of a person in front of a wall: 7 x 7 pixels of surface before every joint; limbs first."""
    metres = np.full((rows, columns), WALL, np.float32)
    surface = points[:, 2] - np.where(TORSO_JOINTS, TORSO_SURFACE, LIMB_SURFACE)
    for joint in np.argsort(TORSO_JOINTS, kind="stable"):
        x, y = (CAMERA.project(points[joint]) * [columns / WIDTH, rows / HEIGHT]).astype(int)
        metres[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = surface[joint]
    return DepthMap(metres, 1.0)


def spread_out(rng: np.random.Generator) -> Array:
    """(17, 3) metres, joints far enough from each other to have a patch of the picture each."""
    while True:
        points = someone_at(rng, 2.5)
        pixels = CAMERA.project(points)
        gaps = np.abs(pixels[:, None] - pixels[None]).max(-1) + 100 * np.eye(17)
        if gaps.min() > 8 and (pixels > 5).all() and (pixels < [WIDTH - 5, HEIGHT - 5]).all():
            return points


@given(x=st.floats(0, WIDTH, exclude_max=True), y=st.floats(0, HEIGHT, exclude_max=True), columns=st.integers(5, 900))
def test_every_pixel_of_the_picture_has_its_place_in_a_map_of_any_size(x: float, y: float, columns: int) -> None:
    rows = 7
    ramp = DepthMap(np.arange(1, columns + 1, dtype=np.uint16)[None].repeat(rows, 0), 0.001)
    found = ramp.at(np.array([[x, y]]), WIDTH, HEIGHT)[0] / 0.001
    place = np.floor(x * columns / WIDTH) + 1
    assert found == pytest.approx(place, abs=1.5)  # near the border the patch is cut
    if 3 <= place <= columns - 2:
        assert found == pytest.approx(place)


@pytest.mark.parametrize(
    ("kind", "metres"), [("uint16", 0.001), (">u2", 0.001), ("float32", 1.0), ("float64", 1.0), (">f4", 1.0)]
)
def test_millimetres_metres_byte_orders_and_padded_rows(kind: str, metres: float) -> None:
    padded = np.zeros((20, 32), kind)
    padded[:, :24] = 2.5 / metres
    padded[10:, :24] = 4.0 / metres
    image = DepthMap(padded[::-1, :24], metres)
    np.testing.assert_allclose(image.at(np.array([[12.0, 3.5], [12.0, 16.5]]), 24, 20), [4.0, 2.5], rtol=1e-6)


def test_holes_are_bridged_and_nothing_is_made_up_where_nothing_was_measured() -> None:
    values = np.full((40, 40), np.nan, np.float32)
    values[8:13, 8:13] = np.tile([0, np.inf, -1, np.nan, 3.0], (5, 1))
    values[20:25, 8:13] = np.inf
    pixels = np.array(
        [[10.5, 10.5], [10.5, 22.5], [30.0, 30.0], [-9.0, 5.0], [5.0, 1e12], [np.nan, 5.0], [np.inf, 5.0]]
    )
    np.testing.assert_array_equal(DepthMap(values, 1.0).at(pixels, 40, 40), [3.0] + [np.nan] * 6)


def test_at_an_edge_the_sample_is_one_of_the_two_surfaces() -> None:
    values = np.full((20, 20), 5.0)
    values[:, :10] = 2.0
    values[8:13, 12] = np.nan  # 10 near and 10 far pixels are left of the patch round column 10
    assert DepthMap(values, 1.0).at(np.array([[10.5, 10.5]]), 20, 20).tolist() == [2.0]


def test_outliers_do_not_count() -> None:
    values = np.full((20, 20), 3000, np.uint16)
    values[10, 8:13] = [65535, 1, 65535, 1, 65535]
    assert DepthMap(values, 0.001).at(np.array([[10.5, 10.5]]), 20, 20) == pytest.approx(3.0)


def test_without_a_camera_positions_are_relative_to_the_pelvis(rng: np.random.Generator) -> None:
    points = someone_at(rng, 3.0, spread=0)
    joints = points[:, :2] / 0.004  # 4 mm a pixel, no perspective
    position, source = locate(joints, points[:, 2], CERTAIN, H36M17, None, None, SIZE)
    assert source is DepthSource.RELATIVE
    np.testing.assert_allclose(position, points - points[0], atol=1e-9)
    position, source = locate(joints.astype(np.float32), UNKNOWN, CERTAIN, H36M17, None, picture(points), SIZE)
    assert source is DepthSource.RELATIVE
    assert np.isfinite(position[:, :2]).all()
    assert np.isnan(position[:, 2]).all()


def test_an_average_person_is_found_by_its_size_alone(rng: np.random.Generator) -> None:
    points = someone_at(rng, 3.0, spread=0)
    z = points[:, 2] - 17.0  # any origin
    position, source = locate(CAMERA.project(points), z, CERTAIN, H36M17, CAMERA, None, SIZE)
    assert source is DepthSource.PRIOR
    np.testing.assert_allclose(position, points, atol=1e-4)


def test_by_size_and_without_z_joints_are_as_far_away_as_the_pelvis(rng: np.random.Generator) -> None:
    points = someone_at(rng, 3.0, spread=0)
    joints = CAMERA.project(points)
    position, source = locate(joints, UNKNOWN, CERTAIN, H36M17, CAMERA, None, SIZE)
    assert source is DepthSource.PRIOR
    assert position[0, 2] == pytest.approx(3.0, rel=0.25)
    assert np.isnan(position[1:, 2]).all()
    np.testing.assert_allclose(position[:, :2], CAMERA.rays(joints) * position[0, 2])


@pytest.mark.parametrize("columns", [640, 1280])
def test_the_sensor_tells_the_distance_of_a_person_of_any_size(rng: np.random.Generator, columns: int) -> None:
    points = spread_out(rng)
    image = picture(points, columns, columns * 3 // 4)
    joints, z = CAMERA.project(points), points[:, 2] - points[0, 2]
    position, source = locate(joints, z, CERTAIN, H36M17, CAMERA, image, SIZE)
    assert source is DepthSource.SENSOR
    np.testing.assert_allclose(position, points, atol=1e-3)
    position, source = locate(joints, UNKNOWN, CERTAIN, H36M17, CAMERA, image, SIZE)
    assert source is DepthSource.SENSOR
    root = position[0, 2]
    assert root == pytest.approx(np.median(points[TORSO_JOINTS, 2]), abs=1e-3)
    np.testing.assert_allclose(position[1:], points[1:], atol=1e-3)  # each joint by its own sample


def test_what_lies_far_before_or_behind_the_body_is_no_part_of_it(rng: np.random.Generator) -> None:
    points = spread_out(rng)
    image, joints = picture(points), CAMERA.project(points)
    wrist, knee, elbow = (H36M17.index(name) for name in ("left_wrist", "right_knee", "right_elbow"))
    for joint, metres in ((wrist, WALL), (knee, 0.5), (elbow, np.nan)):
        x, y = joints[joint].astype(int)
        image.values[y - 3 : y + 4, x - 3 : x + 4] = metres
    position, source = locate(joints, UNKNOWN, CERTAIN, H36M17, CAMERA, image, SIZE)
    assert source is DepthSource.SENSOR
    assert np.isnan(position[:, 2]).nonzero()[0].tolist() == sorted([wrist, knee, elbow])
    np.testing.assert_allclose(position[wrist, :2], CAMERA.rays(joints[wrist]) * position[0, 2])


def test_a_part_of_the_torso_that_is_hidden_does_not_mislead(rng: np.random.Generator) -> None:
    points = spread_out(rng)
    image, joints = picture(points), CAMERA.project(points)
    for name in ("pelvis", "left_hip", "right_hip"):  # behind a table
        x, y = joints[H36M17.index(name)].astype(int)
        image.values[y - 3 : y + 4, x - 3 : x + 4] = 1.0
    position, _ = locate(joints, points[:, 2], CERTAIN, H36M17, CAMERA, image, SIZE)
    np.testing.assert_allclose(position, points, atol=1e-3)


def test_one_sample_is_too_few_and_the_size_decides(rng: np.random.Generator) -> None:
    points = spread_out(rng)
    joints, z, image = CAMERA.project(points), points[:, 2], picture(points)
    by_size, _ = locate(joints, z, CERTAIN, H36M17, CAMERA, None, SIZE)
    empty = DepthMap(np.zeros((HEIGHT, WIDTH), np.uint16), 0.001)
    doubtful = np.where(TORSO_JOINTS & (np.arange(17) > 0), 0.3, 1.0)
    position, source = locate(joints, z, CERTAIN, H36M17, CAMERA, empty, SIZE)
    assert source is DepthSource.PRIOR
    np.testing.assert_array_equal(position, by_size)
    assert locate(joints, z, doubtful, H36M17, CAMERA, image, SIZE)[1] is DepthSource.PRIOR
    doubtful[H36M17.index("neck")] = 0.9
    assert locate(joints, z, doubtful, H36M17, CAMERA, image, SIZE)[1] is DepthSource.SENSOR


def test_a_camera_that_does_not_help_leaves_relative_positions(rng: np.random.Generator) -> None:
    points = someone_at(rng, 3.0)
    joints, z = CAMERA.project(points), points[:, 2]
    nobody_sure = np.zeros(17)
    position, source = locate(joints, z, nobody_sure, H36M17, CAMERA, None, SIZE)
    assert source is DepthSource.RELATIVE
    np.testing.assert_array_equal(position, locate(joints, z, nobody_sure, H36M17, None, None, SIZE)[0])


def test_the_first_row_and_column_count_and_less_than_a_metre_too() -> None:
    column, row = np.full((20, 20), np.nan), np.full((20, 20), np.nan)
    column[:, 0], row[0] = 0.3, 0.4
    assert DepthMap(column, 1.0).at(np.array([[1.5, 10.5]]), 20, 20).tolist() == [0.3]
    assert DepthMap(row, 1.0).at(np.array([[10.5, 1.5]]), 20, 20).tolist() == [0.4]


def test_a_sample_is_the_median_of_its_patch(rng: np.random.Generator) -> None:
    values = np.full((5, 5), np.nan)
    values.flat[:] = rng.permutation(np.arange(1.0, 26.0))
    assert DepthMap(values, 1.0).at(np.array([[2.5, 2.5]]), 5, 5).tolist() == [13.0]
    values[values > 20] = np.nan
    assert DepthMap(values, 1.0).at(np.array([[2.5, 2.5]]), 5, 5).tolist() == [10.0]  # of two the nearer


def test_a_joint_that_is_just_confident_enough_tells_the_depth(rng: np.random.Generator) -> None:
    points = spread_out(rng)
    joints, z, image = CAMERA.project(points), points[:, 2], picture(points)
    assert locate(joints, z, np.full(17, 0.5), H36M17, CAMERA, image, SIZE)[1] is DepthSource.SENSOR
    assert locate(joints, z, np.full(17, 0.49), H36M17, CAMERA, image, SIZE)[1] is DepthSource.PRIOR
