"""Agreement with the released code before and after the network (SPNET.md section 3); pytest -rP shows by how much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deephar_ros.data import windows
from deephar_ros.data.clip_indices import middle_clip, multi_clips
from deephar_ros.data.crop import crop, map_points, normalise_image, unknown_to_nan, visible_targets
from deephar_ros.data.human36m_camera import Human36MCamera
from deephar_ros.data.windows import CropWindow
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import PA16, PA17
from deephar_ros.train.losses import ELASTIC_NET, RELEASED_CODE, CoordinateWeights, pose_loss
from deephar_ros.train.metrics import head_size, mpjpe, pckh

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
EXACT = 1e-9  # pixels or millimetres: for float64 arithmetic in another order
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    if not (FIXTURES / "preproc.npz").is_file():
        pytest.skip(f"reference outputs of the released code are not at {FIXTURES}")
    with np.load(FIXTURES / "preproc.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def numbers(arrays: Arrays) -> dict[str, Any]:
    return json.loads((FIXTURES / "preproc.json").read_text())


@pytest.fixture(scope="module")
def camera(arrays: Arrays) -> Human36MCamera:
    rotation, translation, focal, centre, radial, tangential = (arrays[f"camera/{name}"] for name in "Rtfckp")
    return Human36MCamera(rotation, translation, focal, centre, radial, tangential)


def close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    difference = np.abs(ours - theirs).max()
    print(f"{what}: {difference:.2g}")
    assert difference <= tolerance, what


@pytest.mark.parametrize("case", range(6))
def test_crop(arrays: Arrays, numbers: dict[str, Any], case: int) -> None:
    how = numbers["crop"][case]
    window = CropWindow(how["cx"], how["cy"], how["win"], how["win"])
    picture, matrix = crop(arrays["crop/image"], window, 256, how["angle"], bool(how["hflip"]), how["order"])
    close(picture, arrays[f"crop/{case}/out_u8"], 0, "pixels")
    close(matrix, arrays[f"crop/{case}/afmat"], 1e-12, "map")
    points = arrays["crop/points"]
    close(map_points(matrix, points), arrays[f"crop/{case}/points_norm"], 1e-12, "points in the crop")
    close(map_points(np.linalg.inv(matrix), map_points(matrix, points)), points, EXACT, "points there and back")


def test_normalisation(arrays: Arrays) -> None:
    image = arrays["crop/image"][:8, :8]  # found by its values, and the powers: the fixture does not name its input
    close(normalise_image(image), arrays["norm/plain"], 0, "plain")
    close(normalise_image(image, (0.9, 1.0, 1.1)), arrays["norm/power"], 2e-7, "powers")
    close(normalise(torch.from_numpy(image)), arrays["norm/plain"], 2e-7, "the trainer's")


def test_human36m_window(arrays: Arrays, numbers: dict[str, Any], camera: Human36MCamera) -> None:
    root = camera.project(arrays["camera/points_w"])[0]
    # The second case does not name its image size; 1002 rows reproduce it, which some of the data set's videos have.
    for name, scale, image_size in (("h36m_crop", 1.0, (1000, 1000)), ("h36m_crop_08", 0.8, (1000, 1002))):
        cut, theirs = windows.human36m_window(root, camera.focal, image_size, scale), numbers[name]
        close((cut.x, cut.y, cut.width, cut.height), theirs["objpos"] + theirs["winsize"], EXACT, f"{name} window")
        close(windows.depth_to_unit(np.array(theirs["zrange"]), root[2], scale), (0, 1), 1e-12, f"{name} depth")
        close(windows.unit_to_depth(np.array([0.0, 1.0]), root[2], scale), theirs["zrange"], EXACT, f"{name} back")


def test_clip_boxes(arrays: Arrays) -> None:
    joints = np.where(arrays["bbox/vis"][..., None] > 0, arrays["bbox/pose"], np.nan)
    for name, frames, scale in (("gt_scale1", 8, 1.0), ("gt_scale07", 8, 0.7), ("single", 1, 1.0)):
        box = windows.clip_box(joints[:frames], (640, 480), scale)
        close(box, arrays[f"bbox/{name}"], EXACT, name)
        close(windows.clip_window(joints[:frames], (640, 480), scale).box, box, EXACT, f"{name} as window")


def test_camera(arrays: Arrays, numbers: dict[str, Any], camera: Human36MCamera) -> None:
    world, pixels = arrays["camera/points_w"], arrays["camera/uvd"]
    close(camera.project(world), pixels, EXACT, "projection")
    close(camera.unproject(pixels), arrays["camera/back_w"], EXACT, "one-step inverse")
    error = np.abs(camera.unproject(pixels) - world).max()
    close(error, numbers["camera_roundtrip_max_mm"], EXACT, "its error")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["2d_frame", "3d_frame", "3d_clip"])
@pytest.mark.parametrize("name", ["l1l2bincross", "l1l2", "l1", "l2"])
def test_loss(arrays: Arrays, case: str, name: str, dtype: torch.dtype) -> None:
    released = {"l1l2bincross": RELEASED_CODE, "l1l2": ELASTIC_NET}
    weights = released.get(name, CoordinateWeights(absolute=float(name == "l1"), squared=float(name == "l2")))
    tolerance = 1e-6 if dtype == torch.float32 else 5e-8  # theirs are float32 numbers
    truth = torch.from_numpy(arrays[f"loss/{case}/y_true"]).to(dtype)
    target, visible = torch.where(truth[..., :-1] > 0, truth[..., :-1], torch.nan), truth[..., -1] > 0
    pose = torch.from_numpy(arrays[f"loss/{case}/y_pred"]).to(dtype).requires_grad_()
    losses = torch.stack(
        [pose_loss(p, t, weights=weights, visible=v) for p, t, v in zip(pose, target, visible, strict=True)]
    )
    theirs = arrays[f"loss/{case}/{name}"]
    close(losses.detach(), theirs, tolerance, "each sample")
    mean = pose_loss(pose, target, weights=weights, visible=visible)
    close(mean.detach(), theirs.mean(dtype=np.float64), tolerance, "their mean")
    (slope,) = torch.autograd.grad(mean, pose)
    assert slope.isfinite().all()
    assert slope[..., :-1][target.isnan()].abs().max() == 0


def test_pckh_and_mpjpe(arrays: Arrays, numbers: dict[str, Any]) -> None:
    truth = unknown_to_nan(arrays["pckh/y_true"])
    assert np.isnan(truth).any()
    for threshold, theirs in numbers["pckh"].items():
        ours = pckh(arrays["pckh/y_pred"], truth, arrays["pckh/head"][:, 0], PA16, float(threshold))
        close(ours / 100, theirs, 1e-12, f"PCKh@{threshold}")
    close(mpjpe(arrays["mpjpe/a"], arrays["mpjpe/b"], PA17), numbers["mpjpe"], EXACT, "mm")


def test_clip_indices(numbers: dict[str, Any]) -> None:
    for case in numbers["middle_clip"]:
        assert middle_clip(case["n"], case["T"], case["sub"]) == case["frames"], case
    for case in numbers["multi_clip"]:
        assert multi_clips(case["n"], case["T"], case["sub"]) == case["clips"], case


def test_by_hand_what_the_fixture_lacks() -> None:
    points = np.array([[0.5, 0.5, 0.4], [0.5, 0.5, -0.1], [0.5, 0.5, 1.2], [1.0, 0.5, 0.5], [0.5, np.nan, 0.5]])
    known = [[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(visible_targets(points), np.where(known, points, np.nan))
    assert windows.mpii_window((100, 200), 2.0, 0.5) == CropWindow(100, 230, 250, 250)
    assert windows.image_window((640, 480), 0.5).shifted(2, 3) == CropWindow(322, 243, 320, 320)
    assert windows.clip_window(np.full((3, 16, 2), np.nan), (640, 480)) == CropWindow(320, 240, 640, 480)
    assert windows.clip_window(np.array([[[10.0, 20.0], [14.0, 20.0]]]), (640, 480)) == CropWindow(12, 20, 32, 32)
    assert head_size(np.array([10.0, 20.0, 40.0, 60.0])) == pytest.approx(30)
    wrong = pose_loss(torch.tensor([[0.5, 0.5, 1.0]]).double(), torch.full((1, 2), torch.nan), confidence_weight=1)
    assert wrong.item() == pytest.approx(-np.log(1e-7))  # of a confidence of 1 where no joint is seen
