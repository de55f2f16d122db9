"""Clips with pictures for training the action path alone: what a frozen pose network finds of the person in them, the
way the node looks. Other than errors that are drawn (`data.seen`), these errors are the network's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from deephar_ros.checkpoint import ModelSpec, load_checkpoint
from deephar_ros.data.folder import folder_labels
from deephar_ros.data.samples import Clip
from deephar_ros.model.features import section_sizes
from deephar_ros.settings import node_settings
from deephar_ros.train.config import RunConfig, SetConfig
from deephar_ros.train.feature_cache import network_digest
from deephar_ros.train.own_actions_clips import clip_indices, draw_clip
from deephar_ros.train.own_actions_rows import ClipRows, RowReader
from deephar_ros.train.sets import load_clips


class FollowedClips(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Rows, no targets, and labels; items as of `tracks.TrackClips`.

    Args:
        rows: of each clip.
        spec: how many frames make a clip, and how far apart.
    """

    def __init__(
        self, clips: Sequence[Clip], rows: Sequence[ClipRows], spec: ModelSpec, seed: int = 0, action_set: int = 0
    ) -> None:
        self.clips, self.rows, self.spec, self.seed, self.action_set = clips, rows, spec, seed, action_set
        self.size = 0  # of a crop, of which there is none

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, k))
        index = k % len(self.clips)
        labels = torch.full((len(self.spec.labels),), -1)
        labels[self.action_set] = self.clips[index].label
        return torch.from_numpy(draw_clip(self.rows[index], self.spec, rng)), torch.zeros(0), labels

    def evaluation(self, index: int, count: int) -> Tensor:
        """(count, T, K) rows of clips evenly over a video; the middle one if there is one."""
        rows = self.rows[index]
        choices = clip_indices(rows.stamps, self.spec.clip_frames, self.spec.clip_spacing)
        places = (np.arange(count) + 0.5) / count * len(choices)
        return torch.from_numpy(rows.rows[choices[places.astype(int)], 0].astype(np.float32))


def followed_clips(run: RunConfig, cfg: SetConfig, data: Path, device: torch.device) -> FollowedClips:
    """Clips of a `folder` set as the network of `features.pose_network` sees them; the first time it looks at all.

    Actions are those of the same names, unless the set says otherwise.

    Raises:
        ValueError: the action path reads something else than that network gives.
        CheckpointError, DatasetError, SourceError: the network or a clip cannot be used.
    """
    folder, spec = Path(str(run.features.pose_network)), run.model
    net, seen_by = load_checkpoint(folder)
    given, wanted = section_sizes(net.config), section_sizes(spec.network)
    if given != wanted:
        raise ValueError(
            f"features.pose_network: {folder} gives rows of {given}; the model's action path reads {wanted}"
        )
    names = {name: name for name in folder_labels(data / cfg.folder)}
    clips = load_clips(replace(cfg, labels=cfg.labels or names), data, spec)
    span = (spec.clip_frames - 1) * spec.clip_spacing
    cache = Path(str(run.features.cache))
    reader = RowReader(folder, network_digest(net, seen_by), node_settings(), 2, span, cache, device.type)
    rows = [reader.read(data / cfg.folder / clip.name) for clip in tqdm(clips, unit="clip", desc=cfg.name)]
    return FollowedClips(clips, rows, spec, run.runtime.seed, cfg.action_set)
