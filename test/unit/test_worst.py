"""Failure cases are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deephar_ros.data.samples import Picture, Sample
from deephar_ros.data.windows import CropWindow
from deephar_ros.skeleton import PA17
from deephar_ros.train.worst import mean_errors


def test_errors_are_means_over_annotated_joints_in_parts_of_the_window(rng: np.random.Generator) -> None:
    joints = rng.uniform(10, 90, (3, 17, 3)).astype(np.float32)
    joints[1, 4:] = np.nan
    joints[2] = np.nan
    sides = (100.0, 50.0, 100.0)
    samples = [
        Sample(str(i), Picture(Path("x")), joints[i], PA17, CropWindow(50, 50, side, side))
        for i, side in enumerate(sides)
    ]
    found = joints.copy()
    found[:, :2, 0] += 10
    errors = mean_errors(found, samples)
    assert errors[0] == pytest.approx(10 / 100 * 2 / 17, rel=1e-5)
    assert errors[1] == pytest.approx(10 / 50 * 2 / 4, rel=1e-5)
    assert np.isnan(errors[2])
