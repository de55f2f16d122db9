"""How far a backend may be from the network in float32 in PyTorch on the CPU, and how far it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deephar_ros.backend.base import Backend, Crops, Prediction


class Difference(NamedTuple):
    """Of one backend from the reference, over pictures of people.

    Attributes:
        coordinates: of joints, normalised: times the side of the crop it is pixels of the crop.
        typical: the same, 99 of 100 coordinates are nearer.
        confidence: of joints.
        features: over the largest feature.
        probabilities: of actions; 0 for a network without actions.
    """

    coordinates: float
    typical: float
    confidence: float
    features: float
    probabilities: float


TOLERANCES = {
    "float32": Difference(1e-4, 1e-5, 1e-4, 1e-4, 1e-4),
    "float16": Difference(0.01, 0.002, 0.02, 0.02, 0.02),
    "bfloat16": Difference(0.06, 0.015, 0.1, 0.1, 0.1),
    "int8": Difference(0.2, 0.05, 0.4, 0.3, 0.3),
}
"""By precision, on any device. A joint that the network sees in two places moves most, by rounding alone."""


def difference(backend: Backend, reference: Backend, crops: Crops, stride: int = 1) -> Difference:
    """Compares two backends that have loaded the same checkpoint.

    Args:
        crops: (N, S, S, 3) of pictures, N at least the frames of a clip; clips are of crops that follow each other.
        stride: crops between the beginnings of two clips.
    """
    ours, theirs = _predict(backend, crops), _predict(reference, crops)
    moved = np.abs(ours.poses - theirs.poses)
    largest = np.abs(theirs.features).max(initial=1e-9)
    frames = reference.spec.clip_frames
    starts = range(0, len(crops) - frames + 1, stride)
    clips = np.stack([theirs.features[start : start + frames] for start in starts])
    sets = zip(backend.classify(clips), reference.classify(clips), strict=True)
    return Difference(
        coordinates=float(moved[..., :-1].max()),
        typical=float(np.quantile(moved[..., :-1], 0.99)),
        confidence=float(moved[..., -1].max()),
        features=float(np.abs(ours.features - theirs.features).max(initial=0.0) / largest),
        probabilities=max((float(np.abs(a - b).max()) for a, b in sets), default=0.0),
    )


def beyond(found: Difference, allowed: Difference) -> list[str]:
    """Names of what differs by more than is allowed, or is not a number."""
    return [name for name, value, most in zip(found._fields, found, allowed, strict=True) if not value <= most]


def _predict(backend: Backend, crops: Crops, batch: int = 16) -> Prediction:
    parts = [backend.predict(crops[start : start + batch]) for start in range(0, len(crops), batch)]
    return Prediction(*(np.concatenate(rows) for rows in zip(*parts, strict=True)))
