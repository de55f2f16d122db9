"""Skeletons drawn on pictures, and pictures collected into sheets and videos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array
from deephar_ros.people import Action
from deephar_ros.skeleton import Layout

if TYPE_CHECKING:
    import av  # imported where used: what only draws can do without

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Point = tuple[int, int]

# Okabe and Ito's colours, told apart with every kind of colour vision.
LEFT: Colour = (0, 114, 178)
RIGHT: Colour = (230, 159, 0)
MIDDLE: Colour = (240, 240, 240)
OUTLINE: Colour = (0, 0, 0)

FAR = 30_000
"""Pixels from which on OpenCV, which counts in sixteenths with 32 bits, draws nonsense."""


def side_colour(joint: str) -> Colour:
    """Blue for the person's left, orange for the right, white for the middle."""
    return LEFT if joint.startswith("left_") else RIGHT if joint.startswith("right_") else MIDDLE


def opacity(*confidence: float) -> float:
    """How opaque to draw what rests on joints of these confidences: their (geometric) mean, but never invisible."""
    mean = math.prod(max(0.0, min(float(c), 1.0)) for c in confidence) ** (1 / len(confidence))
    return max(mean, 0.15)


def action_text(id: str, actions: Iterable[Action]) -> str:
    """What the person `id` does, for people to read: "walk 0.83"; one such entry per label set."""
    entries = []
    for action in actions:
        if action.id == id:
            label = action.steady_label or action.labels[int(action.probabilities.argmax())]
            entries.append(f"{label} {action.probabilities[action.labels.index(label)]:.2f}")
    return ", ".join(entries)


def draw_skeleton(picture: Pixels, layout: Layout, joints: Array, confidence: Array) -> None:
    """Draws one skeleton into `picture` (H, W, 3) RGB: joints (J, 2) in its pixels; what is unsure is transparent."""
    thickness, points = _thickness(picture, joints), whole_pixels(joints)
    sides, sure = [side_colour(name) for name in layout.joints], confidence.tolist()
    for a, b in layout.link_indices:
        _blend_line(picture, points[a], points[b], sides[b], thickness, opacity(sure[a], sure[b]))
    for point, colour, weight in zip(points, sides, map(opacity, sure), strict=True):
        _blend_line(picture, point, point, colour, 2 * thickness + 1, weight)


def whole_pixels(points: Array) -> list[Point | None]:
    """Points (N, 2) as OpenCV wants them; None where one is not finite, or so far away that OpenCV would fail."""
    return [(int(x), int(y)) if abs(x) < FAR and abs(y) < FAR else None for x, y in points.tolist()]  # NaN is not <


def _thickness(picture: Pixels, joints: Array) -> int:
    """Pixels: that of a picture's lines, but never so thick that a small person becomes a blot."""
    seen = joints[np.isfinite(joints).all(-1)]
    extent = float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
    return max(min(round(max(picture.shape[:2]) / 250), round(extent / 50)), 2)


def _blend_line(
    picture: Pixels, a: Point | None, b: Point | None, colour: Colour, thickness: int, weight: float
) -> None:
    """Blends an outlined line from a to b into the picture; a dot, if both are the same."""
    if a is None or b is None:
        return
    # Only the line's own part of the picture is copied and blended.
    room = 2 * thickness
    left, top = max(min(a[0], b[0]) - room, 0), max(min(a[1], b[1]) - room, 0)
    part = picture[top : max(a[1], b[1], 0) + room, left : max(a[0], b[0], 0) + room]
    if part.size == 0:
        return
    start, end = (a[0] - left, a[1] - top), (b[0] - left, b[1] - top)
    line = part if weight == 1 else part.copy()
    cv2.line(line, start, end, OUTLINE, thickness + 2, cv2.LINE_AA)
    cv2.line(line, start, end, colour, thickness, cv2.LINE_AA)
    if line is not part:
        part[:] = cv2.addWeighted(line, weight, part, 1 - weight, 0)


def write_text(picture: Pixels, text: str, row: int = 0) -> None:
    """Writes a line of text at the top left, white on black outline."""
    write_text_at(picture, text, 8, round((row + 1) * 30 * _text_size(picture)))


def write_text_at(picture: Pixels, text: str, x: float, y: float) -> None:
    """Writes a line of text, white on black outline, from (x, y), its bottom left, or from where all of it fits."""
    size = _text_size(picture)
    thickness = max(1, round(2 * size))
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thickness + 2)
    rows, columns = picture.shape[:2]
    edge = 2  # room for the outline
    at = (max(min(round(x), columns - width), edge), max(min(round(y), rows - below), height + edge))
    for colour, wide in (((0, 0, 0), thickness + 2), ((255, 255, 255), thickness)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, wide, cv2.LINE_AA)


def _text_size(picture: Pixels) -> float:
    return min(picture.shape[:2]) / 1200 + 0.2


def contact_sheet(pictures: Sequence[Pixels], columns: int = 4, width: int = 320) -> Pixels:
    """Up to `columns` rows of pictures, evenly chosen, each `width` pixels wide."""
    if not pictures:
        raise ValueError("no picture to put on the sheet")
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, columns * columns).round().astype(int)]
    height = round(width * chosen[0].shape[0] / chosen[0].shape[1])
    tiles = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in chosen]
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows).astype(np.uint8)


def save_picture(path: Path, picture: Pixels) -> None:
    """Writes (H, W, 3) RGB in the format of the path's ending; OSError if that fails."""
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f"{path} could not be written")


class VideoWriter:
    """An H.264 video whose frames keep their own times. Use as a context manager: closing completes the file."""

    TIME_BASE = Fraction(1, 1000)

    def __init__(self, path: Path) -> None:
        import av

        self._container = av.open(str(path), "w")
        self._stream: av.VideoStream | None = None
        self._last = -1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Completes the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def add(self, picture: Pixels, seconds: float) -> None:
        """Appends (H, W, 3) RGB shown from `seconds` on; later pictures are resized to the first one's size."""
        import av

        if self._stream is None:
            self._stream = self._open(picture)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(self._stream.width, self._stream.height, "yuv420p")
        self._last = max(round(seconds / self.TIME_BASE), self._last + 1)
        frame.pts, frame.time_base = self._last, self.TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def _open(self, picture: Pixels) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=30, options={"crf": "20", "preset": "veryfast"})
        stream.height, stream.width = (side // 2 * 2 for side in picture.shape[:2])  # H.264 wants even sides
        stream.pix_fmt, stream.time_base = "yuv420p", self.TIME_BASE
        stream.codec_context.time_base = self.TIME_BASE
        return stream
