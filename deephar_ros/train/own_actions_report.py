"""How good a model of own actions is on clips that it has not seen: model card, confusion matrix, list of clips."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from deephar_ros.checkpoint import CARD, ModelSpec, load_checkpoint
from deephar_ros.geometry import Array
from deephar_ros.train.curve import draw_confusion
from deephar_ros.train.evaluate import Actions, block_names
from deephar_ros.train.own_actions_clips import probabilities
from deephar_ros.train.own_actions_data import OwnData
from deephar_ros.train.protocols import Score, score_actions, score_to_dict

PICTURE, SCORES, CLIPS = "confusion.png", "held_out.json", "held_out.csv"
FEW = 5
"""Clips of an action below which its recall says little."""


@dataclass(frozen=True)
class Facts:
    """What the card tells besides figures.

    Attributes:
        base: name of the model whose pose network it is.
        sided: actions whose names tell left from right.
    """

    base: str
    command: str
    seed: int
    mirror: bool
    sided: tuple[str, ...]


def write_report(out: Path, data: OwnData, facts: Facts, device: torch.device) -> str:
    """Evaluates the checkpoint in `out` as it is on what was held out.

    Leaves a model card, and if anything was held out, the confusion matrix as a picture, the scores as JSON and what
    was said of each clip as CSV.

    Returns:
        The card without its title.
    """
    net, spec = load_checkpoint(out)
    net.to(device)
    held_out = data.parts["test"]
    if held_out:
        found = np.array([probabilities(net, spec, clip, device) for clip in held_out])
        actions = Actions(block_names(net, actions=True)[-1:], found[None])
        truth = [clip.label for clip in held_out]
        score = score_actions(actions, truth, data.labels, "held_out", data.rule, "usual")
        draw_confusion(score, out / PICTURE)
        (out / SCORES).write_text(json.dumps(score_to_dict(score), indent=1, allow_nan=False) + "\n")
        _write_clips(out / CLIPS, data, found)
        lines = [*_figures(data, found, score), *_confusion(data.labels, score)]
    else:
        lines = ["**Not evaluated**: no clip was held out. Nobody knows how good it is.", ""]
    text = "\n".join([*lines, *_training(spec, data, facts)])
    (out / CARD).write_text(f"# {spec.name}\n\n{text}\n")
    return text


def interval(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share in percent (Wilson 1927)."""
    z, share = 1.96, right / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def _figures(data: OwnData, found: Array, score: Score) -> list[str]:
    held_out, labels = data.parts["test"], data.labels
    right = [int(p.argmax()) == clip.label for clip, p in zip(held_out, found, strict=True)]
    low, high = interval(sum(right), len(right))
    common = Counter(clip.label for clip in data.parts["train"] + data.parts["validation"]).most_common(1)[0][0]
    majority = 100 * sum(clip.label == common for clip in held_out) / len(held_out)
    lines = [
        f"**{score.best.mean:.1f} %** of the clips held out are named rightly ({sum(right)} of {len(right)}; 95 % "
        f"interval {low:.0f} to {high:.0f} %). Chance: {100 / len(labels):.1f} %. Always saying {labels[common]!r}, "
        f"than which none is more frequent: {majority:.1f} %.",
        f"Held out: {data.rule}.",
        "",
    ]
    unseen = [ok for clip, ok in zip(held_out, right, strict=True) if not clip.rows.found]
    if unseen:
        lines += [
            f"In {len(unseen)} of these clips nobody was followed; the whole picture was taken, {sum(unseen)} of them "
            "were named rightly. There the node says nothing with its usual parameters; `box_source:=full_image "
            "min_confidence:=0.0` makes it take the whole picture too.",
            "",
        ]
    return lines


def _confusion(labels: Sequence[str], score: Score) -> list[str]:
    counts = np.array(score.confusion)
    lines = [
        f"| true \\ said | {' | '.join(labels)} | recall |",
        "|---|" + "---|" * (len(labels) + 1),
    ]
    for label, row in zip(labels, counts, strict=True):
        total = row.sum()
        recall = f"{100 * row[labels.index(label)] / total:.0f} % of {total}" if total else "none"
        lines.append(f"| {label} | {' | '.join(str(n) if n else '' for n in row)} | {recall} |")
    few = [label for label, row in zip(labels, counts, strict=True) if row.sum() < FEW]
    warning = [f"**Fewer than {FEW} clips held out**, so that the recall says little: {', '.join(few)}."] if few else []
    return [*lines, "", *warning, f"The same as a picture: {PICTURE}; clip by clip: {CLIPS}.", ""]


def _training(spec: ModelSpec, data: OwnData, facts: Facts) -> list[str]:
    unseen = [not clip.rows.found for part in data.parts.values() for clip in part]
    lines = [
        f"The pose network is that of {facts.base}, unchanged: its card tells its figures, data and licence. Only the "
        f"action path was trained, on own clips, {'plain and mirrored' if facts.mirror else 'not mirrored'}, seed "
        f"{facts.seed}. A clip of the network is {spec.clip_frames} frames, {spec.clip_spacing:g} s apart.",
        "",
        "| clips | learned from | chose when to stop | held out |",
        "|---|---|---|---|",
    ]
    for number, label in enumerate(data.labels):
        counts = [sum(clip.label == number for clip in part) for part in data.parts.values()]
        lines.append(f"| {label} | {' | '.join(map(str, counts))} |")
    lines += ["", f"Nobody was followed in {sum(unseen)} of {len(unseen)} clips: there the whole picture was taken."]
    if data.empty:
        lines.append(f"Folders without clips, left out: {', '.join(data.empty)}.")
    if data.skipped:
        lines.append(f"{len(data.skipped)} clips could not be used:")
        lines += [f"- {name}: {reason}" for name, reason in data.skipped.items()]
    if facts.sided and facts.mirror:
        lines.append(f"**{', '.join(facts.sided)}**: mirrored clips were learned too, where this is another action.")
    return [*lines, "", f"    {facts.command}"]


def _write_clips(path: Path, data: OwnData, found: Array) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["clip", "label", "said", "probability", "person_followed"])
        for clip, p in zip(data.parts["test"], found, strict=True):
            label, said = data.labels[clip.label], data.labels[int(p.argmax())]
            rows.writerow([clip.name, label, said, f"{p.max():.3f}", int(clip.rows.found)])
