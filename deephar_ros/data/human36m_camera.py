"""The cameras of Human3.6M as the released code models them (SPNET.md section 3.7). Lengths are in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deephar_ros.geometry import Array


@dataclass(frozen=True)
class Human36MCamera:
    """A pinhole camera with radial and tangential distortion.

    Attributes:
        rotation: (3, 3) from world to camera axes.
        translation: (3,) position of the camera in the world, mm.
        focal: (2,) pixels.
        centre: (2,) principal point, pixels.
        radial: (3,) k1, k2, k3.
        tangential: (2,) p1, p2 as in the file.
        crossed: which of p goes with which axis. False is the released code: p1 with x, p2 with y. True is what the
            data set's own parameters mean (and OpenCV's): p2 with x, p1 with y. Whether the authors' file holds p
            swapped is not known; with a typical camera the choice moves joints by less than a tenth of a pixel.
    """

    rotation: Array
    translation: Array
    focal: Array
    centre: Array
    radial: Array
    tangential: Array
    crossed: bool = False

    def project(self, world: Array) -> Array:
        """(..., 3) world mm -> (..., 3): column and row in pixels, depth in mm."""
        camera = (world - self.translation) @ self.rotation.T
        depth = camera[..., 2:]
        plane = camera[..., :2] / depth
        factor, offset = self._distortion(plane)
        return np.concatenate([self.focal * (plane * factor + offset) + self.centre, depth], -1)

    def unproject(self, pixels: Array) -> Array:
        """(..., 3) column and row in pixels, depth in mm -> (..., 3) world mm.

        The distortion is taken where the distorted point is, one step without iterating, as in the released code: 0.1
        to 0.2 mm off for a person in the room. Scores in the paper contain that error.
        """
        depth = pixels[..., 2:]
        distorted = (pixels[..., :2] - self.centre) / self.focal
        factor, offset = self._distortion(distorted)
        plane = (distorted - offset) / factor
        return np.concatenate([plane * depth, depth], -1) @ self.rotation + self.translation

    def _distortion(self, plane: Array) -> tuple[Array, Array]:
        """Factor (..., 1) and offset (..., 2) by which lenses move the points (..., 2) of the plane at depth 1."""
        tangential = self.tangential[::-1] if self.crossed else self.tangential
        square = (plane**2).sum(-1, keepdims=True)
        k1, k2, k3 = self.radial
        radial = 1 + k1 * square + k2 * square**2 + k3 * square**3
        return radial + (plane * tangential).sum(-1, keepdims=True), square * tangential
