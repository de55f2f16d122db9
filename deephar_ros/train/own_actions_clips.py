"""Clips cut by time stamps out of kept features: drawn at random for training, all of them for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.clip import NANOSECONDS
from deephar_ros.data.batches import Batch
from deephar_ros.geometry import Array
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.own_actions_rows import ClipRows

PACES = (0.8, 1.25)
"""How much closer or farther apart the frames of a training clip may be: people move faster or slower."""
BATCH = 64


@dataclass(frozen=True)
class OwnClip:
    """A clip with its features; `label` is its action's place in the labels."""

    name: str
    label: int
    rows: ClipRows


def clip_indices(stamps: NDArray[np.int64], frames: int, spacing: float) -> NDArray[np.intp]:
    """Rows of every clip of `frames` frames, `spacing` seconds apart, that ends with one of the stamps (ns).

    They are those that the node would make, see `clip.ClipBuffer`. Where there is none, the one clip that is as long as
    the stamps.

    Returns:
        (clips, frames), at least one clip.
    """
    step = round(spacing * NANOSECONDS)
    wanted = stamps[:, None] - step * np.arange(frames - 1, -1, -1)
    chosen, error = _nearest(stamps, wanted)
    complete = chosen[error.max(1) <= step // 2]
    if len(complete):
        return complete
    return _nearest(stamps, np.linspace(stamps[0], stamps[-1], frames)[None])[0]


def draw_clip(rows: ClipRows, spec: ModelSpec, rng: np.random.Generator) -> Array:
    """(T, K) of a random clip of a recording, at a random pace, maybe mirrored."""
    pace = np.exp(rng.uniform(*np.log(PACES)))
    choices = clip_indices(rows.stamps, spec.clip_frames, spec.clip_spacing * pace)
    side = rng.integers(rows.rows.shape[1])
    return rows.rows[choices[rng.integers(len(choices))], side].astype(np.float32)


def _nearest(stamps: NDArray[np.int64], wanted: Array | NDArray[np.int64]) -> tuple[NDArray[np.intp], Array]:
    """Of times (N, T) the places of the nearest stamps, and how far these are."""
    distance = np.abs(stamps - wanted[..., None])
    return distance.argmin(-1), distance.min(-1)


class OwnBatches:
    """Training batches: actions equally often, then clips, sides, paces and times at random. A `batch.Source`."""

    def __init__(self, clips: Sequence[OwnClip], spec: ModelSpec, size: int, seed: int) -> None:
        self._spec, self._size, self._seed = spec, size, seed
        self._by_label = [[clip for clip in clips if clip.label == label] for label in range(len(spec.labels[0]))]

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        """What each step takes, from step `first` on."""
        step = first
        while True:
            rng = np.random.default_rng((self._seed, stage, step))
            labels = rng.permutation(np.arange(self._size) + rng.integers(len(self._by_label))) % len(self._by_label)
            rows = torch.from_numpy(np.stack([self._draw(label, rng) for label in labels]))
            batch: Batch = {"images": rows, "pose": rows.new_zeros(self._size, 0)}
            yield {"action": {**batch, "labels": torch.from_numpy(labels)[:, None]}}
            step += 1

    def _draw(self, label: int, rng: np.random.Generator) -> Array:
        clips = self._by_label[label]
        return draw_clip(clips[rng.integers(len(clips))].rows, self._spec, rng)


@torch.inference_mode()
def probabilities(net: SPNet, spec: ModelSpec, clip: OwnClip, device: torch.device) -> Array:
    """(C,) mean over all clips that the node would make of it."""
    chosen = clip_indices(clip.rows.stamps, spec.clip_frames, spec.clip_spacing)
    found = []
    for first in range(0, len(chosen), BATCH):
        rows = torch.from_numpy(clip.rows.rows[chosen[first : first + BATCH], 0].astype(np.float32))
        found.append(_classify(net, rows.to(device)))
    return torch.cat(found).double().mean(0).cpu().numpy()


def _classify(net: SPNet, rows: Tensor) -> Tensor:
    return net.clip_actions(unpack(rows, net.config))[-1][0]
