"""The network in PyTorch, on CPU or CUDA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.backend.base import Prediction, first_pyramids
from deephar_ros.checkpoint import ModelSpec, load_checkpoint
from deephar_ros.geometry import Array
from deephar_ros.model.features import pack, section_sizes, unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise


class TorchBackend:
    """A checkpoint folder run by PyTorch in float32.

    Args:
        folder: checkpoint folder.
        device: "cpu", "cuda", "cuda:1", or "auto" for CUDA where it works, else CPU.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: the device does not exist here.
    """

    name = "torch"

    def __init__(self, folder: Path, device: str = "auto") -> None:
        where = _device(device)
        net, self.spec = load_checkpoint(folder)
        self.device = str(where)
        self._whole: SPNet = net.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._net = self._whole
        self.predict(np.zeros((1, self.spec.input_size, self.spec.input_size, 3), np.uint8))  # first call is slow

    spec: ModelSpec
    device: str

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`. The weights are shared with the whole network."""
        self._net = first_pyramids(self._whole, pyramids)

    @torch.inference_mode()
    def predict(self, crops: NDArray[np.uint8]) -> Prediction:
        """See `Backend.predict`."""
        images = normalise(torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2))
        poses, features = self._net.frames(images)  # permuted from NHWC, so already channels-last
        rows = pack(features) if features else images.new_zeros(len(crops), 0)
        return Prediction(poses[-1].cpu().numpy(), rows.cpu().numpy())

    @torch.inference_mode()
    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`; an empty list from a network without action blocks."""
        if not section_sizes(self._net.config):
            return []
        features = unpack(torch.from_numpy(clips).to(self.device), self._net.config)
        return [probabilities.cpu().numpy() for probabilities in self._net.clip_actions(features)[-1]]


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} does not work here ({reason}); use 'cpu' or 'auto'") from error
    return device
