"""Which frames of a video make a clip, as in the released code (SPNET.md section 3.7).

`length` is the number of frames of the video, `frames` that of the clip, `spacing` the distance between two of the
clip's frames in frames of the video.
"""

from __future__ import annotations


def middle_clip(length: int, frames: int, spacing: int) -> list[int]:
    """Frames of the clip in the middle of a video, for single-clip scores.

    Where the video is too short for `spacing` the frames stand closer, and where it has fewer frames than the clip some
    come several times.
    """
    if length < 1:
        raise ValueError("a video without frames has no clip")
    stretch = 1.0
    while stretch * length < frames:
        stretch *= 1.5
    stretched = stretch * length
    spacing = min(spacing, int(stretched / frames))
    start = int((stretched - (spacing * (frames - 1) + 1)) / 2)
    return [int((start + spacing * t) / stretch) for t in range(frames)]


def multi_clips(length: int, frames: int, spacing: int) -> list[list[int]]:
    """Frames of the overlapping clips from the start of a video on, for multi-clip scores; none if it is too short.

    The step, and that `frames * spacing` frames must be there although the last is not looked at, are the code's; the
    paper says half a clip apart.
    """
    step, span = frames // 2 + spacing - 1, frames * spacing
    return [list(range(start, start + span, spacing)) for start in range(0, length - span + 1, step)]
