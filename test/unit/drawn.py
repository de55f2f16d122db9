"""Pictures, samples and clips that tests draw."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deephar_ros.data.samples import Clip, Picture, Sample
from deephar_ros.data.windows import CropWindow
from deephar_ros.skeleton import PA16, Layout


def smooth_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) soft blobs: no detail finer than 10 pixels."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 10)
    return np.clip(128 + 20 * (soft - soft.mean()), 0, 255).astype(np.uint8)


def natural_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) with the spectrum of photographs (amplitude falls with frequency) and sharp edges."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(rng.normal(size=(height, width, 3)), axes=(0, 1)) / frequency[..., None]
    value = np.fft.ifft2(spectrum, axes=(0, 1)).real
    picture = np.clip(128 + 50 * value / value.std(), 0, 255).astype(np.uint8)
    for _ in range(12):
        corner, side = rng.integers(0, min(width, height), 2), int(rng.integers(10, 60))
        colour = tuple(int(c) for c in rng.integers(0, 255, 3))
        cv2.rectangle(picture, tuple(map(int, corner)), tuple(map(int, corner + side)), colour, -1)
    return picture


def write_samples(folder: Path, count: int, layout: Layout = PA16, size: tuple[int, int] = (120, 100)) -> list[Sample]:
    """PNG files of one person each, every joint somewhere in the middle of the picture."""
    samples = []
    for number in range(count):
        rng = np.random.default_rng(number)
        path = folder / f"{folder.name}{number}.png"
        cv2.imwrite(str(path), natural_picture(*size, seed=number))
        joints = np.full((len(layout), 3), np.nan)
        joints[:, :2] = rng.uniform(0.25, 0.75, (len(layout), 2)) * size
        window = CropWindow(size[0] / 2, size[1] / 2, 80, 80)
        samples.append(Sample(path.stem, Picture(path), joints, layout, window))
    return samples


def write_clips(folder: Path, count: int, frames: int) -> list[Clip]:
    """Videos of PNG files; the picture of frame t has the value 3 t + 5, the label is the video's number."""
    clips = []
    for number in range(count):
        pictures = []
        for t in range(frames):
            path = folder / f"{number}_{t}.png"
            cv2.imwrite(str(path), np.full((60, 80, 3), 3 * t + 5, np.uint8))
            pictures.append(Picture(path))
        joints = np.random.default_rng(number).uniform(20, 50, (frames, 16, 3))
        joints[..., 2] = 3000 + 10 * np.arange(frames)[:, None]
        clips.append(Clip(f"clip{number}", tuple(pictures), joints, PA16, (80, 60), label=number))
    return clips
