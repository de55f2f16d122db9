"""From the name of a data set and its folder to scores: which part is read, how it is cropped, what is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data import crop, human36m, lsp, mpii, ntu, penn_action, utd_mhad
from deephar_ros.data.clip_indices import Protocol as ClipProtocol
from deephar_ros.data.samples import Clip, Sample
from deephar_ros.data.synthetic.reader import load_synthetic
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.evaluate import Crop, Poses, predict_actions, predict_poses, square_crop
from deephar_ros.train.protocols import (
    Protocol,
    Score,
    score_actions,
    score_camera_space,
    score_human36m,
    score_pckh,
    score_torso_pck,
)

ACTION_SETS = {"penn": (penn_action.LABELS, 6), "ntu": (ntu.LABELS, 4), "utd_mhad": (utd_mhad.LABELS, 6)}
"""Labels, and frames from one frame of a test clip to the next (SPNET.md section 2; UTD-MHAD as Penn Action). NTU's
reader gives every second frame."""

SETS = ("lsp", "lspet", "synthetic", "mpii", "human36m", *ACTION_SETS)

CROSS_VIEW = "ntu_cross_view"
"""What scores of NTU RGB+D across views say they are of."""

CLIPS = {
    "single": "middle clip",
    "paper": "average over clips half a clip apart",
    "released": "product over the released code's clips, plain and mirrored",
}


@dataclass(frozen=True)
class Rules:
    """How to score.

    Attributes:
        protocol: see `protocols`; the paper's makes sense with every block.
        every_block: score all prediction blocks instead of the last one only.
        flip: average with the predictions for mirrored crops.
        clips: which clips of a video, a score for each.
        spacing: frames from one frame of a clip to the next; None: as `ACTION_SETS` says.
        split: part of a set with actions, as its reader names it.
        validation: how many of the last persons of LSP.
        view: score NTU RGB+D across views instead of across subjects.
        batch, workers: as of `predict_poses`.
    """

    protocol: Protocol = "usual"
    every_block: bool = False
    flip: bool = False
    clips: tuple[ClipProtocol, ...] = ("single",)
    spacing: int | None = None
    split: str = "test"
    validation: int = 100
    view: bool = False
    batch: int = 16
    workers: int = 0

    @property
    def crop(self) -> Crop:
        return crop.crop if self.protocol == "paper" else square_crop


def score_set(
    net: SPNet,
    spec: ModelSpec,
    name: str,
    folder: Path,
    rules: Rules,
    device: torch.device,
    look: Callable[[Poses, Sequence[Sample]], None] | None = None,
) -> list[Score]:
    """All scores of one set.

    Args:
        name: one of `SETS`.
        look: gets the poses of a set of poses, and what is annotated.

    Raises:
        DatasetError, FileNotFoundError: the set is not there or not whole.
        ValueError: the network cannot be scored on it.
    """
    if name in ACTION_SETS:
        return _actions(net, spec, name, folder, rules, device)
    samples, score = _pose_set(spec, name, folder, rules)
    poses = predict_poses(
        net,
        spec,
        samples,
        device,
        crop=rules.crop,
        every_block=rules.every_block,
        flip=rules.flip,
        batch=rules.batch,
        workers=rules.workers,
    )
    if look is not None:
        look(poses, samples)
    return score(poses, samples)


def _pose_set(
    spec: ModelSpec, name: str, folder: Path, rules: Rules
) -> tuple[list[Sample], Callable[[Poses, Sequence[Sample]], list[Score]]]:
    """The persons to look at, and what makes scores of their poses."""
    layout = spec.layout
    if name == "human36m":
        if spec.network.dim != 3:
            raise ValueError(f"{spec.name} predicts 2D poses, {name} needs 3D")
        mapping: human36m.Mapping = "released" if rules.protocol == "paper" else "usual"
        cameras = human36m.load_cameras(folder)

        def errors(poses: Poses, samples: Sequence[Sample]) -> list[Score]:
            taken = [human36m.camera_of(sample, cameras) for sample in samples]
            return score_human36m(poses, samples, taken, name, rules.protocol)

        return human36m.load_human36m(folder, "validation", layout, mapping), errors
    if name == "mpii":
        samples = mpii.load_mpii(folder, "validation", layout)
        return samples, lambda poses, samples: [score_pckh(poses, samples, name, rules.protocol)]
    if name == "synthetic":
        samples = load_synthetic(folder, "test", layout)
        return samples, lambda poses, samples: [
            score_torso_pck(poses, samples, name),
            *score_camera_space(poses, samples, name),
        ]
    if name == "lspet":
        samples = lsp.load_lsp(folder / "lspet_compact", extended=True, layout=layout)
    else:
        samples = lsp.load_lsp(folder / "lsp_train", extended=False, split="train", layout=layout)[-rules.validation :]
    return samples, lambda poses, samples: [
        score_torso_pck(poses, samples, name),
        score_pckh(poses, samples, name, rules.protocol),
    ]


def _actions(net: SPNet, spec: ModelSpec, name: str, folder: Path, rules: Rules, device: torch.device) -> list[Score]:
    labels, spacing = ACTION_SETS[name]
    if labels not in spec.labels:
        raise ValueError(f"no set of actions of {spec.name} is that of {name}: {', '.join(labels[:3])}, ...")
    clips = _clips(spec, name, folder, rules)
    predict = partial(
        predict_actions,
        net,
        spec,
        clips,
        spec.labels.index(labels),
        rules.spacing or spacing,
        device,
        crop=rules.crop,
        every_block=rules.every_block,
        flip=rules.flip,
        batch=max(1, rules.batch // spec.clip_frames),
        workers=rules.workers,
    )
    truth = [clip.label for clip in clips]
    data = CROSS_VIEW if name == "ntu" and rules.view else name
    part = "" if rules.split == "test" else f", {rules.split}"
    return [
        score_actions(predict(protocol=which), truth, labels, data, CLIPS[which] + part, rules.protocol)
        for which in rules.clips
    ]


def _clips(spec: ModelSpec, name: str, folder: Path, rules: Rules) -> list[Clip]:
    """The part of a set with actions that the rules name."""
    split, layout = cast(Any, rules.split), spec.layout
    if name == "penn":
        return penn_action.load_penn_action_clips(folder, split, layout)
    if name == "ntu":
        return ntu.load_ntu_clips(folder, split, layout, "cross_view" if rules.view else "cross_subject")
    return utd_mhad.load_utd_mhad_clips(folder, split, layout)
