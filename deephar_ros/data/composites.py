"""Scenes with several people whose boxes are known exactly: cut-outs of people pasted over pictures without any."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from deephar_ros.data.augment import AugmentConfig, change_colour
from deephar_ros.data.cutouts import Portrait, Sources, person_box
from deephar_ros.data.resample import Image, apply_matrix, warp
from deephar_ros.data.scenery import camera_faults, random_backdrop, soft_frame, tint
from deephar_ros.geometry import Array
from deephar_ros.localizer.letterbox import PAD


@dataclass(frozen=True)
class SceneConfig:
    """How scenes are drawn; heights are larger sides of a person's box in parts of the scene's side."""

    size: int = 256
    real: float = 0.4  # share of scenes that show one picture as it is, its person not cut out
    max_people: int = 5
    height: tuple[float, float] = (0.09, 1.0)
    real_height: tuple[float, float] = (0.3, 1.0)
    close: float = 0.3  # share of people taller than the scene, up to twice its side: upper bodies
    upright: float = 0.75  # share of cut-outs that must be upright
    flat: float = 0.2  # share of scenes before a plain wall, which the backgrounds lack
    padding: float = 0.25  # share of scenes with a grey edge, as a letterbox has it
    least_inside: float = 0.3  # of a person's box, else it is not put there
    least_seen: float = 0.35  # of a cut-out that others cover, else it neither counts as a person nor as none
    rendered: float = 0.0  # share of cut-outs that are rendered people, if the sources have any
    crowded: float = 0.0  # share of composites whose people stand or sit beside one another, all of about one height
    crowd: int = 8  # most people of such a composite
    furniture: float = 0.0  # share of people whose lower half something like a table hides
    unlabelled: float = 0.1  # weight of negatives in real pictures, where others may stand
    colour: AugmentConfig = field(default_factory=lambda: AugmentConfig(brightness=0.35, contrast=0.35, gray=0.08))


@dataclass(frozen=True)
class Scene:
    """One training picture.

    Attributes:
        pixels: (size, size, 3) RGB.
        boxes: (N, 4) left, top, right, bottom of the people, clipped to the picture.
        weight: (size, size) in [0, 1]: what it counts if a person is seen where there is no box.
        body: (size, size) in [0, 1]: where people's bodies are; NaN where nobody knows.
    """

    pixels: Image
    boxes: Array
    weight: Array
    body: Array


def random_scene(sources: Sources, cfg: SceneConfig, rng: np.random.Generator) -> Scene:
    """A composite or a real picture, with the faults of cameras."""
    canvas = _Canvas(random_backdrop(sources.backgrounds, cfg.size, cfg.flat, rng), cfg, rng)
    if rng.random() < cfg.real:
        canvas.add_picture(_choose(sources, cfg, rng, complete=False))
    else:
        crowded = cfg.crowded > 0 and rng.random() < cfg.crowded  # unused shares draw nothing: scenes stay as they were
        if crowded:
            canvas.gather()
        count = int(rng.integers(2, cfg.crowd + 1) if crowded else rng.integers(0, cfg.max_people + 1))
        for kind in rng.permutation(["person"] * count + ["distractor"] * int(rng.integers(0, 4))):
            portrait = _choose(sources, cfg, rng, complete=True)
            if kind == "person":
                canvas.add_person(portrait)
                if cfg.furniture > 0 and rng.random() < cfg.furniture:
                    canvas.add_furniture(random_backdrop(sources.backgrounds, cfg.size, cfg.flat, rng))
            else:
                canvas.add_distractor(portrait, random_backdrop(sources.backgrounds, cfg.size, cfg.flat, rng))
    return canvas.finish()


class _Canvas:
    """A scene in the making: later pastes cover earlier ones."""

    def __init__(self, backdrop: Image, cfg: SceneConfig, rng: np.random.Generator) -> None:
        self.pixels, self.cfg, self.rng = backdrop, cfg, rng
        self.extent = np.full(2, float(cfg.size))  # width and height without the letterbox edge
        if rng.random() < cfg.padding:
            self.extent[rng.integers(2)] *= rng.uniform(0.55, 0.97)
        self.weight = np.ones(backdrop.shape[:2], np.float32)
        self.body = np.zeros(backdrop.shape[:2], np.float32)
        self._owner = np.zeros(backdrop.shape[:2], np.uint8)
        self._areas: list[int] = []
        self._boxes: list[Array] = []
        self._crowd: tuple[float, float] | None = None

    def gather(self) -> None:
        """From now on people are beside one another: of one height, in parts of the side, their feet on one row."""
        height = float(np.exp(self.rng.uniform(*np.log((0.2, 0.8)))))
        self._crowd = height, float(self.rng.uniform(0.5 * (1 + height), 1 + 0.4 * height))

    def add_person(self, portrait: Portrait) -> None:
        matrix, box = self._place(portrait, self.cfg.height)
        if box is None:
            return
        alpha = self._paste(tint(portrait.pixels, self.rng), portrait.outline(), matrix)
        self.body += alpha.astype(np.float32) / 255
        self._own(alpha, box)

    def add_distractor(self, portrait: Portrait, picture: Image) -> None:
        """Pastes a piece of a picture without people, in the shape of a person or of a whole portrait."""
        matrix, _ = self._place(portrait, self.cfg.height)
        height, width = portrait.pixels.shape[:2]
        shape = portrait.outline() if self.rng.random() < 0.6 else soft_frame(height, width)
        alpha = self._paste(cv2.resize(picture, (width, height)), shape, matrix)
        self._owner[alpha > 127] = 0

    def add_furniture(self, picture: Image) -> None:
        """A piece of a picture without people before the lower half of the person put there last, as tables are."""
        if not self._boxes:
            return
        left, top, right, bottom = self._boxes[-1]
        width, height = right - left, bottom - top
        ends = [left, right] + width * self.rng.uniform(-0.2, 1.0, 2) * [-1, 1]
        edge = top + height * self.rng.uniform(0.45, 0.8)
        rows = np.array([edge, edge, *2 * [edge + height * self.rng.uniform(0.1, 0.7)]])
        corners = np.column_stack([ends[[0, 1, 1, 0]], rows]) + self.rng.normal(0, 0.03 * height, (4, 2))
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, corners.round().astype(np.int32), 255, cv2.LINE_AA)
        self._owner[self._paste(picture, mask, np.eye(2, 3)) > 127] = 0

    def add_picture(self, portrait: Portrait) -> None:
        """Pastes a whole picture; only its annotated person counts fully, others may stand there without a box."""
        matrix, box = self._place(portrait, self.cfg.real_height)
        if box is None:
            return
        height, width = portrait.pixels.shape[:2]
        alpha = self._paste(portrait.pixels, soft_frame(height, width), matrix)
        self.weight[alpha > 0] = self.cfg.unlabelled
        left, top, right, bottom = box.round().astype(int)
        self.weight[top:bottom, left:right] = 1
        self.body[alpha > 0] = np.nan
        if portrait.complete:
            mask = warp(portrait.outline(), matrix, self.cfg.size)
            self.body[top:bottom, left:right] = mask[top:bottom, left:right].astype(np.float32) / 255
        self._own(np.where(self.weight == 1, alpha, 0).astype(np.uint8), box)

    def finish(self) -> Scene:
        boxes = []
        for number, (box, area) in enumerate(zip(self._boxes, self._areas, strict=True), start=1):
            if np.count_nonzero(self._owner == number) >= self.cfg.least_seen * area:
                boxes.append(box)
            else:
                left, top, right, bottom = box.round().astype(int)
                self.weight[top:bottom, left:right] = 0
        pixels = camera_faults(change_colour(self.pixels, self.cfg.colour, self.rng), self.rng)
        right, bottom = self.extent.astype(int)
        pixels[bottom:], pixels[:, right:] = PAD, PAD
        self.body[bottom:], self.body[:, right:] = 0, 0
        return Scene(pixels, np.array(boxes, np.float32).reshape(-1, 4), self.weight, self.body)

    def _own(self, alpha: Image, box: Array) -> None:
        self._boxes.append(box)
        self._owner[alpha > 127] = len(self._boxes)
        self._areas.append(max(1, np.count_nonzero(alpha > 127)))

    def _paste(self, pixels: Image, mask: Image, matrix: Array) -> Image:
        """Blends `pixels` in by `mask`, both moved by `matrix`; returns the moved mask."""
        size = self.cfg.size
        alpha = warp(mask, matrix, size)
        share = alpha.astype(np.float32) / 255
        self.body *= 1 - share
        self.pixels = cv2.blendLinear(warp(pixels, matrix, size), self.pixels, share, 1 - share)
        return alpha

    def _place(self, portrait: Portrait, heights: tuple[float, float]) -> tuple[Array, Array | None]:
        """A random (2, 3) map for the portrait, and the clipped box of its person; None if too little is inside."""
        cfg, rng = self.cfg, self.rng
        close = self._crowd is None and portrait.upright and rng.random() < cfg.close
        height = rng.uniform(1.0, 2.0) if close else np.exp(rng.uniform(*np.log(heights)))
        if self._crowd:
            height = self._crowd[0] * np.exp(rng.normal(0, 0.12))
        x0, y0, x1, y1 = person_box(portrait.joints)
        scale = height * cfg.size / max(x1 - x0, y1 - y0)
        angle, mirror = np.deg2rad(rng.normal(0, 6)), rng.choice([-1.0, 1.0])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        linear = scale * turn @ np.diag([mirror * rng.uniform(0.9, 1.1), 1.0])
        centre = rng.uniform(0, 1, 2) * self.extent
        if close:  # with the head in the picture
            centre[1] = rng.uniform(0.0, 0.35) * self.extent[1] + 0.5 * height * cfg.size
        if self._crowd:
            centre[1] = (self._crowd[1] + rng.normal(0, 0.04)) * self.extent[1] - 0.5 * (y1 - y0) * scale
        matrix = np.column_stack([linear, centre - linear @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])])
        box = person_box(apply_matrix(matrix, portrait.joints))
        inside = np.clip(box, 0, np.tile(self.extent, 2))
        share = _area(inside) / _area(box)
        return matrix, inside if share >= cfg.least_inside else None


def _area(box: Array) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _choose(sources: Sources, cfg: SceneConfig, rng: np.random.Generator, complete: bool) -> Portrait:
    """A random portrait; complete ones can be cut out."""
    upright = rng.random() < cfg.upright
    drawn = complete and sources.rendered and cfg.rendered > 0 and rng.random() < cfg.rendered
    portraits = sources.rendered if drawn else sources.portraits
    while True:
        portrait = portraits[int(rng.integers(len(portraits)))]
        if (portrait.complete or not complete) and (portrait.upright or not upright):
            return portrait
