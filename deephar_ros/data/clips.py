"""Videos of persons as training clips and labels, and as evaluation clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from deephar_ros.data.clip_indices import random_clip
from deephar_ros.data.crop import crop
from deephar_ros.data.pictures import read
from deephar_ros.data.resample import Image
from deephar_ros.data.samples import Clip
from deephar_ros.data.view import Augmentation, Cut, Person, View, render
from deephar_ros.data.windows import clip_window
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout


def evaluation_clip(
    clip: Clip, indices: Sequence[int], size: int, mirrored: bool = False
) -> tuple[Image, NDArray[np.float64]]:
    """Crops (T, size, size, 3) of these frames by one window, and the map (3, 3) from pixels to [0, 1].

    The window is that of the annotated joints. A mirrored clip is for its action; its joints would be exchanged.
    """
    window = clip_window(clip.joints[list(indices), :, :2], clip.size)
    crops = [crop(read(clip.frames[index]), window, size, flip=mirrored) for index in indices]
    return np.stack([pixels for pixels, _ in crops]), crops[0][1]


def clip_root_depth(joints: Array, layout: Layout) -> float:
    """Mean depth of the pelvis over a clip (T, J, 3), of all joints where it has none, mm; NaN without any depth."""
    for depths in (joints[:, layout.index("pelvis"), 2], joints[..., 2]):
        if np.isfinite(depths).any():
            return float(np.nanmean(depths))
    return float("nan")


class ActionClips(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Clips (T, 3, size, size) uint8, targets (T, J, 3) with NaN where unknown, and labels (action_sets,).

    Item k is video k mod N, seen for the (k div N)-th time, each time otherwise; k may be any integer from 0 on.

    Args:
        frames: T.
        spacings: frames of the video from one frame of a clip to the next; each as likely as any other.
        augmentation: what draws the crops; one draw holds for all frames of a clip.
        cache: all pictures of all clips one after another, ready to crop; without it they are read from their files.
        action_set: which of the network's action outputs the labels belong to; the others get -1.
        action_sets: how many the network has.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        frames: int,
        spacings: Sequence[int],
        size: int,
        augmentation: Augmentation,
        seed: int = 0,
        cache: Sequence[Cut] | None = None,
        action_set: int = 0,
        action_sets: int = 1,
    ) -> None:
        self.clips, self.frames, self.spacings, self.size = clips, frames, spacings, size
        self.augmentation, self.seed, self.cache = augmentation, seed, cache
        self.action_set, self.action_sets = action_set, action_sets
        self._starts = np.cumsum([0, *(len(clip.frames) for clip in clips)])

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        cuts, view, target, labels = self.unrendered(k)
        crops = np.stack([view.colour.apply(render(cut, view, self.size)) for cut in cuts])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous(), target, labels

    def unrendered(self, k: int) -> tuple[list[Cut], View, Tensor, Tensor]:
        """Item k for `batch_augment`: what its frames are rendered from, how, its target and labels."""
        rng = np.random.default_rng((self.seed, k))
        index = k % len(self.clips)
        clip = self.clips[index]
        chosen = random_clip(len(clip.frames), self.frames, int(rng.choice(self.spacings)), rng)
        joints = clip.joints[chosen]
        view = self.augmentation.view(Person(joints, clip.size, None), self.size, rng)
        target = view.targets(joints, clip.layout, clip_root_depth(joints, clip.layout))
        labels = torch.full((self.action_sets,), -1)
        labels[self.action_set] = clip.label
        return [self._cut(index, number) for number in chosen], view, torch.from_numpy(target), labels

    def _cut(self, index: int, number: int) -> Cut:
        if self.cache is None:
            return Cut.whole(read(self.clips[index].frames[number]))
        return self.cache[int(self._starts[index]) + number]
