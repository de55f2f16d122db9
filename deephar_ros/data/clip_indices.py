"""Which frames of a video make a clip (SPNET.md section 3.7).

`length` is the number of frames of the video, `frames` that of the clip, `spacing` the distance between two of the
clip's frames in frames of the video.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from deephar_ros.geometry import Array

Protocol = Literal["single", "paper", "released"]
"""Which clips of a video give its score: the middle one; those half a clip apart, averaged, as the paper writes; or
those that the released code takes, each also mirrored, multiplied."""


class ClipChoice(NamedTuple):
    """Frames of one clip, and whether its crops are mirrored."""

    indices: list[int]
    mirrored: bool


def evaluation_clips(length: int, frames: int, spacing: int, protocol: Protocol) -> list[ClipChoice]:
    """The clips of a video whose scores `combine` makes one. Never none: a video too short for several has the middle
    one, while the released code scores it as class 0."""
    middle = [ClipChoice(middle_clip(length, frames, spacing), False)]
    if protocol == "single":
        return middle
    if protocol == "paper":
        return [ClipChoice(clip, False) for clip in half_clips(length, frames, spacing)] or middle
    clips = multi_clips(length, frames, spacing) or [middle[0].indices]
    return [ClipChoice(clip, mirrored) for clip in clips for mirrored in (False, True)]


def combine(probabilities: Array, protocol: Protocol) -> Array:
    """Distributions (K, A) of a video's clips -> its scores (A,), which sum to 1: their mean, or released, product."""
    if protocol != "released":
        return probabilities.mean(0)
    logs = np.log(np.maximum(probabilities.astype(np.float64), 1e-300)).sum(0)
    scores = np.exp(logs - logs.max())
    return scores / scores.sum()


def middle_clip(length: int, frames: int, spacing: int) -> list[int]:
    """Frames of the clip in the middle of a video, for single-clip scores.

    Where the video is too short for `spacing` the frames stand closer, and where it has fewer frames than the clip some
    come several times.
    """
    stretch, spacing, room = _fitted(length, frames, spacing)
    return _frames_from(int(room / 2), frames, spacing, stretch)


def spread_clips(length: int, frames: int, spacing: int, count: int) -> list[list[int]]:
    """Frames of `count` clips evenly from the start of a video to its end; of one, in the middle (`middle_clip`)."""
    if count == 1:
        return [middle_clip(length, frames, spacing)]
    stretch, spacing, room = _fitted(length, frames, spacing)
    return [_frames_from(round(room * k / (count - 1)), frames, spacing, stretch) for k in range(count)]


def random_clip(length: int, frames: int, spacing: int, rng: np.random.Generator) -> list[int]:
    """Frames of a clip anywhere in a video, for training; short videos as in `middle_clip`."""
    stretch, spacing, room = _fitted(length, frames, spacing)
    return _frames_from(int(rng.integers(int(room) + 1)), frames, spacing, stretch)


def multi_clips(length: int, frames: int, spacing: int) -> list[list[int]]:
    """Frames of the overlapping clips from the start of a video on, for multi-clip scores; none if it is too short.

    The step, and that `frames * spacing` frames must be there although the last is not looked at, are the code's; the
    paper says half a clip apart.
    """
    step, span = frames // 2 + spacing - 1, frames * spacing
    return [list(range(start, start + span, spacing)) for start in range(0, length - span + 1, step)]


def half_clips(length: int, frames: int, spacing: int) -> list[list[int]]:
    """Frames of the clips that start `frames` / 2 frames of the video after one another, the paper's T/2.

    Whether the paper counts frames of the video or of the clip is not said; the code's step is T/2 frames of the video
    if frames stand next to each other, so we take these.
    """
    span = (frames - 1) * spacing + 1
    return [list(range(start, start + span, spacing)) for start in range(0, length - span + 1, max(1, frames // 2))]


def _fitted(length: int, frames: int, spacing: int) -> tuple[float, int, float]:
    """By how much the video is stretched, the spacing that then fits, and the frames left over."""
    if length < 1:
        raise ValueError("a video without frames has no clip")
    stretch = 1.0
    while stretch * length < frames:
        stretch *= 1.5
    stretched = stretch * length
    spacing = min(spacing, int(stretched / frames))
    return stretch, spacing, stretched - (spacing * (frames - 1) + 1)


def _frames_from(start: int, frames: int, spacing: int, stretch: float) -> list[int]:
    return [int((start + spacing * t) / stretch) for t in range(frames)]
