"""The localizer at run time: frames in, boxes of people out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.geometry import Box
from deephar_ros.localizer.checkpoint import load_localizer
from deephar_ros.localizer.decode import decode
from deephar_ros.localizer.letterbox import PAD, canvas_size, fit, put
from deephar_ros.localizer.network import MULTIPLE, fold
from deephar_ros.people import Frame
from deephar_ros.pixels import normalise


class Localizer:
    """Finds people in whole frames of any size.

    Args:
        folder: `localizer.safetensors` and `config.yaml`.
        device: where the network runs, as torch names it.

    Raises:
        LocalizerError: the folder cannot be used; the message says why.
    """

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        net, self.spec = load_localizer(folder)
        self.device = torch.device(device)
        self._net = fold(net).to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(
        self,
        pixels: NDArray[np.uint8],
        rgb: tuple[int, int, int] = (0, 1, 2),
        threshold: float | None = None,
        limit: int = 20,
    ) -> list[Box]:
        """People in one frame (H, W, C) uint8, any row stride; see `detect`."""
        return self.detect([Frame(pixels, rgb)], threshold, limit)[0]

    def detect(self, frames: Sequence[Frame], threshold: float | None = None, limit: int = 20) -> list[list[Box]]:
        """People in frames of several cameras, in one pass.

        Args:
            threshold: least score, 0..1; None: that of the folder's `config.yaml`.
            limit: most boxes per frame.

        Returns:
            Per frame its boxes in pixels of the frame, best first, clipped to the frame.
        """
        if not frames:
            return []
        fits = [fit(f.pixels.shape[1], f.pixels.shape[0], self.spec.input_size) for f in frames]
        canvas = np.full((len(frames), *canvas_size(fits, MULTIPLE), 3), PAD, np.uint8)
        for picture, frame, where in zip(canvas, frames, fits, strict=True):
            put(picture, frame.pixels, frame.rgb, where)
        pictures = torch.from_numpy(canvas).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            heat, log_sides, _ = self._net(normalise(pictures).contiguous(memory_format=torch.channels_last))
            found = decode(heat, log_sides, self.spec.threshold if threshold is None else threshold, limit)
        return [_boxes(where.to_frame(boxes[:, :4]), boxes[:, 4]) for where, boxes in zip(fits, found, strict=True)]


def _boxes(corners: NDArray[np.floating], scores: NDArray[np.floating]) -> list[Box]:
    rows = np.column_stack([corners, scores]).tolist()
    return [Box(left, top, right, bottom, score) for left, top, right, bottom, score in rows]
