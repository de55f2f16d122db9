"""How good a network is while it trains, on the run's validation sets; tables by the papers' rules: cli.evaluate."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from deephar_ros.data.samples import Clip, Sample
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import RunConfig, SetConfig, StageConfig
from deephar_ros.train.evaluate import predict_actions, predict_poses
from deephar_ros.train.loading import track_clips
from deephar_ros.train.metrics import pckh, torso_pck
from deephar_ros.train.sets import load_clips, load_samples
from deephar_ros.train.tracks import TrackClips

ACTION_READERS = ("penn", "ntu", "utd_mhad", "folder")
TRACK_BATCH = 64


class Validation:
    """Evaluates what a stage trains: joints within a fifth of the torso (`_pck`) or, of MPII, half of the head
    (`_pckh`), %; actions of the middle clips (`_accuracy`), %; all of the last block."""

    def __init__(self, run: RunConfig, data: Path, device: torch.device) -> None:
        self.run, self.data, self.device = run, data, device
        chosen = [cfg for cfg in run.data.sets if cfg.name in run.data.validation]
        self.sets = [_Set(run, cfg, data) for cfg in chosen]

    def __call__(self, net: SPNet, stage: StageConfig) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for part in self.sets:
            acts = part.cfg.reader in ACTION_READERS
            if stage.pose and part.cfg.reader != "folder":
                metrics |= self._pose(net, part)
            if stage.action and acts:
                pictures = self.run.features.kind == "pictures"
                metrics |= self._action(net, part) if pictures else self._tracks(net, part)
        return metrics

    def _pose(self, net: SPNet, part: _Set) -> dict[str, float]:
        samples, spec = part.samples, self.run.model
        found = predict_poses(net, spec, samples, self.device).joints[-1, ..., :2]
        truth = np.stack([sample.joints[:, :2] for sample in samples])
        if part.cfg.reader == "mpii":
            head = np.array([sample.head for sample in samples])
            return {f"{part.cfg.name}_pckh": pckh(found, truth, head, spec.layout)}
        return {f"{part.cfg.name}_pck": float(np.nanmean(torso_pck(found, truth, spec.layout)))}

    def _action(self, net: SPNet, part: _Set) -> dict[str, float]:
        cfg, spec = part.cfg, self.run.model
        spacing = cfg.spacing[len(cfg.spacing) // 2]
        found = predict_actions(net, spec, part.clips, cfg.action_set, spacing, self.device).distributions[-1]
        right = found.argmax(-1) == [clip.label for clip in part.clips]
        return {f"{cfg.name}_accuracy": 100 * float(right.mean())}

    @torch.inference_mode()
    def _tracks(self, net: SPNet, part: _Set) -> dict[str, float]:
        tracks = part.tracks(net, self.device)
        right = 0
        for first in range(0, len(tracks), TRACK_BATCH):
            numbers = range(first, min(first + TRACK_BATCH, len(tracks)))
            rows = torch.stack([tracks.middle(number) for number in numbers]).to(self.device)
            found = net.clip_actions(unpack(rows, net.config))[-1][part.cfg.action_set].argmax(-1).tolist()
            right += sum(a == tracks.clips[number].label for a, number in zip(found, numbers, strict=True))
        return {f"{part.cfg.name}_accuracy": 100 * right / len(tracks)}


class _Set:
    """A validation set, read when it is first needed."""

    def __init__(self, run: RunConfig, cfg: SetConfig, data: Path) -> None:
        self.run, self.cfg, self.data = run, cfg, data
        self._tracks: TrackClips | None = None

    @cached_property
    def samples(self) -> list[Sample]:
        return load_samples(self.cfg, self.data, self.run.model.layout)

    @cached_property
    def clips(self) -> list[Clip]:
        return load_clips(self.cfg, self.data, self.run.model.layout)

    def tracks(self, net: SPNet, device: torch.device) -> TrackClips:
        if self._tracks is None:
            self._tracks = track_clips(self.run, self.cfg, self.data, net, device)
        return self._tracks
