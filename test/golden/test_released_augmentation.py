"""The authors' augmentation, its parameters given, against crops and windows of the released code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deephar_ros.data import windows
from deephar_ros.data.paper_augment import HUMAN36M, PENN_CLIPS, PaperConfig, Parameters, view_of
from deephar_ros.data.view import Cut, Person, View, render
from deephar_ros.data.windows import CropWindow
from deephar_ros.skeleton import PA16

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    if not (FIXTURES / "preproc.npz").is_file():
        pytest.skip(f"reference outputs of the released code are not at {FIXTURES}")
    with np.load(FIXTURES / "preproc.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def numbers(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    return json.loads((FIXTURES / "preproc.json").read_text())


@pytest.mark.parametrize("case", range(6))
def test_a_view_is_the_crop_of_the_released_code(
    arrays: dict[str, np.ndarray], numbers: dict[str, Any], case: int
) -> None:
    how, image = numbers["crop"][case], arrays["crop/image"]
    window = CropWindow(how["cx"], how["cy"], how["win"], how["win"])
    joints = np.full((1, 16, 3), np.nan)
    joints[0, : len(arrays["crop/points"]), :2] = arrays["crop/points"][:16, :2]
    person = Person(joints, (image.shape[1], image.shape[0]), window)
    config = PaperConfig(exact=True, order=how["order"])
    view = view_of(config, person, Parameters(angle=how["angle"], flip=bool(how["hflip"])))
    np.testing.assert_array_equal(render(Cut.whole(image), view, 256), arrays[f"crop/{case}/out_u8"])
    np.testing.assert_allclose(view.matrix, arrays[f"crop/{case}/afmat"], atol=1e-12)

    theirs = arrays[f"crop/{case}/points_norm"][:16, :2]
    visible = ((theirs > 0) & (theirs < 1)).all(-1)
    expected = np.full((16, 2), np.nan)
    expected[: len(theirs)][visible] = theirs[visible]
    ours = view.targets(joints, PA16, float("nan"))[0]
    np.testing.assert_allclose(ours[..., :2], expected[PA16.flip] if how["hflip"] else expected, atol=1e-6)
    assert np.isnan(ours[..., 2]).all()


def test_the_window_of_human36m_scales_as_in_the_released_code(numbers: dict[str, Any]) -> None:
    cut, scaled = numbers["h36m_crop"], numbers["h36m_crop_08"]
    window = CropWindow(*cut["objpos"], *cut["winsize"])
    person = Person(np.full((1, 17, 3), np.nan), (1000, 1000), window)
    view = view_of(HUMAN36M, person, Parameters(scale=0.8))
    x, y = view.matrix[:2, :2].diagonal() ** -1
    assert (x, y) == pytest.approx((scaled["winsize"][0] / 1.002,) * 2, abs=1)  # that case's picture has 1002 rows
    middle = np.linalg.inv(view.matrix) @ [0.5, 0.5, 1]
    np.testing.assert_allclose(middle[:2], scaled["objpos"], atol=1)  # edges are cut to whole pixels
    assert view.depth_scale == 0.8


def test_clip_windows_scale_as_in_the_released_code(arrays: dict[str, np.ndarray]) -> None:
    joints = np.where(arrays["bbox/vis"][..., None] > 0, arrays["bbox/pose"], np.nan)[:8, :, :2]
    person = Person(np.dstack([joints, joints[..., :1] * np.nan]), (640, 480), None)
    x0, y0, x1, y1 = (int(edge) for edge in arrays["bbox/gt_scale07"])
    corners = np.array([[x0, y0, 1], [x1, y1, 1]]).T

    def seen(shift: tuple[float, float]) -> View:
        return view_of(PENN_CLIPS, person, Parameters(scale=0.7, shift=shift))

    np.testing.assert_allclose((seen((0, 0)).matrix @ corners)[:2].T, [[0, 0], [1, 1]], atol=1e-9)
    moved = np.linalg.inv(seen((40, -10)).matrix) @ [0, 0, 1]
    np.testing.assert_allclose(moved[:2] - (x0, y0), (28, -7), atol=1)  # 0.7 times the shift
    assert windows.clip_box(joints, (640, 480), 0.7) == pytest.approx(tuple(arrays["bbox/gt_scale07"]))
