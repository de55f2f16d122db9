"""How well a localizer finds people: on held-out composites, real pictures, and pictures without people."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.data.composites import SceneConfig, random_scene
from deephar_ros.data.cutouts import Sources, person_box
from deephar_ros.data.resample import Image
from deephar_ros.geometry import Array, Box
from deephar_ros.localizer.decode import iou
from deephar_ros.localizer.localizer import Localizer

Mask = NDArray[np.bool_]

LEAST_SCORE = 0.05
"""Detections are counted from here on, so that every threshold above it can be looked up afterwards."""


@dataclass(frozen=True)
class Found:
    """All detections in a set of pictures.

    Attributes:
        score: (N,) of each detection.
        correct: (N,) True where it is the best one for a person, at IoU 0.5 or more.
        people: how many people there are.
        pictures: how many pictures.
    """

    score: Array
    correct: Mask
    people: int
    pictures: int

    def recall(self, threshold: float) -> float:
        return float((self.correct & (self.score >= threshold)).sum() / max(1, self.people))

    def precision(self, threshold: float) -> float:
        """NaN where nothing was found."""
        kept = self.score >= threshold
        return float(self.correct[kept].mean()) if kept.any() else float("nan")

    def false_per_picture(self, threshold: float) -> float:
        return float((~self.correct & (self.score >= threshold)).sum() / self.pictures)


PLAIN = SceneConfig(real=0)

ROOMS = SceneConfig(real=0, rendered=0.5, crowded=0.5, furniture=0.3)
"""Harder composites: half of the people are rendered, many scenes are crowds, and things hide legs."""


def match(found: Sequence[Box], truth: Array, least_iou: float = 0.5) -> list[bool]:
    """For each box found, best first, whether it is the first on one of the true boxes (N, 4)."""
    if not found:
        return []
    shared = iou(np.array(found), truth)
    correct = []
    for row in shared:
        best = int(row.argmax()) if row.size else -1
        correct.append(best >= 0 and bool(row[best] >= least_iou))
        if correct[-1]:
            shared[:, best] = 0
    return correct


def on_composites(
    localizer: Localizer, sources: Sources, pictures: int, seed: int = 0, kind: SceneConfig = PLAIN
) -> Found:
    """Scenes of the localizer's own input size with pasted people; those hidden by others count neither way."""
    cfg = replace(kind, size=localizer.spec.input_size)
    scenes = (random_scene(sources, cfg, np.random.default_rng((seed, i))) for i in range(pictures))
    return _collect(localizer, ((s.pixels, s.boxes, s.weight > 0) for s in scenes))


def on_portraits(localizer: Localizer, sources: Sources) -> Found:
    """Real pictures with one annotated person each. Others may stand there, so only the recall means something."""
    return _collect(localizer, ((p.pixels, person_box(p.joints)[None], None) for p in sources.portraits), clip=True)


def on_backgrounds(localizer: Localizer, sources: Sources) -> Found:
    """Real pictures without people: every detection is false."""
    return _collect(localizer, ((picture, np.zeros((0, 4)), None) for picture in sources.backgrounds))


def _collect(localizer: Localizer, pictures: Iterator[tuple[Image, Array, Mask | None]], clip: bool = False) -> Found:
    """Runs over pictures, their true boxes, and where detections count at all."""
    scores: list[float] = []
    correct: list[bool] = []
    people = count = 0
    for pixels, truth, counts in pictures:
        height, width = pixels.shape[:2]
        truth = np.clip(truth, 0, [width, height, width, height]) if clip else truth
        found = localizer(pixels, threshold=LEAST_SCORE)
        right = match(found, truth)
        kept = [ok or counts is None or _counts(box, counts) for box, ok in zip(found, right, strict=True)]
        scores += [box.score for box, keep in zip(found, kept, strict=True) if keep]
        correct += [ok for ok, keep in zip(right, kept, strict=True) if keep]
        people, count = people + len(truth), count + 1
    return Found(np.array(scores), np.array(correct, bool), people, count)


def _counts(box: Box, counts: Mask) -> bool:
    x, y = int((box.left + box.right) / 2), int((box.top + box.bottom) / 2)
    return bool(counts[min(y, counts.shape[0] - 1), min(x, counts.shape[1] - 1)])


def milliseconds(localizer: Localizer, width: int, height: int, threads: int, repeats: int = 40) -> float:
    """Median time of one frame of that size on `threads` CPU threads, resizing and decoding included."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    frame = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    times = []
    for _ in range(repeats + 5):
        start = time.perf_counter()
        localizer(frame)
        times.append(time.perf_counter() - start)
    torch.set_num_threads(before)
    return 1e3 * float(np.median(times[5:]))
