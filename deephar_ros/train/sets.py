"""The data sets that a configuration names, as lists of samples and clips. Only annotations are read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.paper_augment import (
    HUMAN36M,
    MPII,
    NTU_CLIPS,
    NTU_FRAMES,
    PENN_CLIPS,
    PENN_FRAMES,
    PaperConfig,
)
from deephar_ros.data.samples import Clip, DatasetError, Sample
from deephar_ros.data.sets import labels_of
from deephar_ros.data.windows import clip_window
from deephar_ros.skeleton import Layout
from deephar_ros.train.config import SetConfig

Item = TypeVar("Item")

FRAME_CHANGES: dict[str, PaperConfig] = {"human36m": HUMAN36M, "penn": PENN_FRAMES, "ntu": NTU_FRAMES}
CLIP_CHANGES: dict[str, PaperConfig] = {"penn": PENN_CLIPS, "ntu": NTU_CLIPS}
"""The authors' augmentation by reader; of sets that they did not use, MPII's for frames and Penn's for clips."""


def load_samples(cfg: SetConfig, data: Path, layout: Layout) -> list[Sample]:
    """Persons in pictures for pose training or evaluation; `data` is the folder that holds the sets.

    Raises:
        DatasetError, FileNotFoundError: from the reader.
    """
    folder, split = data / cfg.folder, cast(Any, cfg.split)
    samples: list[Sample]
    if cfg.reader in ("lsp", "lspet"):
        from deephar_ros.data.lsp import load_lsp

        teacher = None if cfg.teacher is None else Path(cfg.teacher)
        samples = load_lsp(folder, cfg.reader == "lspet", split, layout, teacher)
    elif cfg.reader == "mpii":
        from deephar_ros.data.mpii import load_mpii

        samples = load_mpii(folder, split, layout)
    elif cfg.reader == "human36m":
        from deephar_ros.data.human36m import load_human36m

        samples = load_human36m(folder, split, layout)
    elif cfg.reader == "penn":
        from deephar_ros.data.penn_action import load_penn_action

        samples = load_penn_action(folder, split, layout, cfg.every, cfg.pictures)
    elif cfg.reader == "ntu":
        from deephar_ros.data.ntu import load_ntu

        samples = load_ntu(folder, split, layout, cfg.protocol, cfg.every)
    elif cfg.reader == "synthetic":
        from deephar_ros.data.synthetic.reader import load_synthetic

        samples = load_synthetic(folder, split, layout)
    else:
        return [sample for clip in _read_clips(cfg, data, layout) for sample in clip_samples(clip, cfg.every)]
    described = [s for s in samples if np.isfinite(s.joints[:, :2]).all(-1).sum() >= cfg.least_joints]
    return _part(cfg, described)


def load_clips(cfg: SetConfig, data: Path, model: ModelSpec) -> list[Clip]:
    """Videos with actions, labelled as the model's set of actions says; DatasetError if the set has none, or from the
    reader."""
    clips = _read_clips(cfg, data, model.layout)
    if cfg.reader == "synthetic_tracks" and not cfg.labels:  # made for this model or another: by their names
        names = labels_of(cfg.reader, data / cfg.folder)
        return relabelled(clips, replace(cfg, labels={name: name for name in names}), names, model)
    return relabelled(clips, cfg, labels_of(cfg.reader, data / cfg.folder), model) if cfg.labels else clips


def relabelled(clips: list[Clip], cfg: SetConfig, names: Sequence[str], model: ModelSpec) -> list[Clip]:
    """The clips of the actions in `cfg.labels`, with the model's numbers of these; of single frames -1 for others.

    Raises:
        DatasetError: an action is not among the set's `names`, or not among the model's.
    """
    known = model.labels[cfg.action_set]
    for own, meant in cfg.labels.items():
        if own not in names or meant not in known:
            place, there = ("the set", names) if own not in names else ("the model", known)
            raise DatasetError(f"data set {cfg.name}: labels: {own}: {meant}: {place} has only {', '.join(there)}")
    number = np.full(len(names) + 1, -1)  # the last is that of -1
    for own, meant in cfg.labels.items():
        number[list(names).index(own)] = known.index(meant)
    moved = [
        replace(clip, label=int(number[clip.label]), frame_labels=None if each is None else number[each])
        for clip in clips
        for each in [clip.frame_labels]
        if number[clip.label] >= 0
    ]
    return _some(cfg, moved, len(clips))


def _read_clips(cfg: SetConfig, data: Path, layout: Layout) -> list[Clip]:
    folder, split = data / cfg.folder, cast(Any, cfg.split)
    if cfg.reader == "penn":
        from deephar_ros.data.penn_action import load_penn_action_clips

        return _part(cfg, load_penn_action_clips(folder, split, layout, cfg.pictures))
    if cfg.reader == "ntu":
        from deephar_ros.data.ntu import load_ntu_clips

        return _part(cfg, load_ntu_clips(folder, split, layout, cfg.protocol))
    if cfg.reader == "utd_mhad":
        from deephar_ros.data.utd_mhad import load_utd_mhad_clips

        return _part(cfg, load_utd_mhad_clips(folder, split, layout))
    if cfg.reader == "human36m":
        from deephar_ros.data.human36m import load_human36m_clips

        return _part(cfg, load_human36m_clips(folder, split, layout))
    if cfg.reader == "synthetic_tracks":
        from deephar_ros.data.synthetic.reader_tracks import load_synthetic_tracks

        return _part(cfg, chosen_by_name(cfg, load_synthetic_tracks(folder, split, layout)))
    if cfg.reader == "folder":
        from deephar_ros.data.folder import load_folder_clips

        return _part(cfg, load_folder_clips(folder, split, layout))
    raise DatasetError(f"data set {cfg.name}: {cfg.reader} has no actions")


def clip_samples(clip: Clip, every: int) -> list[Sample]:
    """Every `every`th frame of a clip in which a joint is seen, as a picture of its own."""
    return [
        Sample(
            name=f"{clip.name}/{number + 1:06d}",
            picture=clip.frames[number],
            joints=clip.joints[number],
            layout=clip.layout,
            window=clip_window(clip.joints[number : number + 1, :, :2], clip.size),
            root_depth=clip.root_depth,
            subject=clip.subject,
        )
        for number in range(0, len(clip.frames), every)
        if np.isfinite(clip.joints[number, :, :2]).all(-1).any()
    ]


def paper_changes(cfg: SetConfig, clips: bool, exact: bool) -> PaperConfig:
    """How the authors vary the crops of a set."""
    changes = CLIP_CHANGES.get(cfg.reader, PENN_CLIPS) if clips else FRAME_CHANGES.get(cfg.reader, MPII)
    return replace(changes, exact=exact)


def _part(cfg: SetConfig, items: list[Item]) -> list[Item]:
    """The rows and folds that are wanted; DatasetError if nothing is left."""
    first, end = cfg.rows
    chosen = [item for i, item in enumerate(items[first : end or None]) if i % cfg.folds in cfg.use_folds]
    return _some(cfg, chosen, len(items))


def chosen_by_name(cfg: SetConfig, clips: list[Clip]) -> list[Clip]:
    """The clips whose names fit."""

    def fits(name: str, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    return [clip for clip in clips if fits(clip.name, cfg.only) and not fits(clip.name, cfg.without)]


def _some(cfg: SetConfig, chosen: list[Item], count: int) -> list[Item]:
    """DatasetError if nothing is left."""
    if not chosen:
        raise DatasetError(f"data set {cfg.name}: nothing is left of {count} items")
    return chosen
