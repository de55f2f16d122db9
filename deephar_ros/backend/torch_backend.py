"""The network in PyTorch, on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from deephar_ros.backend.base import DEFAULT_START, Crops, Start, load_network
from deephar_ros.backend.cuts import Cut, CutBackend
from deephar_ros.backend.device import find_device
from deephar_ros.backend.device_crop import DeviceCropper
from deephar_ros.backend.fold import folded
from deephar_ros.backend.lane import Buckets, Lane
from deephar_ros.backend.rows import action_rows, frame_rows
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array
from deephar_ros.model.features import section_sizes
from deephar_ros.model.spnet import SPNet

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class TorchBackend(CutBackend):
    """A checkpoint folder run by PyTorch; on CUDA as recorded graphs, crops included.

    Args:
        folder: checkpoint folder.
        device: "cpu", "cuda", "cuda:1", or "auto" for CUDA where it works, else CPU.
        precision: of the convolutions, one of DTYPES.
        start: what is made ready at once.
        graphs: on CUDA, record graphs.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: the device or the precision does not work here, the network has no such cut or size.
    """

    name = "torch"

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        precision: str = "float32",
        start: Start = DEFAULT_START,
        graphs: bool = True,
    ) -> None:
        where = find_device(device)
        if precision not in DTYPES:
            raise ValueError(f"precision {precision!r} is not one of {', '.join(DTYPES)}, which PyTorch can run")
        net, self.spec = load_network(folder, start.input_size)
        self.device, self.precision = str(where), precision
        whole = folded(net).to(where, DTYPES[precision])
        self._lane = Lane(where, graphs)
        half = torch.float32 if precision == "float32" else torch.float16
        self._cropper = DeviceCropper(self._lane, self.spec.input_size, half) if where.type == "cuda" else None
        self._largest = start.largest_batch
        self._open(whole.to(memory_format=torch.channels_last), start)  # type: ignore[call-overload]

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`."""
        return cut_all(cutouts, self.spec.input_size) if self._cropper is None else self._cropper(cutouts)

    def _make(self, net: SPNet) -> Cut:
        size, acts = self.spec.input_size, bool(section_sizes(net.config))
        if self._lane.device.type == "cpu":
            made = Cut(net.config, _eager(net, frame_rows), _eager(net, action_rows) if acts else None)
            made.frame(np.zeros((1, size, size, 3), np.uint8))  # the first call is slow
            return made
        frame = Buckets(self._lane, lambda _: lambda crops: frame_rows(net, crops), (size, size, 3), torch.uint8)
        frame.prepare(self._largest)
        if not acts:
            return Cut(net.config, frame, None)
        clip = (self.spec.clip_frames, sum(section_sizes(net.config)))
        actions = Buckets(self._lane, lambda _: lambda clips: action_rows(net, clips), clip, torch.float32)
        actions.prepare(self._largest)
        return Cut(net.config, frame, actions)


def _eager(net: SPNet, function: Callable[[SPNet, torch.Tensor], torch.Tensor]) -> Callable[..., Array]:
    """On the CPU: any batch as it is."""

    @torch.inference_mode()
    def run(values: Array) -> Array:
        return function(net, torch.from_numpy(values)).numpy()

    return run
