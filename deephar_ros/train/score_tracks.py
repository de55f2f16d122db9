"""What an action path makes of a set of poses without pictures, block by block and way by way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.data.samples import Clip
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.evaluate import Actions
from deephar_ros.train.loading import RowClips
from deephar_ros.train.protocols import Score, score_actions

BATCH = 64


class Group(NamedTuple):
    """Videos of one action done in one way, and how many of them are recognised."""

    name: str
    right: int
    total: int


@torch.inference_mode()
def see_tracks(net: SPNet, tracks: RowClips, clips: int) -> Actions:
    """Distributions of all videos at each action block, each the mean over `clips` clips of it."""
    rows = [tracks.evaluation(index, clips) for index in range(len(tracks))]
    found: list[NDArray[np.float64]] = []
    for part in torch.stack(rows).split(max(1, BATCH // clips)):
        blocks = net.eval().clip_actions(unpack(part.flatten(0, 1), net.config))
        found.append(
            np.stack([b[tracks.action_set].double().unflatten(0, (-1, clips)).mean(1).numpy() for b in blocks])
        )
    names = tuple(f"p{stage.pyramid}_l{stage.level}" for stage in net.config.stages if stage.action)
    return Actions(names, np.concatenate(found, 1))


def score_tracks(actions: Actions, clips: Sequence[Clip], labels: Sequence[str], data: str, rule: str) -> Score:
    """Accuracy of each block, and per action; the last block is reported."""
    return score_actions(actions, [clip.label for clip in clips], labels, data, rule, "usual")


def by_way(actions: Actions, clips: Sequence[Clip], labels: Sequence[str]) -> list[Group]:
    """The last block by action and way (of names like label/way/source/number), in order of the actions."""
    found = actions.distributions[-1].argmax(-1)
    groups: dict[str, list[bool]] = {}
    for clip, action in zip(clips, found, strict=True):
        way = "/".join(clip.name.split("/")[1:-1])
        groups.setdefault(f"{labels[clip.label]}/{way}".rstrip("/"), []).append(bool(action == clip.label))
    place = {label: number for number, label in enumerate(labels)}
    return [
        Group(name, sum(right), len(right))
        for name, right in sorted(groups.items(), key=lambda item: (place[item[0].split("/")[0]], item[0]))
    ]


def confusions(score: Score, most: int = 12) -> list[str]:
    """The commonest mistakes, in words."""
    labels, counts = list(score.best.parts), np.array(score.confusion)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None)[:most]
    pairs = [np.unravel_index(place, counts.shape) for place in order]
    return [f"{labels[i]} taken for {labels[j]}: {counts[i, j]}" for i, j in pairs if counts[i, j]]
