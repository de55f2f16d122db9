"""Accuracy of a network's last pose on annotated pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.lsp import Sample
from deephar_ros.geometry import Array, Window, bounds
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise
from deephar_ros.sources import read_picture
from deephar_ros.train.metrics import torso_pck

CROP_MARGIN = 1.25
"""Side of the evaluation crop over the largest extent of the person's joints."""


@torch.inference_mode()
def predict_joints(net: SPNet, spec: ModelSpec, samples: Sequence[Sample], device: torch.device) -> Array:
    """(N, J, 2) joints of the last prediction block in pixels of the pictures, cropped round the annotated joints."""
    predictions = []
    for sample in samples:
        x0, y0, x1, y1 = bounds(sample.joints)
        window = Window.around((x0 + x1) / 2, (y0 + y1) / 2, CROP_MARGIN * max(x1 - x0, y1 - y0))
        crop = torch.from_numpy(window.cut(read_picture(sample.image), spec.input_size)).to(device)
        pose = net.frames(normalise(crop.permute(2, 0, 1)[None])).poses[-1][0]
        predictions.append(window.to_image(pose[:, :2].float().cpu().numpy()))
    return np.stack(predictions)


def pose_accuracy(net: SPNet, spec: ModelSpec, samples: Sequence[Sample], device: torch.device) -> Array:
    """(J,) PCK@0.2 of the torso, per joint."""
    truth = np.stack([sample.joints for sample in samples])
    return torso_pck(predict_joints(net, spec, samples, device), truth, spec.layout)
