"""Windows resampled on the device: of a picture only the window's own pixels go there, as bytes.

What `Window.cut` does is linear, and for rows and columns apart. Interpolation at x is the mean over [x, x+1) of pixels
that are squares; a window that is halved first has blocks of pixels in the place of pixels; and where it shrinks, an
output pixel is the mean of two such points. Nothing lies outside of the picture. So a crop is two products, rows x
pixels x columns, of any window with the same code. The result is that of `Window.cut` to within one of 255 grey levels,
or two of a window that is halved, as OpenCV rounds after every step and this at the end.
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
            pictures = self._lane.upload(insides)
            rows, columns = self._weights(cutouts, max(max(inside.shape[:2]) for inside in insides))
            crops = torch.zeros(len(cutouts), self._size, self._size, 3, dtype=torch.uint8, device=self._lane.device)
            for i, picture in enumerate(pictures):
                height, width = picture.shape[:2]
                if height and width:
                    planes = picture.permute(2, 0, 1).to(self._dtype, memory_format=torch.contiguous_format)
                    planes = rows[i, :, :height] @ (planes @ columns[i, :, :width].T)
                    crops[i] = torch.stack([planes[c] for c in cutouts[i].rgb], -1).round_()
                for part in cutouts[i].blanked(self._size):
                    crops[i][part] = BLANK
        return crops

    def _weights(self, cutouts: Sequence[Cutout], longest: int) -> tuple[Tensor, Tensor]:
        """Of rows and of columns, (N, size, longest) each: what part of an output pixel an input pixel makes up."""
        (flat,) = self._lane.upload([np.array([_places(cutout.window, self._size) for cutout in cutouts], np.float32)])
        points = flat[..., :-2].unflatten(-1, (2 * self._size, 1)).permute(1, 0, 2, 3)  # axis, N, 2 * size, 1
        outside, block = flat[..., -2:].permute(2, 1, 0).unflatten(-1, (-1, 1, 1))
        pixels = torch.arange(longest, dtype=torch.float32, device=self._lane.device)
        cells = ((pixels + outside) / block).floor_()
        overlap = (1 - (cells - points).abs()).clamp_(min=0) / block
        rows, columns = overlap.unflatten(2, (self._size, 2)).mean(3).to(self._dtype)
        return rows, columns


def _places(window: Window, size: int) -> Array:
    """(2, 2 * size + 2) of rows and of columns: two points for each output pixel, in cells of the window; pixels of the
    window before the first in the picture; pixels of a cell."""
    block = 1 << window.halvings(size)
    cells = window.size // block
    count = 2 * size if cells > size else size
    points = ((np.arange(count) + 0.5) * cells / count - 0.5).clip(0, cells - 1).repeat(2 * size // count)
    return np.stack([np.append(points, [max(-start, 0), block]) for start in (window.top, window.left)])


def _inside(cutout: Cutout) -> NDArray[np.uint8]:
    """What of the window lies in the picture, a view."""
    window, (height, width) = cutout.window, cutout.pixels.shape[:2]
    rows = slice(max(window.top, 0), max(min(window.top + window.size, height), 0))
    columns = slice(max(window.left, 0), max(min(window.left + window.size, width), 0))
    return cutout.pixels[rows, columns]
