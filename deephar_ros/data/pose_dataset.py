"""Training crops and targets for 2D pose, addressed by one number so that a run can stop and go on anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from deephar_ros.data.augment import AugmentConfig, Image, augment, change_colour, random_background
from deephar_ros.data.lsp import Sample
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17
from deephar_ros.sources import read_picture


def pose_target(joints: Array, size: int) -> Tensor:
    """(J, 2) crop pixels -> (J, 2) in (0, 1); outside of the crop or unknown: NaN (SPNET.md section 3.2)."""
    target = torch.from_numpy((joints / size).astype(np.float32))
    visible = ((target > 0) & (target < 1)).all(-1, keepdim=True)
    return torch.where(visible, target, torch.nan)


class PoseDataset(Dataset[tuple[Tensor, Tensor]]):
    """Crops (3, size, size) uint8 and targets (17, 2); item k is sample k mod N, seen for the (k div N)-th time.

    A share of the items are pictures without people, whose targets are all NaN: they teach the confidence to be low.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        backgrounds: Sequence[Path],
        size: int,
        cfg: AugmentConfig,
        empty: float,
        seed: int,
    ) -> None:
        self.samples, self.backgrounds, self.size, self.cfg, self.seed = samples, backgrounds, size, cfg, seed
        self.empty = empty if backgrounds else 0.0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, k))
        number = int(rng.integers(max(1, len(self.backgrounds))))
        background = read_picture(self.backgrounds[number]) if self.backgrounds else None
        if background is not None and rng.random() < self.empty:
            empty = change_colour(random_background(background, self.size, rng), self.cfg, rng)
            return _chw(empty), torch.full((len(PA17), 2), torch.nan)
        sample = self.samples[k % len(self.samples)]
        picture = read_picture(sample.image)
        crop, joints = augment(picture, sample.joints, PA17, self.size, self.cfg, rng, background)
        return _chw(crop), pose_target(joints, self.size)


def _chw(picture: Image) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


class EndlessOrder(Sampler[int]):
    """A fresh permutation of the samples in every epoch, starting `skip` items in; the same for the same seed."""

    def __init__(self, length: int, seed: int, skip: int) -> None:
        self.length, self.seed, self.skip = length, seed, skip

    def __iter__(self) -> Iterator[int]:
        epoch, within = divmod(self.skip, self.length)
        while True:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.length)
            yield from (int(epoch * self.length + i) for i in order[within:])
            epoch, within = epoch + 1, 0
