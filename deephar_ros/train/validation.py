"""How good a network is while it trains, on the run's validation sets; tables by the papers' rules: cli.evaluate."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.data.samples import Clip, DatasetError, Sample
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import RunConfig, SetConfig, StageConfig
from deephar_ros.train.evaluate import predict_actions, predict_poses
from deephar_ros.train.loading import RowClips, track_clips
from deephar_ros.train.metrics import pckh, torso_pck
from deephar_ros.train.sets import load_clips, load_samples

ACTION_READERS = ("penn", "ntu", "utd_mhad", "folder", "synthetic_tracks")
TRACK_BATCH = 64


class Validation:
    """Evaluates what a stage trains: joints within a fifth of the torso (`_pck`) or, of MPII, half of the head
    (`_pckh`), %; actions of the middle clips (`_accuracy`), %; all of the last block. What cannot be read is left out,
    named, and counted (`_broken`)."""

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
        samples, spec, name, broken = part.samples, self.run.model, part.cfg.name, list[str]()
        found = predict_poses(net, spec, samples, self.device, broken=broken).joints[-1, ..., :2]
        read = np.asarray(np.isfinite(found).all((1, 2)))
        counted, found = _count(name, broken, read), found[read]
        truth = np.stack([sample.joints[:, :2] for sample in samples])[read]
        if part.cfg.reader == "mpii":
            head = np.array([sample.head for sample in samples])[read]
            return {f"{name}_pckh": pckh(found, truth, head, spec.layout), **counted}
        return {f"{name}_pck": float(np.nanmean(torso_pck(found, truth, spec.layout))), **counted}

    def _action(self, net: SPNet, part: _Set) -> dict[str, float]:
        cfg, spec, broken = part.cfg, self.run.model, list[str]()
        spacing = cfg.spacing[len(cfg.spacing) // 2]
        found = predict_actions(net, spec, part.clips, cfg.action_set, spacing, self.device, broken=broken)
        distributions = found.distributions[-1]
        read = np.isfinite(distributions).all(-1)
        right = distributions[read].argmax(-1) == np.array([clip.label for clip in part.clips])[read]
        return {f"{cfg.name}_accuracy": 100 * float(right.mean()), **_count(cfg.name, broken, read)}

    @torch.inference_mode()
    def _tracks(self, net: SPNet, part: _Set) -> dict[str, float]:
        tracks, broken, count = part.tracks(net, self.device), list[str](), part.cfg.clips
        seen: dict[int, torch.Tensor] = {}
        for number in range(len(tracks)):
            try:
                seen[number] = tracks.evaluation(number, count)
            except DatasetError as error:
                broken.append(str(error))
        counted = _count(part.cfg.name, broken, np.array([bool(seen)]))
        found: list[int] = []
        for rows in torch.stack(list(seen.values())).split(max(1, TRACK_BATCH // count)):
            outputs = net.clip_actions(unpack(rows.flatten(0, 1).to(self.device), net.config))[-1]
            found += outputs[part.cfg.action_set].unflatten(0, (-1, count)).mean(1).argmax(-1).tolist()
        right = [action == tracks.clips[number].label for action, number in zip(found, seen, strict=True)]
        return {f"{part.cfg.name}_accuracy": 100 * sum(right) / len(right), **counted}


def _count(name: str, broken: list[str], read: NDArray[np.bool_]) -> dict[str, float]:
    """How many pictures or clips of a set were left out, after saying which; DatasetError if nothing was read."""
    if not read.any():
        raise DatasetError(f"data set {name}: nothing in it can be read: {'; '.join(broken[:3])}")
    for reason in broken:
        tqdm.write(f"left out of the evaluation on {name}: {reason}")
    return {f"{name}_broken": float(len(broken))} if broken else {}


class _Set:
    """A validation set, read when it is first needed."""

    def __init__(self, run: RunConfig, cfg: SetConfig, data: Path) -> None:
        self.run, self.cfg, self.data = run, cfg, data
        self._tracks: RowClips | None = None

    @cached_property
    def samples(self) -> list[Sample]:
        return load_samples(self.cfg, self.data, self.run.model.layout)

    @cached_property
    def clips(self) -> list[Clip]:
        return load_clips(self.cfg, self.data, self.run.model)

    def tracks(self, net: SPNet, device: torch.device) -> RowClips:
        if self._tracks is None:
            self._tracks = track_clips(self.run, self.cfg, self.data, net, device)
        return self._tracks
