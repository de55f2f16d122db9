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

from deephar_ros.data.clip_indices import middle_clip, random_clip
from deephar_ros.data.clips import clip_root_depth
from deephar_ros.data.paper_augment import PaperConfig, Parameters, view_of
from deephar_ros.data.samples import Clip, DatasetError
from deephar_ros.data.view import Augmentation, Person
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack
from deephar_ros.model.spnet import ActionFeatures

Random = np.random.Generator


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
        index = k % len(self.clips)
        chosen = random_clip(len(self.clips[index].frames), self.frames, int(rng.choice(self.spacings)), rng)
        labels = torch.full((self.action_sets,), -1)
        labels[self.action_set] = self.clips[index].label
        return self.rows.read(index, chosen, rng), torch.zeros(0), labels

    def middle(self, index: int) -> Tensor:
        """(T, K) rows of the clip in the middle of a video, for evaluation."""
        spacing = self.spacings[len(self.spacings) // 2]
        return self.rows.read(index, middle_clip(len(self.clips[index].frames), self.frames, spacing), None)
