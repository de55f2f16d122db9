"""Overlay videos: pictures of one size, and parts joined into one file without encoding them again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from deephar_ros.draw import Pixels


def fit(picture: Pixels, height: int, width: int) -> Pixels:
    """The picture (H, W, 3) as large as it fits into (height, width, 3), black beside it."""
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    rows, columns = (max(round(side * scale), 1) for side in picture.shape[:2])
    top, left = (height - rows) // 2, (width - columns) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted[top : top + rows, left : left + columns] = cv2.resize(picture, (columns, rows), interpolation=how)
    return fitted


def join_videos(parts: Sequence[Path], starts: Sequence[float], path: Path) -> None:
    """Writes one video of several that were encoded alike.

    Args:
        starts: of each part, seconds from the start of the first one.
    """
    with av.open(str(path), "w", format="mp4") as joined:
        stream, last = None, None
        for part, start in zip(parts, starts, strict=True):
            with av.open(str(part)) as container:
                source = container.streams.video[0]
                stream = stream or joined.add_stream_from_template(source)
                offset = round(start / source.time_base)
                for packet in container.demux(source):
                    if packet.dts is None:  # the mark at the end
                        continue
                    # Where parts meet, the order of decoding must go on, too.
                    dts = packet.dts + offset if last is None else max(packet.dts + offset, last + 1)
                    packet.pts, packet.dts, packet.stream, last = packet.pts + offset, dts, stream, dts
                    joined.mux(packet)
