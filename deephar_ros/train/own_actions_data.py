"""A user's clips as parts to learn from, to stop by, and to evaluate on, seen by a frozen pose network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from deephar_ros.data.folder import folder_labels, has_split, list_clips
from deephar_ros.data.hold_out import Labelled, Split, hold_out, last_of_each
from deephar_ros.data.labelled import read_origins
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.segments import check_labels
from deephar_ros.sources import SourceError
from deephar_ros.train.own_actions_clips import OwnClip
from deephar_ros.train.own_actions_rows import RowReader

Part = Literal["train", "validation", "test"]

VALIDATION_SHARE, VALIDATION_LEAST = 1 / 6, 4
"""Of the training clips of each action that has so many, those that choose when to stop."""


@dataclass(frozen=True)
class OwnData:
    """What a run learns from and is measured on.

    Attributes:
        parts: `train`; `validation`, which chooses when to stop; `test`, held out.
        rule: by which clips were held out.
        skipped: clips that could not be used, and why.
        empty: folders without clips.
    """

    labels: tuple[str, ...]
    parts: dict[Part, list[OwnClip]]
    rule: str
    skipped: dict[str, str]
    empty: tuple[str, ...]

    @property
    def names(self) -> dict[str, list[str]]:
        """Of the clips of each part."""
        return {part: [clip.name for clip in clips] for part, clips in self.parts.items()}


def find_clips(folder: Path) -> list[Labelled]:
    """The clips of a folder, not opened.

    Raises:
        DatasetError: there are none, or they are all of one action.
        SegmentsError: two actions have names that hardly differ.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; it should hold a folder of clips for each action")
    origins = read_origins(folder)
    clips = []
    for file in list_clips(folder, "all"):
        origin = origins.get(file.name)
        clips.append(Labelled(file.name, file.label, *((origin.recording, origin.start) if origin else ())))
    labels = {clip.label for clip in clips}
    check_labels(labels)
    if len(labels) < 2:
        raise DatasetError(f"{folder} has clips of {labels.pop()!r} only; add clips of at least one other action")
    return clips


def tells_sides(label: str) -> bool:
    """Whether a mirrored picture shows another action, as far as the name tells."""
    return re.search(r"(?<![a-z])(left|right)(?![a-z])|clockwise", label.lower()) is not None


def see_clips(folder: Path, clips: Sequence[Labelled], reader: RowReader, patterns: Collection[str]) -> OwnData:
    """Looks at all clips and divides those that can be used. Shows its progress, and says which are left out.

    Args:
        patterns: of what is held out; none: as the folder says, else as `hold_out` chooses.

    Raises:
        DatasetError: an action has no clip that can be used, or none to learn from.
    """
    rows, skipped = {}, {}
    for clip in tqdm(clips, unit="clip", desc="looking for people"):
        try:
            rows[clip.name] = reader.read(folder / clip.name)
        except (SourceError, OSError) as error:
            skipped[clip.name] = str(error)
            tqdm.write(f"left out: {error}")
    usable = [clip for clip in clips if clip.name in rows]
    labels = tuple(sorted({clip.label for clip in clips}))
    lost = sorted(set(labels) - {clip.label for clip in usable})
    if lost:
        raise DatasetError(f"no clip of {lost[0]!r} can be used: mend its clips, or take its folder away")
    usable, split = _split(folder, usable, patterns)
    return OwnData(
        labels,
        {
            part: [OwnClip(clip.name, labels.index(clip.label), rows[clip.name]) for clip in chosen]
            for part, chosen in _parts(usable, split).items()
        },
        split.rule,
        skipped,
        tuple(label for label in folder_labels(folder) if label not in labels),
    )


def _split(folder: Path, clips: list[Labelled], patterns: Collection[str]) -> tuple[list[Labelled], Split]:
    """The clips that take part, and which of them are held out."""
    if patterns or not has_split(folder):
        return clips, hold_out(clips, patterns)
    learning, held_out = ({clip.name for clip in list_clips(folder, part)} for part in ("train", "test"))
    chosen = [clip for clip in clips if clip.name in learning | held_out]
    return chosen, Split(frozenset(held_out), "as the folder says")


def _parts(clips: Sequence[Labelled], split: Split) -> dict[Part, list[Labelled]]:
    learning = [clip for clip in clips if clip.name not in split.held_out]
    counts = Counter(clip.label for clip in learning)
    lost = sorted({clip.label for clip in clips} - counts.keys())
    if lost:
        raise DatasetError(f"all clips of {', '.join(lost)} are held out; there is nothing to learn from")
    choosing = last_of_each([clip for clip in learning if counts[clip.label] >= VALIDATION_LEAST], VALIDATION_SHARE)
    return {
        "train": [clip for clip in learning if clip.name not in choosing],
        "validation": [clip for clip in learning if clip.name in choosing],
        "test": [clip for clip in clips if clip.name in split.held_out],
    }
