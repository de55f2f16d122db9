"""Where the picture is taken from, and which part of it shows the person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deephar_ros.data.synthetic.rotations import from_rotvec, unit
from deephar_ros.geometry import Array


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion; the picture is `size` pixels square.

    Attributes:
        turn: (3, 3) world to camera: right, down, forward.
        place: (3,) metres.
        focal: pixels.
        centre: (2,) where the optical axis meets the picture, pixels; outside of it where the picture is a crop.
    """

    turn: Array
    place: Array
    focal: float
    centre: Array
    size: int

    def project(self, points: Array) -> Array:
        """World (..., 3) -> column, row in pixels and depth in metres (..., 3)."""
        seen = (points - self.place) @ self.turn.T
        pixels = self.focal * seen[..., :2] / np.maximum(seen[..., 2:], 1e-3) + self.centre
        return np.concatenate([pixels, seen[..., 2:]], -1)


@dataclass(frozen=True)
class View:
    """How a person is looked at.

    Attributes:
        azimuth, elevation, roll: radians; azimuth 0 looks at the face of somebody who faces -y.
        distance: metres to the middle of the person.
        fill: largest extent of the person over the side of the picture; above 1 it is cut off.
        shift: (2,) of the person's middle from the picture's, in sides of it.
    """

    azimuth: float
    elevation: float
    roll: float
    distance: float
    fill: float
    shift: tuple[float, float]


TRUNCATED = 0.13
"""Share of the pictures that do not show all of the person."""

FILL, FAR_FILL, CUT_FILL = (0.5, 0.97), (0.25, 0.5), (0.9, 1.6)
"""Ranges of the fill of whole people, of those who are far away, and of those who are cut off."""

FAR = 0.15
"""Share of whole people who are far away."""


def draw_view(rng: np.random.Generator, reach: float) -> View:
    """A random view of somebody whose joints lie within `reach` metres of the middle."""
    kind = rng.random()
    if kind < 0.72:
        elevation = np.radians(rng.normal(6, 9))  # cameras at 1 to 2 metres
    elif kind < 0.94:
        elevation = np.radians(rng.uniform(10, 50))  # stands, ceilings, robots' heads
    else:
        elevation = np.radians(rng.uniform(-30, 0))
    roll = np.radians(rng.normal(0, 4) if rng.random() < 0.9 else rng.normal(0, 15))
    distance = max(float(np.exp(rng.uniform(np.log(1.8), np.log(10)))), 1.6 * reach)
    azimuth = float(rng.uniform(-np.pi, np.pi))
    if rng.random() < TRUNCATED:
        fill, room = float(rng.uniform(*CUT_FILL)), 0.3
    else:
        fill = float(rng.uniform(*(FAR_FILL if rng.random() < FAR else FILL)))
        room = (1 - fill) / 2 * 0.9
    shift = (float(rng.uniform(-room, room)), float(rng.uniform(-room, room)))
    return View(azimuth, float(elevation), float(roll), distance, fill, shift)


def aim(view: View, points: Array, size: int, drift: Array | None = None) -> Camera:
    """The camera that sees the bounds of world points (N, 3) as the view says.

    Args:
        drift: (3,) of what it looks at from the middle of the points, metres: off the axis, perspective is skewed.
    """
    middle = (points.min(0) + points.max(0)) / 2
    sin, cos = np.sin(view.elevation), np.cos(view.elevation)
    place = middle + view.distance * np.array([np.sin(view.azimuth) * cos, -np.cos(view.azimuth) * cos, sin])
    target = middle if drift is None else middle + drift
    forward = unit(target - place)
    right = unit(np.cross(forward, [0, 0, 1.0]))
    turn = from_rotvec(np.array([0, 0, view.roll])) @ np.stack([right, np.cross(forward, right), forward])
    flat = Camera(turn, place, 1.0, np.zeros(2), size).project(points)[:, :2]
    low, high = flat.min(0), flat.max(0)
    focal = view.fill * size / float((high - low).max())
    centre = size * (0.5 + np.array(view.shift)) - focal * (low + high) / 2
    return Camera(turn, place, focal, centre, size)
