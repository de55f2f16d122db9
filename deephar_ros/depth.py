"""How far a person is away: from a depth image, or from the size of an average body."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from deephar_ros.body_size import metres_per_pixel, root_depth
from deephar_ros.camera import PinholeCamera
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout

Floats = NDArray[np.float64]

PATCH = 5
"""Side, in pixels of the depth image, of the square whose median is the depth of a joint; odd."""

TORSO = ("pelvis", "spine", "thorax", "neck", "left_hip", "right_hip", "left_shoulder", "right_shoulder")
"""Joints broad enough that a depth image shows the body there, not what is behind it."""

TORSO_SURFACE, LIMB_SURFACE = 0.09, 0.05
"""Metres from the body's surface, which a sensor sees, in to the joint: medians over 432 frames of UTD-MHAD (Kinect's
skeleton against its own depth image, four people facing it): pelvis 0.11, hips 0.10, shoulders 0.08, neck 0.07; head
0.12, knees 0.08, ankles 0.05, elbows 0.04, wrists 0.03."""

CONFIDENT = 0.5
"""Confidence from which a torso joint may tell the depth of the body."""

REACH = 1.0
"""Metres before and behind the pelvis within which a depth can belong to the same person."""


class DepthSource(IntEnum):
    """As in Skeleton3D.msg: what the positions of a person rest on."""

    RELATIVE = 0
    PRIOR = 1
    SENSOR = 2


@dataclass(frozen=True)
class DepthMap:
    """Distances along the optical axis, registered to the picture (same camera, any resolution).

    Attributes:
        values: (H, W) uint16, float32 or float64, any strides; 0, NaN and infinity mean unknown.
        metres: metres per unit of `values` (0.001 for 16UC1).
    """

    values: NDArray[np.generic]
    metres: float

    def at(self, pixels: Array, width: int, height: int) -> Floats:
        """Metres at (N, 2) pixels of a `width` x `height` picture, (N,); NaN where nothing was measured.

        Each is the median of the valid values in a patch, of two middle ones the nearer: a value that was measured,
        never one between the body and the wall.
        """
        rows, columns = self.values.shape
        centre = np.floor(np.asarray(pixels, np.float64) * [columns / width, rows / height])
        steps = np.arange(PATCH) - PATCH // 2
        x, y = np.broadcast_arrays(centre[:, 0, None, None] + steps, centre[:, 1, None, None] + steps[:, None])
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        patches = np.full(x.shape, np.nan)
        patches[inside] = self.values[y[inside].astype(int), x[inside].astype(int)]
        patches[~((patches > 0) & np.isfinite(patches))] = np.nan
        ordered = np.sort(patches.reshape(len(patches), -1))  # NaN last
        middle = np.maximum(np.isfinite(ordered).sum(1) - 1, 0) // 2
        return ordered[np.arange(len(ordered)), middle] * self.metres


def locate(
    joints: Array,
    z: Array,
    confidence: Array,
    layout: Layout,
    camera: PinholeCamera | None,
    depth: DepthMap | None,
    size: tuple[int, int],
) -> tuple[Array, DepthSource]:
    """Where the joints of one person are.

    Args:
        joints: (J, 2) pixels.
        z: (J,) metres behind any common origin, as the network tells; NaN if it cannot.
        confidence: (J,) in [0, 1].
        layout: order of the joints; it has a pelvis.
        size: width and height of the picture.

    Returns:
        (J, 3) metres, optical axes, and what they rest on. RELATIVE: the origin is the pelvis. PRIOR and SENSOR: it is
        the camera. A joint whose z is unknown (NaN) has x and y as if it were as far away as the pelvis.
    """
    root = layout.index("pelvis")
    z = z - z[root]
    if camera is not None:
        rays = camera.rays(joints)
        samples = _samples(joints, layout, depth, size)
        source, distance = DepthSource.SENSOR, _sensed_root_depth(samples, z, confidence, layout)
        if np.isnan(distance):
            source, distance = DepthSource.PRIOR, root_depth(rays, z, confidence, layout)
        if np.isfinite(distance):
            along = distance + z if np.isfinite(z).all() else np.where(abs(samples - distance) < REACH, samples, np.nan)
            along[root] = distance
            across = rays * np.where(np.isnan(along), distance, along)[:, None]
            return np.column_stack([across, along]), source
    scale = metres_per_pixel(joints, z, layout)
    return np.column_stack([(joints - joints[root]) * scale, z]), DepthSource.RELATIVE


def _samples(joints: Array, layout: Layout, depth: DepthMap | None, size: tuple[int, int]) -> Floats:
    """(J,) metres to the joints by the depth image; NaN where it does not tell."""
    if depth is None:
        return np.full(len(joints), np.nan)
    return depth.at(joints, *size) + np.where(np.isin(layout.joints, TORSO), TORSO_SURFACE, LIMB_SURFACE)


def _sensed_root_depth(samples: Floats, z: Array, confidence: Array, layout: Layout) -> float:
    """Metres to the pelvis by the torso's samples; NaN if fewer than two joints tell."""
    telling = np.isin(layout.joints, TORSO) & (confidence >= CONFIDENT) & np.isfinite(samples)
    if telling.sum() < 2:
        return float("nan")
    behind_pelvis = z if np.isfinite(z).all() else np.zeros(len(z))
    return float(np.median((samples - behind_pelvis)[telling]))
