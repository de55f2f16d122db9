"""Clips for the action path alone: rows of `model.features` instead of pictures, from poses or from a frozen network.

With the trunk left out, a step costs a hundredth, so that actions can be trained on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from deephar_ros.data.clip_indices import random_clip, spread_clips
from deephar_ros.data.clips import clip_root_depth
from deephar_ros.data.paper_augment import PaperConfig, Parameters, view_of
from deephar_ros.data.samples import Clip, DatasetError
from deephar_ros.data.view import Augmentation, Person
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack
from deephar_ros.model.spnet import ActionFeatures

Random = np.random.Generator

DRAWS = 3
"""Of a clip, until it shows the action of its video more than others, which are seen enough in videos of their own."""


class RowReader(Protocol):
    """What the action path sees of the frames of a video."""

    def read(self, index: int, chosen: Sequence[int], rng: Random | None) -> Tensor:
        """(T, K) rows of the chosen frames of video `index`; varied at random if there is a generator."""


class PoseRows:
    """Rows of annotated poses: what a network would see that finds every annotated joint with certainty.

    A joint that is not annotated or lies outside of the crop is 0 with confidence 0; appearance is 0 throughout.
    """

    def __init__(self, clips: Sequence[Clip], network: SPNetConfig, augmentation: Augmentation) -> None:
        self.clips, self.augmentation, self.dim = clips, augmentation, network.dim
        self.widths = [stage.channels for stage in network.stages if stage.action]
        self.sees_appearance = network.sees_appearance

    def read(self, index: int, chosen: Sequence[int], rng: Random | None) -> Tensor:
        clip = self.clips[index]
        joints = clip.joints[list(chosen)]
        person = Person(joints, clip.size, None)
        view = (
            view_of(PaperConfig(), person, Parameters())
            if rng is None
            else self.augmentation.view(person, max(clip.size), rng)
        )
        target = view.targets(joints, clip.layout, clip_root_depth(joints, clip.layout))
        pose = torch.from_numpy(target[..., : self.dim]).nan_to_num()
        seen = [pose.new_zeros(*pose.shape[:2], width) if self.sees_appearance else None for width in self.widths]
        return pack([ActionFeatures(pose, appearance) for appearance in seen])


class NetworkRows:
    """Rows that a frozen network found, see `feature_cache`.

    Args:
        rows: (frames of all videos one after another, 2, K) of plain and of mirrored pictures; NaN of videos that
            cannot be read, for which `read` raises DatasetError.
    """

    def __init__(self, clips: Sequence[Clip], rows: NDArray[np.float16]) -> None:
        self.clips, self.rows, self.starts = clips, rows, np.cumsum([0, *(len(clip.frames) for clip in clips)])

    def read(self, index: int, chosen: Sequence[int], rng: Random | None) -> Tensor:
        mirrored = 0 if rng is None else int(rng.integers(2))
        frames = self.starts[index] + np.asarray(chosen)
        rows = self.rows[frames, mirrored].astype(np.float32)
        if np.isnan(rows).any():
            raise DatasetError(f"{self.clips[index].name} could not be read when features were made of it")
        return torch.from_numpy(rows)


class TrackClips(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Rows (T, K), no targets (0,), and labels (action_sets,); items, arguments and numbers as of `ActionClips`."""

    def __init__(
        self,
        clips: Sequence[Clip],
        rows: RowReader,
        frames: int,
        spacings: Sequence[int],
        seed: int = 0,
        action_set: int = 0,
        action_sets: int = 1,
    ) -> None:
        self.clips, self.rows, self.frames, self.spacings, self.seed = clips, rows, frames, spacings, seed
        self.action_set, self.action_sets = action_set, action_sets
        self.size = 0  # of a crop, of which there is none

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, k))
        index, spacing = k % len(self.clips), int(rng.choice(self.spacings))
        clip = self.clips[index]
        for _ in range(DRAWS):
            chosen = random_clip(len(clip.frames), self.frames, spacing, rng)
            if label_of(clip, chosen) == clip.label:
                break
        labels = torch.full((self.action_sets,), -1)
        labels[self.action_set] = label_of(clip, chosen)
        return self.rows.read(index, chosen, rng), torch.zeros(0), labels

    def middle(self, index: int) -> Tensor:
        """(T, K) rows of the clip in the middle of a video, or of the action in it, for evaluation."""
        return self.evaluation(index, 1)[0]

    def evaluation(self, index: int, count: int) -> Tensor:
        """(count, T, K) rows of clips evenly over a video, or over the action in it; the middle one if there is one."""
        clip, spacing = self.clips[index], self.spacings[len(self.spacings) // 2]
        first, length = action_part(clip, (self.frames - 1) * spacing + 1)
        clips = spread_clips(length, self.frames, spacing, count)
        return torch.stack([self.rows.read(index, [first + t for t in chosen], None) for chosen in clips])


def label_of(clip: Clip, chosen: Sequence[int]) -> int:
    """The action of these frames of a video: the video's if as many frames show it as any other."""
    if clip.frame_labels is None:
        return clip.label
    labels, counts = np.unique(clip.frame_labels[list(chosen)], return_counts=True)
    most = labels[counts == counts.max()]
    return clip.label if clip.label in most else int(most[0])


def action_part(clip: Clip, span: int) -> tuple[int, int]:
    """First frame and length of the part of a video that shows its action, at least `span` frames if it has as many."""
    total = len(clip.frames)
    if clip.frame_labels is None or not (clip.frame_labels == clip.label).any():
        return 0, total
    at = np.flatnonzero(clip.frame_labels == clip.label)
    length = min(total, max(int(at[-1] - at[0]) + 1, span))
    first = min(max(0, int(at[0] + at[-1] + 1 - length) // 2), total - length)
    return first, length
