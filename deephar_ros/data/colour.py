"""Change of a crop's colours, drawn apart from being applied, so that all frames of a clip get the same."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deephar_ros.data.resample import Image
from deephar_ros.geometry import Array


@dataclass(frozen=True)
class Colour:
    """One change of colours; the values of a picture are taken as 0..1.

    Attributes:
        power: exponent of the red, green and blue channel (SPNET.md section 3.1).
        contrast: factor about 0.5.
        brightness: factor about 0.
        gray: whether the mean of the channels replaces them.
        blur: standard deviation, pixels of the crop; 0 for none.
    """

    power: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    brightness: float = 1.0
    gray: bool = False
    blur: float = 0.0

    def table(self) -> Array:
        """(256, 3) what each value of each channel becomes, before gray and blur; may leave 0..1."""
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        powered = levels ** np.array(self.power, np.float32)
        return ((powered - np.float32(0.5)) * np.float32(self.contrast) + np.float32(0.5)) * np.float32(self.brightness)

    def apply(self, crop: Image) -> Image:
        """(S, S, 3) RGB -> (S, S, 3)."""
        table = self.table()
        if not (self.gray or self.blur):
            return cv2.LUT(crop, _to_bytes(table)[None])
        value = np.stack([table[crop[..., channel], channel] for channel in range(3)], -1)
        if self.gray:
            value = np.repeat(value.mean(-1, keepdims=True), 3, -1)
        if self.blur:
            value = cv2.GaussianBlur(value, (0, 0), self.blur)
        return _to_bytes(value)


def _to_bytes(value: Array) -> Image:
    return np.rint(value.clip(0, 1) * 255).astype(np.uint8)
