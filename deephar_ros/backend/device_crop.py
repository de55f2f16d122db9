"""Windows resampled on the device: of a picture only the window's own pixels go there, as bytes.

What `Window.cut` does is linear, and for rows and columns apart: an output pixel is the mean over an interval of input
pixels, [i*s, (i+1)*s) where the window shrinks, and [x, x+1) where it is enlarged by interpolation at x; nothing lies
outside of the picture. A window that is halved first has blocks of pixels in the place of pixels. So a crop is two
products, rows x pixels x columns, of any window with the same code. The result is that of `Window.cut` to within one of
255 grey levels, where OpenCV rounds elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deephar_ros.backend.lane import Lane
from deephar_ros.cutout import BLANK, Cutout
from deephar_ros.geometry import Array, Window


class DeviceCropper:
    """Resamples windows to (size, size, 3) on the lane's device.

    Args:
        dtype: of the products; half is exact for the pixels, and errs by a quarter of a grey level at most.
    """

    def __init__(self, lane: Lane, size: int, dtype: torch.dtype) -> None:
        self._lane, self._size, self._dtype = lane, size, dtype

    def __call__(self, cutouts: Sequence[Cutout]) -> Tensor:
        """(N, size, size, 3) uint8 RGB on the device; enqueued, not waited for."""
        insides = [_inside(cutout) for cutout in cutouts]
        with self._lane.active():
            flat = self._lane.upload(np.concatenate([inside.ravel() for inside in insides]))
            rows, columns = self._weights(cutouts, max(max(inside.shape[:2]) for inside in insides))
            crops = torch.zeros(len(cutouts), self._size, self._size, 3, dtype=torch.uint8, device=self._lane.device)
            for i, pixels in enumerate(flat.split([inside.size for inside in insides])):
                height, width, channels = insides[i].shape
                if len(pixels):
                    picture = pixels.view(height, width, channels).permute(2, 0, 1)
                    planes = picture.to(self._dtype, memory_format=torch.contiguous_format)
                    planes = rows[i, :, :height] @ (planes @ columns[i, :, :width].T)
                    crops[i] = torch.stack([planes[c] for c in cutouts[i].rgb], -1).round_()
                for part in cutouts[i].blanked(self._size):
                    crops[i][part] = BLANK
        return crops

    def _weights(self, cutouts: Sequence[Cutout], longest: int) -> tuple[Tensor, Tensor]:
        """Of rows and of columns, (N, size, longest) each: what part of an output pixel an input pixel makes up."""
        flat = self._lane.upload(np.array([_edges(cutout.window, self._size) for cutout in cutouts], np.float32))
        low, high = (
            flat[..., : 2 * self._size].unflatten(-1, (2, self._size, 1)).permute(2, 1, 0, 3, 4)
        )  # axis, N, size, 1
        outside, block = flat[..., -2:].permute(2, 1, 0).unflatten(-1, (-1, 1, 1))
        pixels = torch.arange(longest, dtype=torch.float32, device=self._lane.device)
        cells = ((pixels + outside) / block).floor_()
        overlap = (torch.minimum(high, cells + 1) - torch.maximum(low, cells)).clamp_(min=0)
        rows, columns = (overlap / (block * (high - low))).to(self._dtype)
        return rows, columns


def _edges(window: Window, size: int) -> Array:
    """(2, 2 * size + 2) of rows and of columns: where each output pixel begins, where it ends, in cells of the window;
    pixels of the window before the first in the picture; pixels of a cell."""
    block = 1 << window.halvings(size)
    intervals = _intervals(window.size // block, size).ravel()
    return np.stack([np.append(intervals, [max(-start, 0), block]) for start in (window.top, window.left)])


def _intervals(window: int, size: int) -> Array:
    """(2, size): where the interval of each output pixel begins and ends, in pixels of the window."""
    scale, i = window / size, np.arange(size)
    if window > size:
        return np.stack([i * scale, np.minimum((i + 1) * scale, window)])
    x = ((i + 0.5) * scale - 0.5).clip(0, window - 1)
    return np.stack([x, x + 1])


def _inside(cutout: Cutout) -> NDArray[np.uint8]:
    """What of the window lies in the picture, a view."""
    window, (height, width) = cutout.window, cutout.pixels.shape[:2]
    rows = slice(max(window.top, 0), max(min(window.top + window.size, height), 0))
    columns = slice(max(window.left, 0), max(min(window.left + window.size, width), 0))
    return cutout.pixels[rows, columns]
