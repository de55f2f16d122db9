"""Batches for a run from its data sets."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from deephar_ros.data.batches import Batch, batches
from deephar_ros.data.clips import ActionClips
from deephar_ros.data.crops_cache import CropsCache, Wanted, make_cache, wanted_of_clips, wanted_of_samples
from deephar_ros.data.frames import PoseFrames
from deephar_ros.data.mix import Mix
from deephar_ros.data.view import Augmentation
from deephar_ros.model.spnet import SPNet
from deephar_ros.settings import node_settings
from deephar_ros.train.config import RunConfig, SetConfig
from deephar_ros.train.distributed import Group
from deephar_ros.train.feature_cache import cached_rows
from deephar_ros.train.followed import FollowedClips, followed_clips
from deephar_ros.train.seen_rows import SeenRows
from deephar_ros.train.sets import load_clips, load_samples, paper_changes
from deephar_ros.train.tracks import NetworkRows, PoseRows, RowReader, TrackClips

RowClips = TrackClips | FollowedClips
Part = PoseFrames | ActionClips | RowClips


class Loader:
    """The source of a run's batches; annotations of a set are read when a stage first asks for it.

    Args:
        data: folder that holds the data sets.
        net: what sees the frames, where the run's features are those of a network.
        group: the processes among which each batch is divided.
    """

    def __init__(
        self, run: RunConfig, data: Path, device: torch.device, net: SPNet, group: Group | None = None
    ) -> None:
        self.run, self.data, self.device, self.net, self.group = run, data, device, net, group or Group()
        self.sets = {cfg.name: cfg for cfg in run.data.sets}
        self._datasets: dict[tuple[str, str], Part] = {}

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        """What each step of a stage takes, from step `first` on, by "pose" and "action"."""
        cfg = self.run.stages[stage]
        streams = {}
        for kind, shares, size in (("pose", cfg.pose, cfg.batch), ("action", cfg.action, cfg.clips)):
            if shares:
                streams[kind] = self._stream(kind, shares, size, stage, first)
        while True:
            yield {kind: next(stream) for kind, stream in streams.items()}

    def _stream(self, kind: str, shares: dict[str, float], size: int, stage: int, first: int) -> Iterator[Batch]:
        parts = [(self._dataset(kind, name), share) for name, share in shares.items()]
        seed = 1000 * (100 * self.run.runtime.seed + stage) + (500 if kind == "action" else 0)
        mix = Mix(parts, size, seed, self.run.augment.on_device)  # type: ignore[arg-type]  # rows mix as clips do
        return batches(mix, first, self.group.rank, self.group.size, self.run.runtime.workers, self.device)

    def _dataset(self, kind: str, name: str) -> Part:
        if (kind, name) not in self._datasets:
            make = self._pose_frames if kind == "pose" else self._action_clips
            self._datasets[kind, name] = make(self.sets[name])
        return self._datasets[kind, name]

    def _pose_frames(self, cfg: SetConfig) -> PoseFrames:
        data, changes = self.run.data, augmentation(self.run, cfg, clips=False)
        samples = load_samples(cfg, self.data, self.run.model.layout)
        return PoseFrames(
            samples,
            self.run.model.input_size,
            changes,
            self.run.runtime.seed,
            self._cache(f"{cfg.name}_frames", wanted_of_samples(samples, changes)),
            backgrounds=sorted((self.data / data.backgrounds).glob("*.jpg")) if data.backgrounds else (),
            empty=data.empty,
        )

    def _action_clips(self, cfg: SetConfig) -> ActionClips | RowClips:
        model = self.run.model
        if self.run.features.kind != "pictures":
            return track_clips(self.run, cfg, self.data, self.net, self.device)
        clips, changes = load_clips(cfg, self.data, model), augmentation(self.run, cfg, clips=True)
        return ActionClips(
            clips,
            model.clip_frames,
            cfg.spacing,
            model.input_size,
            changes,
            self.run.runtime.seed,
            self._cache(f"{cfg.name}_clips", wanted_of_clips(clips, changes)) if self.run.data.cache else None,
            action_set=cfg.action_set,
            action_sets=len(model.labels),
        )

    def _cache(self, name: str, wanted: Sequence[Wanted]) -> CropsCache | None:
        """The decoded pictures of a set, if they are wanted; one of several processes makes them, the others wait."""
        if self.run.data.cache is None:
            return None
        folder = Path(self.run.data.cache) / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return make_cache(folder, wanted, self.run.model.input_size, max(1, self.run.runtime.workers))


def track_clips(run: RunConfig, cfg: SetConfig, data: Path, net: SPNet, device: torch.device) -> RowClips:
    """Clips of a set as the run's action path sees them; the first time a network goes over all frames."""
    if run.features.pose_network is not None and cfg.reader == "folder":
        return followed_clips(run, cfg, data, device)
    clips = load_clips(cfg, data, run.model)
    rows: RowReader
    if run.features.kind == "seen":
        features, labels = run.features, run.model.labels[cfg.action_set]
        margin = node_settings().track.margin
        rows = SeenRows(clips, run.model.network, features.seen, margin, features.mixes, labels)
    elif run.features.cache is None:
        rows = PoseRows(clips, run.model.network, augmentation(run, cfg, clips=True))
    else:
        file = Path(run.features.cache) / f"{cfg.name}.npy"
        rows = NetworkRows(clips, cached_rows(net, run.model, clips, file, device))
    sets = len(run.model.labels)
    return TrackClips(clips, rows, run.model.clip_frames, cfg.spacing, run.runtime.seed, cfg.action_set, sets)


def augmentation(run: RunConfig, cfg: SetConfig, clips: bool) -> Augmentation:
    """How crops of a set vary."""
    return run.augment.ours if run.augment.kind == "ours" else paper_changes(cfg, clips, run.augment.exact)
