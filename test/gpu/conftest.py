"""What needs an NVIDIA GPU: skipped without one; `scripts/gpu_check` runs it all, also without ROS and network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Window
from deephar_ros.share import default_checkpoint, demo_clip

HERE = Path(__file__).parent
FRAMES = 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without = pytest.mark.skip(reason="no CUDA device here")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(without)


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """(H, W, 3) RGB frames of the demo clip, some time apart; read by OpenCV, as the machine may lack all else."""
    video = cv2.VideoCapture(str(demo_clip()))
    found = []
    while len(found) < FRAMES and video.grab():
        read, frame = video.retrieve()
        assert read
        found.append(frame[..., ::-1])
        for _ in range(5):
            video.grab()
    assert len(found) > 8
    return found


@pytest.fixture(scope="session")
def cutouts(frames: list[np.ndarray]) -> list[Cutout]:
    """A window of each frame; of every size, some over the border."""
    height, width = frames[0].shape[:2]
    windows = [Window.around(width / 2 + 5 * i, height / 2, 0.3 * height + 20 * i) for i in range(len(frames))]
    return [Cutout(frame, (0, 1, 2), window) for frame, window in zip(frames, windows, strict=True)]


@pytest.fixture(scope="session")
def reference() -> TorchBackend:
    """The shipped model in float32 on the CPU."""
    return TorchBackend(default_checkpoint(), "cpu")


@pytest.fixture(scope="session")
def crops(cutouts: list[Cutout], reference: TorchBackend) -> np.ndarray:
    return cut_all(cutouts, reference.spec.input_size)
