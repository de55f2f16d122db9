"""Training crops made of a whole batch at once, on the trainer's device.

Workers only decode pictures and cut out what a crop needs; resampling, mirroring and colours are done here. Equal to
`view.render` within the rounding of OpenCV's coordinates to 1/32 pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deephar_ros.data.resample import prepare
from deephar_ros.data.view import Cut, View


@dataclass(frozen=True)
class Unrendered:
    """What N crops are rendered from; tensors of one batch, padded to the largest picture.

    Attributes:
        pixels: (N, 3, h, w) uint8.
        matrices: (N, 2, 3) float32 from pixels of `pixels` to pixels of the crop.
        tables: (N, 256, 3) what each value of each channel becomes, 0..1.
    """

    pixels: Tensor
    matrices: Tensor
    tables: Tensor

    def pin_memory(self) -> Unrendered:
        """Called by DataLoader, so that copies to a GPU do not wait."""
        return Unrendered(*(tensor.pin_memory() for tensor in self._tensors()))

    def to(self, device: torch.device | str) -> Unrendered:
        return Unrendered(*(tensor.to(device, non_blocking=True) for tensor in self._tensors()))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.pixels, self.matrices, self.tables


def collect(cuts: list[tuple[Cut, View]], size: int) -> Unrendered:
    """Cuts out and smooths what each crop of `size` pixels needs.

    Raises:
        ValueError: a view wants what this path does not do.
    """
    parts = []
    for cut, view in cuts:
        if view.pillow or view.colour.gray or view.colour.blur:
            raise ValueError("whole batches are rendered without Pillow, gray and blur: render crop by crop instead")
        parts.append(prepare(cut.pixels, cut.to_crop(view, size), size))
    height, width = (max(pixels.shape[axis] for pixels, _ in parts) for axis in (0, 1))
    padded = np.zeros((len(parts), height, width, 3), np.uint8)
    for row, (pixels, _) in zip(padded, parts, strict=True):
        row[: pixels.shape[0], : pixels.shape[1]] = pixels
    return Unrendered(
        pixels=torch.from_numpy(padded).permute(0, 3, 1, 2),
        matrices=torch.from_numpy(np.stack([matrix for _, matrix in parts]).astype(np.float32)),
        tables=torch.from_numpy(np.stack([view.colour.table() for _, view in cuts])),
    )


def render_batch(batch: Unrendered, size: int) -> Tensor:
    """Crops (N, 3, size, size) uint8 on the batch's device."""
    height, width = batch.pixels.shape[-2:]
    scale = torch.tensor([width, height], dtype=torch.float32, device=batch.pixels.device)
    inverse = torch.linalg.inv(batch.matrices[:, :, :2])
    middles = torch.arange(size, dtype=torch.float32, device=batch.pixels.device) + 0.5
    crop_points = torch.stack(torch.meshgrid(middles, middles, indexing="xy"), -1)
    points = (crop_points - batch.matrices[:, None, None, :, 2]) @ inverse.mT[:, None]
    grid = 2 * points / scale - 1
    crops = functional.grid_sample(batch.pixels.float(), grid, mode="bilinear", align_corners=False)
    return _recolour(crops.round_().to(torch.uint8), batch.tables)


def _recolour(crops: Tensor, tables: Tensor) -> Tensor:
    """(N, 3, S, S) uint8 through tables (N, 256, 3)."""
    levels = (tables.clamp(0, 1) * 255).round().to(torch.uint8).mT
    return levels.gather(2, crops.flatten(2).long()).view_as(crops)
