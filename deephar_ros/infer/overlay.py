"""One frame as people understand it: the picture with skeletons, beside it the same in 3D and what everybody does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from deephar_ros.draw import Pixels, draw_skeleton, write_text_at
from deephar_ros.infer.bars import draw_bars
from deephar_ros.infer.panel import BACKGROUND
from deephar_ros.infer.panel3d import draw_people
from deephar_ros.people import Person, Result, State
from deephar_ros.skeleton import Layout

LEAST, MOST = 360, 1920
"""The shorter side of the frame is made at least, the longer one at most so many pixels."""
BARS = 0.4
"""Part of the height that the actions get, if the model has any."""


@dataclass(frozen=True)
class Page:
    """Where frame and panels stand in the composed picture, pixels; all even, as H.264 wants it."""

    height: int
    frame: tuple[int, int]  # width, height of the frame as shown; it is at the left, in the middle of the height
    side: int  # width of the panels

    @staticmethod
    def of(width: int, height: int) -> Page:
        """The page of frames of this size."""
        scale = min(max(1.0, LEAST / min(width, height)), MOST / max(width, height))
        shown = (_even(width * scale), _even(height * scale))
        rows = max(shown[1], LEAST)
        return Page(rows, shown, min(max(_even(rows * 2 / 3), 240), 640))


@dataclass(frozen=True)
class Composer:
    """Composes pictures. Frames of one size give pictures of one size, whoever is there.

    Attributes:
        layout: order of the joints of the people.
        labels: names of the actions per label set; empty: the model knows none, and no bars are drawn.
        depth_trained, action_trained: False: the panels say that these outputs mean nothing.
        explanation_size: width and height, pixels, of the pictures given as `explain`; None: there are none.
    """

    layout: Layout
    labels: tuple[tuple[str, ...], ...]
    depth_trained: bool = True
    action_trained: bool = True
    explanation_size: tuple[int, int] | None = None

    def compose(self, pixels: Pixels, result: Result, explain: Pixels | None = None) -> Pixels:
        """
        Args:
            pixels: (H, W, 3) RGB, not changed.
            result: what was found in it; `display` is drawn, without those who are lost.
            explain: a picture (H', W', 3) to put below, such as `Explainer.picture`; None: its place stays empty.

        Returns:
            (H'', W'', 3) RGB, both even; a small frame is enlarged, a huge one shrunk.

        Raises:
            ValueError: the explanation does not have the size stated.
        """
        wide, high = self.explanation_size or (0, 0)
        if explain is not None and explain.shape[:2] != (high, wide):
            raise ValueError(f"explanation of {explain.shape[1]}x{explain.shape[0]}, explanation_size is {wide}x{high}")
        page = Page.of(pixels.shape[1], pixels.shape[0])
        people = [person for person in result.display if person.state is not State.LOST]
        left, right = page.frame[0], page.frame[0] + page.side
        picture = np.empty((page.height + _even(high), max(right, _even(wide)), 3), np.uint8)
        self._draw_frame(picture[: page.height, :left], pixels, page, people)
        split = round(page.height * (1 - BARS)) if self.labels else page.height
        draw_people(picture[:split, left:right], people, self.depth_trained)
        if self.labels:
            panel = picture[split : page.height, left:right]
            draw_bars(panel, [person.id for person in people], result.actions, self.action_trained)
        picture[: page.height, right:], picture[page.height :] = BACKGROUND, BACKGROUND
        if explain is not None:
            picture[page.height : page.height + high, :wide] = explain
        return picture

    def _draw_frame(self, part: Pixels, pixels: Pixels, page: Page, people: list[Person]) -> None:
        height, width = pixels.shape[:2]
        top = (page.height - page.frame[1]) // 2
        part[:top], part[top + page.frame[1] :] = BACKGROUND, BACKGROUND
        how = cv2.INTER_AREA if page.frame[0] < width else cv2.INTER_LINEAR
        frame = part[top : top + page.frame[1]]
        frame[:] = pixels if page.frame == (width, height) else cv2.resize(pixels, page.frame, interpolation=how)
        scale = np.array(page.frame) / (width, height)
        for person in people:
            draw_skeleton(frame, self.layout, person.joints * scale, person.confidence)
        for person in people:  # afterwards, so that no skeleton hides a name
            x, y = person.joints[self.layout.index("head")] * scale
            if np.isfinite([x, y]).all():
                write_text_at(frame, person.id, x + 8, y - 8)


def _even(size: float) -> int:
    """The size as an even number, not less but for a fraction."""
    return math.ceil(size / 2 - 0.25) * 2
