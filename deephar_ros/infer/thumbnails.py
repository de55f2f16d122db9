"""Small pictures of people at given moments, taken from the overlay video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deephar_ros.draw import Pixels
from deephar_ros.geometry import Box
from deephar_ros.infer.overlay import Page
from deephar_ros.infer.story import Sight, Story

if TYPE_CHECKING:
    from av.container import InputContainer

Key = tuple[int, str]
MARGIN = 1.3
"""Side of what is shown over the longer side of the person's box."""
LEAST = 0.15
"""The same for somebody tiny, over the shorter side of the frame."""
NEAR = 100
"""Frames from one moment to the next up to which decoding goes on; farther away, the video is searched."""


def key(sight: Sight) -> Key:
    """What tells one moment of one person from all others."""
    return sight.frame, sight.person.id


def thumbnails(video: Path, story: Story, sights: Sequence[Sight]) -> dict[Key, Pixels]:
    """Pictures (H, W, 3) by `key` of the moment.

    Args:
        video: made by `Composer`, a picture for each frame of the story; nothing is returned if it has not as many, or
            if the frames were of several sizes, for then nobody knows where the people are in it.

    Raises:
        OSError: the video cannot be read.
    """
    import av

    size = (story.header.width, story.header.height)
    with av.open(str(video)) as container:
        pts = sorted(packet.pts for packet in container.demux(video=0) if packet.pts is not None)
    if len(pts) != len(story.seconds) or not story.one_size:
        return {}
    wanted = sorted({sight.frame for sight in sights})
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        pictures = dict(zip(wanted, _pictures(container, pts, wanted), strict=True))
    return {key(sight): _around(pictures[sight.frame], sight.person.box, size) for sight in sights}


def _pictures(container: InputContainer, pts: Sequence[int], wanted: Sequence[int]) -> Iterator[Pixels]:
    """The frames of these numbers, in order."""
    frames, before = container.decode(video=0), 0
    for number in wanted:
        if number > before + NEAR:
            container.seek(pts[number], stream=container.streams.video[0])
            frames = container.decode(video=0)
        frame = next(frame for frame in frames if frame.pts == pts[number])
        yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        before = number


def _around(picture: Pixels, box: Box, size: tuple[int, int]) -> Pixels:
    """The person's surroundings in a composed picture; a copy, so that the whole one can go."""
    page = Page.of(*size)
    top = (page.height - page.frame[1]) // 2
    shown = picture[top : top + page.frame[1], : page.frame[0]]
    if not np.isfinite(box[:4]).all():
        return shown.copy()
    scale = page.frame[0] / size[0]
    half = max(max(box.width, box.height) * MARGIN * scale, LEAST * min(page.frame)) / 2
    x, y = (at * scale for at in box.centre)
    rows, columns = (slice(max(round(at - half), 0), max(round(at + half), 1)) for at in (y, x))
    part = shown[rows, columns]
    return (part if part.size else shown).copy()
