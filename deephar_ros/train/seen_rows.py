"""Rows of features of tracks as the node's network would find them, see `data.seen`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deephar_ros.data.samples import Clip
from deephar_ros.data.seen import Exchange, Eye, MixConfig, SeenConfig, Track, completed
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack
from deephar_ros.model.spnet import ActionFeatures

Random = np.random.Generator

LAGS = (0.15, 0.6)
"""How long before a frame the pose is that its window surrounds, over the time between two frames of a clip: the node
sees 8 to 30 frames per second."""
EVALUATION_SEED = 20


class _Mix(NamedTuple):
    """Whether each track takes limbs, the numbers of those that give them, and what is asked for."""

    takes: NDArray[np.bool_]
    givers: NDArray[np.intp]
    mix: MixConfig


class SeenRows:
    """A `tracks.RowReader`. In evaluation the errors of a video are always the same ones, and the camera stays.

    Args:
        margin: of the node's windows (`track.TrackSettings`).
        mixes, labels: who gets limbs of whom, in names of actions, which are those of `labels`.

    Raises:
        ValueError: the action path looks at appearance, of which there is none; `mixes` names unknown actions.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        network: SPNetConfig,
        cfg: SeenConfig,
        margin: float,
        mixes: Sequence[MixConfig] = (),
        labels: Sequence[str] = (),
    ) -> None:
        if network.sees_appearance:
            raise ValueError("features.kind = seen has no appearance; set model.network.action_input to pose")
        self.tracks = [self._track(clip) for clip in clips]
        self.eye = Eye(cfg, clips[0].layout, margin)
        self.levels = [stage.level for stage in network.stages if stage.action]
        self.dim = network.dim
        self.labels = np.array([clip.label for clip in clips])
        self.mixes = [self._mix(mix, labels) for mix in mixes]

    def _mix(self, mix: MixConfig, labels: Sequence[str]) -> _Mix:
        """Who takes part, by number."""
        unknown = sorted({*mix.actions, *mix.of} - set(labels))
        if unknown:
            raise ValueError(f"features.mixes: the model has no action {unknown[0]}; it has {', '.join(labels)}")
        level = np.array([track.is_level for track in self.tracks])
        meant = [np.isin(self.labels, [labels.index(name) for name in names]) for names in (mix.actions, mix.of)]
        return _Mix(meant[0] & level, np.flatnonzero(meant[1] & level), mix)

    def _exchange(self, index: int, rng: Random) -> Exchange | None:
        for takes, givers, mix in self.mixes:
            if takes[index] and len(givers) and rng.random() < mix.share:
                return Exchange(self.tracks[int(rng.choice(givers))], mix.part)
        return None

    @staticmethod
    def _track(clip: Clip) -> Track:
        """What lies out of the picture is not seen, even where it is known."""
        track = completed(clip.joints, clip.layout, np.radians(clip.elevation))
        inside = ((track.joints[..., :2] >= 0) & (track.joints[..., :2] <= clip.size)).all(-1)
        return track._replace(visible=track.visible & inside)

    def read(self, index: int, chosen: Sequence[int], rng: Random | None) -> Tensor:
        varied = rng is not None
        rng = rng or np.random.default_rng((EVALUATION_SEED, index, chosen[0]))
        lag = max(1, round(rng.uniform(*LAGS) * (chosen[-1] - chosen[0]) / max(1, len(chosen) - 1)))
        exchange = self._exchange(index, rng) if varied else None
        seen = self.eye.see(self.tracks[index], np.asarray(chosen), lag, rng, varied, exchange)
        blocks = self.eye.blocks(seen, self.levels, rng)
        return pack([ActionFeatures(torch.from_numpy(pose[..., : self.dim]).float(), None) for pose in blocks])
