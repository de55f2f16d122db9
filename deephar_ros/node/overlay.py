"""The picture for people: the frame with skeletons, boxes and what everybody does."""

from __future__ import annotations

import cv2
import numpy as np

from deephar_ros.draw import Colour, Pixels, action_text, draw_skeleton, write_text, write_text_at
from deephar_ros.people import Frame, Person, Result, State

BOX_COLOURS: dict[State, Colour] = {
    State.NEW: (240, 228, 66),
    State.TRACKED: (0, 158, 115),
    State.LOST: (150, 150, 150),
}
GAP = 4
"""Pixels between a box, or a head, and what is written there."""


def draw_overlay(frame: Frame, result: Result, status: str = "") -> Pixels:
    """A new picture (H, W, 3) RGB of the frame and of `result.display`; `status` is written at the top."""
    picture = _to_rgb(frame)
    for person in result.display:
        draw_skeleton(picture, person.layout, person.joints, person.confidence)
    # Afterwards, so that no skeleton hides what is written.
    for person in result.display:
        _annotate(picture, person, action_text(person.id, result.actions))
    if status:
        write_text(picture, status)
    return picture


def _to_rgb(frame: Frame) -> Pixels:
    red, green, blue = frame.rgb
    picture = np.empty((*frame.pixels.shape[:2], 3), np.uint8)
    # Three to ten times as fast as indexing the channels with numpy.
    cv2.mixChannels([frame.pixels], [picture], [red, 0, green, 1, blue, 2])
    return picture


def _annotate(picture: Pixels, person: Person, action: str) -> None:
    if not np.isfinite(person.box[:4]).all():
        return
    left, top, right, bottom = (round(edge) for edge in person.box[:4])
    thickness = max(1, round(picture.shape[0] / 300))
    cv2.rectangle(picture, (left, top), (right, bottom), BOX_COLOURS[person.state], thickness)
    write_text_at(picture, f"{person.id} {person.state.name}", left + GAP, bottom - GAP)
    if action:
        write_text_at(picture, action, *_above_the_head(person))


def _above_the_head(person: Person) -> tuple[float, float]:
    """Where to write, in pixels; the top of the box if the head was not seen."""
    x, y = person.joints[person.layout.index("head")].tolist()
    return (x, y - GAP) if np.isfinite([x, y]).all() else (person.box.left, person.box.top - GAP)
