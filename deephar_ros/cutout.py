"""What the network is to look at: a window of a picture that nobody has resampled yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Box, Window

BLANK = 127
"""What is put over the people who are known when others are searched for: grey, the middle of the network's input."""


@dataclass(frozen=True)
class Cutout:
    """A window of a picture.

    Attributes:
        pixels: (H, W, C) uint8, the whole picture, any row stride.
        rgb: which of the C channels are red, green and blue.
        blanks: parts of the picture, in its pixels, that the network is not to see.
    """

    pixels: NDArray[np.uint8]
    rgb: tuple[int, int, int]
    window: Window
    blanks: tuple[Box, ...] = ()

    def cut(self, size: int) -> NDArray[np.uint8]:
        """The (size, size, 3) RGB crop."""
        crop = self.window.cut(self.pixels, size)[..., self.rgb]
        if self.blanks:
            crop = np.ascontiguousarray(crop)
        for rows, columns in self.blanked(size):
            crop[rows, columns] = BLANK
        return crop

    def blanked(self, size: int) -> list[tuple[slice, slice]]:
        """Rows and columns of the crop that the `blanks` cover."""
        found = []
        for box in self.blanks:
            corners = self.window.to_window(np.array([box[:2], box[2:4]])).clip(0, 1) * size
            (x0, y0), (x1, y1) = corners.round().astype(int).tolist()
            found.append((slice(y0, y1), slice(x0, x1)))
        return found


def cut_all(cutouts: Sequence[Cutout], size: int) -> NDArray[np.uint8]:
    """(N, size, size, 3) RGB crops, resampled here on the host; there must be a cutout."""
    return np.stack([cutout.cut(size) for cutout in cutouts])
