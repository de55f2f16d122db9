"""Skeletons drawn on pictures, and pictures collected into sheets and videos."""

from __future__ import annotations

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

# Okabe and Ito's colours, told apart with every kind of colour vision.
LEFT: Colour = (0, 114, 178)
RIGHT: Colour = (230, 159, 0)
MIDDLE: Colour = (240, 240, 240)


def side_colour(joint: str) -> Colour:
    """Blue for the person's left, orange for the right, white for the middle."""
    return LEFT if joint.startswith("left_") else RIGHT if joint.startswith("right_") else MIDDLE


def opacity(*confidence: float) -> float:
    """How opaque to draw what rests on joints of these confidences: what is unsure is transparent, never invisible."""
    mean = float(np.prod(np.clip(confidence, 0, 1))) ** (1 / len(confidence))
    return min(max(1.5 * mean, 0.15), 1.0)


def action_text(id: str, actions: Iterable[Action]) -> str:
    """What the person `id` does, for people to read: "walk 0.83"; one such entry per label set."""
    entries = []
    for action in actions:
        if action.id == id:
            label = action.steady_label or action.labels[int(action.probabilities.argmax())]
            entries.append(f"{label} {action.probabilities[action.labels.index(label)]:.2f}")
    return ", ".join(entries)


def draw_skeleton(picture: Pixels, layout: Layout, joints: Array, confidence: Array) -> None:
    """Draws one skeleton into `picture` (H, W, 3) RGB: joints (J, 2) in its pixels; unsure limbs are transparent."""
    thickness = max(2, round(max(picture.shape[:2]) / 250))
    for a, b in layout.link_indices:
        ends = joints[[a, b]]
        if not np.isfinite(ends).all():
            continue
        # Only the limb's own part of the picture is copied and blended.
        left, top = np.clip(ends.min(0).astype(int) - 2 * thickness, 0, None)
        right, bottom = np.clip(ends.max(0).astype(int) + 2 * thickness, 0, None)
        part = picture[top:bottom, left:right]
        if part.size == 0:
            continue
        (x0, y0), (x1, y1) = (ends - [left, top]).astype(int).tolist()
        limb = part.copy()
        cv2.line(limb, (x0, y0), (x1, y1), (0, 0, 0), thickness + 2, cv2.LINE_AA)
        cv2.line(limb, (x0, y0), (x1, y1), side_colour(layout.joints[b]), thickness, cv2.LINE_AA)
        weight = opacity(confidence[a], confidence[b])
        part[:] = cv2.addWeighted(limb, weight, part, 1 - weight, 0)


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
