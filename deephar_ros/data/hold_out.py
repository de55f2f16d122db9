"""Which of a user's clips are held out, to tell how good a model is on recordings that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

from deephar_ros.data.samples import DatasetError

SHARE = 0.25
"""Of the clips that are held out, about."""


class Labelled(NamedTuple):
    """A clip: its name, action, and the recording that it is from and when, where that is known."""

    name: str
    label: str
    recording: str = ""
    start: float = 0.0


class Split(NamedTuple):
    """Names of the clips held out, and by what rule."""

    held_out: frozenset[str]
    rule: str


def hold_out(clips: Sequence[Labelled], patterns: Collection[str] = ()) -> Split:
    """Divides clips; every action keeps some to learn from.

    By the patterns if there are any, such as `ben*`: of the recording, or of the clip's file. Else whole recordings,
    since clips of one recording look alike. Where that leaves an action without clips to learn from (each in a
    recording of its own), the last clips of each action.

    Raises:
        DatasetError: a pattern fits no clip, or the patterns leave an action nothing to learn from.
    """
    if patterns:
        return _by_patterns(clips, patterns)
    recordings = _choose_recordings(clips)
    if recordings:
        chosen = frozenset(clip.name for clip in clips if clip.recording in recordings)
        return Split(chosen, f"whole recordings: {', '.join(sorted(recordings))}")
    rule = "the last clips of each action: clips of one recording may be on both sides, which flatters"
    return Split(last_of_each(clips, SHARE), rule)


def last_of_each(clips: Sequence[Labelled], share: float) -> frozenset[str]:
    """Names of about this share of the clips of each action, its last ones; none of an action with a single clip."""
    chosen = []
    for label in sorted({clip.label for clip in clips}):
        of_it = sorted((clip for clip in clips if clip.label == label), key=lambda c: (c.recording, c.start, c.name))
        count = min(max(1, round(share * len(of_it))), len(of_it) - 1)
        chosen += [clip.name for clip in of_it[len(of_it) - count :]]
    return frozenset(chosen)


def _by_patterns(clips: Sequence[Labelled], patterns: Collection[str]) -> Split:
    chosen = set()
    for pattern in patterns:
        fits = {
            clip.name
            for clip in clips
            if fnmatchcase(PurePosixPath(clip.name).name, pattern) or fnmatchcase(clip.recording, pattern)
        }
        if not fits:
            raise DatasetError(f"--hold-out {pattern} fits no recording and no clip, such as {clips[0].name}")
        chosen |= fits
    lost = sorted({clip.label for clip in clips} - {clip.label for clip in clips if clip.name not in chosen})
    if lost:
        raise DatasetError(f"--hold-out {' '.join(patterns)} leaves no clip of {', '.join(lost)} to learn from")
    return Split(frozenset(chosen), f"as asked for: {' '.join(sorted(patterns))}")


def _choose_recordings(clips: Sequence[Labelled]) -> set[str]:
    """Recordings that together come closest to the share and have every action; none if there are none."""
    if not all(clip.recording for clip in clips):
        return set()
    chosen: set[str] = set()
    labels = {clip.label for clip in clips}

    def cost(recordings: set[str]) -> float:
        out = Counter(clip.label for clip in clips if clip.recording in recordings)
        if labels - {clip.label for clip in clips if clip.recording not in recordings}:
            return float("inf")
        return abs(out.total() / len(clips) - SHARE) + len(labels - out.keys()) / len(labels)

    rest = sorted({clip.recording for clip in clips})
    while rest:
        best = min(rest, key=lambda recording: cost(chosen | {recording}))
        if cost(chosen | {best}) >= cost(chosen):
            break
        chosen.add(best)
        rest.remove(best)
    return chosen
