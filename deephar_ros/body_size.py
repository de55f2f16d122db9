"""The size of an average body as a measure: of the scale of a person in the image, and of the distance."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.geometry import Array
from deephar_ros.skeleton import LIMB_LENGTHS, Layout

SEEN_IN_FULL = 0.8
"""Quantile of the limbs, by how long they look, that counts as seen in full length when depth is unknown."""

FIT_STEPS = 6
"""Gauss-Newton steps; a sixth moves the distance by less than 1 mm, even where z is wrong by 0.1 m."""


class _Limbs(NamedTuple):
    """Indices of the joints at both ends, and metres between them."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    length: NDArray[np.float64]


@lru_cache
def _limbs(layout: Layout) -> _Limbs:
    pairs = [(layout.index(a), layout.index(b)) for a, b in LIMB_LENGTHS]
    first, second = np.array(pairs, np.intp).T
    return _Limbs(first, second, np.array(list(LIMB_LENGTHS.values())))


def metres_per_pixel(joints: Array, depth: Array, layout: Layout) -> float:
    """Scale of a person in the image by the size of an average body (weak perspective).

    Args:
        joints: (J, 2) pixels.
        depth: (J,) metres, any origin; NaN if unknown.
        layout: order of the joints.

    Returns:
        Metres per pixel; NaN if too few limbs have a length in the image. With known depth: the scale that fits the
        lengths of the limbs best. Without: limbs look shorter than they are, so the longest-looking fifth sets the
        scale.
    """
    first, second, length = _limbs(layout)
    seen = np.linalg.norm(joints[first] - joints[second], axis=-1)
    if not np.isfinite(seen).all() or seen.max() <= 0:
        return float("nan")
    along = depth[first] - depth[second]
    if np.isnan(along).any():
        full = _seen_in_full(seen / length, np.ones(len(length)))
        return 1 / full if full > 0 else float("nan")
    across = np.sqrt(np.maximum(length**2 - along**2, 0))
    return float((seen @ across) / (seen @ seen))


def root_depth(rays: Array, z: Array, confidence: Array, layout: Layout) -> float:
    """Distance of a person along the optical axis by the size of an average body.

    Args:
        rays: (J, 2) X/Z and Y/Z of the joints; NaN: unknown.
        z: (J,) metres behind the pelvis; NaN if unknown.
        confidence: (J,) in [0, 1]; a limb weighs as much as its two joints are certain.
        layout: order of the joints.

    Returns:
        Metres from the camera to the pelvis; NaN if no limb tells. With known z: the distance that fits the lengths of
        the limbs best. Without: as `metres_per_pixel`. People differ from the average, and so does the distance
        from the truth: test_body_size.py measures it.
    """
    first, second, length = _limbs(layout)
    across = rays[first] - rays[second]
    seen = np.linalg.norm(across, axis=-1)
    weight = confidence[first] * confidence[second]
    use = (seen > 0) & (weight > 0)  # NaN is not greater than 0
    if not use.any():
        return float("nan")
    distance = 1 / _seen_in_full((seen / length)[use], weight[use])
    if not np.isfinite(z).all():
        return distance
    # With the pelvis at distance d, a limb reaches over across * d + shift sideways and over `along` in depth.
    shift = rays[first] * z[first, None] - rays[second] * z[second, None]
    along = z[first] - z[second]
    across, shift, along, length, weight = (part[use] for part in (across, shift, along, length, weight))
    for _ in range(FIT_STEPS):
        sideways = across * distance + shift
        found = np.hypot(np.linalg.norm(sideways, axis=-1), along)
        slope = (sideways * across).sum(-1) / found
        distance -= float((weight * slope) @ (found - length) / ((weight * slope) @ slope))
    return distance if distance + z.min() > 0 else float("nan")


def _seen_in_full(ratios: Array, weights: Array) -> float:
    """The weighted quantile SEEN_IN_FULL of the ratios (B,); with equal weights that of np.quantile."""
    order = np.argsort(ratios)
    reached = np.cumsum(weights[order]) - weights[order]
    return float(np.interp(SEEN_IN_FULL * reached[-1], reached, ratios[order]))
