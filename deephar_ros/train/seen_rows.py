"""Rows of features of tracks as the node's network would find them, see `data.seen`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deephar_ros.data.samples import Clip
from deephar_ros.data.seen import Eye, SeenConfig, Track, completed
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack
from deephar_ros.model.spnet import ActionFeatures

Random = np.random.Generator

LAGS = (0.15, 0.6)
"""How long before a frame the pose is that its window surrounds, over the time between two frames of a clip: the node
sees 8 to 30 frames per second."""
EVALUATION_SEED = 20


class SeenRows:
    """A `tracks.RowReader`. In evaluation the errors of a video are always the same ones, and the camera stays.

    Args:
        margin: of the node's windows (`track.TrackSettings`).

    Raises:
        ValueError: the network's action path looks at appearance, of which there is none.
    """

    def __init__(self, clips: Sequence[Clip], network: SPNetConfig, cfg: SeenConfig, margin: float) -> None:
        if network.sees_appearance:
            raise ValueError("features.kind = seen has no appearance; set model.network.action_input to pose")
        self.tracks = [self._track(clip) for clip in clips]
        self.eye = Eye(cfg, clips[0].layout, margin)
        self.levels = [stage.level for stage in network.stages if stage.action]
        self.dim = network.dim

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
        seen = self.eye.see(self.tracks[index], np.asarray(chosen), lag, rng, varied)
        blocks = self.eye.blocks(seen, self.levels, rng)
        return pack([ActionFeatures(torch.from_numpy(pose[..., : self.dim]).float(), None) for pose in blocks])
