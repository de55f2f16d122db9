"""Pictures of persons as training crops and targets, and as evaluation crops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from deephar_ros.data.augment import blend_background, cover, random_background
from deephar_ros.data.pictures import read
from deephar_ros.data.resample import Image, warp
from deephar_ros.data.samples import Picture, Sample
from deephar_ros.data.scenery import camera_faults
from deephar_ros.data.view import Augmentation, Cut, Person, View, render


class PoseFrames(Dataset[tuple[Tensor, Tensor]]):
    """Crops (3, size, size) uint8 and targets (J, 3), NaN where unknown; one person each.

    Item k is sample k mod N, seen for the (k div N)-th time, each time otherwise; k may be any integer from 0 on.

    Args:
        augmentation: what draws the crops.
        cache: the samples' pictures, ready to crop, in their order; without it they are read from their files.
        backgrounds: pictures without people, for what lies outside of the picture (if the augmentation wants that) and
            for crops without a person.
        empty: share of the crops without a person, whose targets are all NaN: they teach the confidence to be low.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        size: int,
        augmentation: Augmentation,
        seed: int = 0,
        cache: Sequence[Cut] | None = None,
        backgrounds: Sequence[Path] = (),
        empty: float = 0.0,
    ) -> None:
        self.samples, self.size, self.augmentation, self.seed = samples, size, augmentation, seed
        self.cache, self.backgrounds, self.empty = cache, backgrounds, empty if backgrounds else 0.0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, k))
        sample = self.samples[k % len(self.samples)]
        if self.empty and rng.random() < self.empty:
            picture = self.augmentation.colour(rng).apply(random_background(self._background(rng), self.size, rng))
            return _chw(picture), torch.full(sample.joints.shape, torch.nan)
        cut, view = self._draw(k, rng)
        picture = render(cut, view, self.size)
        if view.over_background and self.backgrounds:
            picture = self._fill_outside(picture, cut, view, rng)
        picture = view.colour.apply(picture)
        if view.cover:
            patch = self._background(rng) if self.backgrounds else picture
            picture = cover(picture, random_background(patch, self.size, rng), rng)
        if view.faults:
            picture = camera_faults(picture, rng)
        target = view.targets(sample.joints, sample.layout, sample.root_depth)
        return _chw(picture), torch.from_numpy(target)

    def unrendered(self, k: int) -> tuple[list[Cut], View, Tensor]:
        """Item k for `batch_augment`: what it is rendered from, how, and its target. Without backgrounds."""
        cut, view = self._draw(k, np.random.default_rng((self.seed, k)))
        sample = self.samples[k % len(self.samples)]
        return [cut], view, torch.from_numpy(view.targets(sample.joints, sample.layout, sample.root_depth))

    def _draw(self, k: int, rng: np.random.Generator) -> tuple[Cut, View]:
        index = k % len(self.samples)
        sample = self.samples[index]
        cut = Cut.whole(read(sample.picture)) if self.cache is None else self.cache[index]
        return cut, self.augmentation.view(Person(sample.joints[None], cut.image_size, sample.window), self.size, rng)

    def _background(self, rng: np.random.Generator) -> Image:
        return read(Picture(self.backgrounds[int(rng.integers(len(self.backgrounds)))]))

    def _fill_outside(self, picture: Image, cut: Cut, view: View, rng: np.random.Generator) -> Image:
        inside = warp(np.full(cut.pixels.shape[:2], 255, np.uint8), cut.to_crop(view, self.size), self.size)
        return blend_background(picture, inside, random_background(self._background(rng), self.size, rng))


def _chw(picture: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).contiguous()
