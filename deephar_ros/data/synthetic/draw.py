"""The picture of a dressed person: depth buffer, shadow, shading, and the ground's shadow on the background."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.backdrop import Light
from deephar_ros.data.synthetic.camera import Camera
from deephar_ros.data.synthetic.kernels import rasterise, shade, skin, vertex_normals
from deephar_ros.data.synthetic.outfit import Outfit
from deephar_ros.data.synthetic.rotations import unit
from deephar_ros.geometry import Array

SMOOTH = 2
"""Rows and columns of samples in a pixel."""

SHADOW_MAP, GROUND_MAP = 192, 128
"""Pixels of the side of the map that shadows on the person, and of that which the shadow on the ground is drawn in."""


class Drawn(NamedTuple):
    """One person before a background.

    Attributes:
        colour: (size, size, 3), multiplied by the coverage.
        alpha: (size, size) coverage, 0..1.
        depth: (SMOOTH size, SMOOTH size) metres from the camera, infinite where nobody is.
    """

    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    depth: NDArray[np.float32]


def move(outfit: Outfit, turns: Array, shifts: Array) -> NDArray[np.float32]:
    """Vertices (n, 3) of the outfit in one pose: bones (B, 3, 3) and (B, 3) of `Placed`."""
    moved = np.empty_like(outfit.vertices)
    skin(
        outfit.vertices,
        outfit.bones,
        outfit.weights,
        np.asarray(turns, np.float32),
        np.asarray(shifts, np.float32),
        moved,
    )
    return moved


def draw(outfit: Outfit, vertices: NDArray[np.float32], camera: Camera, light: Light) -> Drawn:
    """Renders the moved outfit."""
    normals = np.empty_like(vertices)
    vertex_normals(vertices, outfit.faces, normals)
    side = camera.size * SMOOTH
    screen, eye = _on_screen(camera.project(vertices), SMOOTH), np.asarray(camera.place, np.float32)
    nearness, face = _buffers(side)
    rasterise(screen, outfit.faces, outfit.culled, nearness, face)
    direction = np.asarray(light.direction, np.float32)
    to_light, shadow = _shadow_map(outfit, vertices, direction)
    colour, alpha = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32)
    lamp, below, above = (np.asarray(part, np.float32) for part in (light.colour, light.below, light.above))
    shade(
        screen, outfit.faces, face, vertices, normals, outfit.rest, outfit.material, outfit.textures, outfit.tiles,
        outfit.gloss, outfit.shininess, eye, direction, lamp, below, above, shadow, to_light,
        colour, alpha,
    )  # fmt: skip
    size = (camera.size, camera.size)
    with np.errstate(divide="ignore"):
        depth = np.float32(1) / nearness
    small = [cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (colour, alpha)]
    return Drawn(small[0], small[1], depth)


def ground_shadow(outfit: Outfit, vertices: NDArray[np.float32], camera: Camera, light: Light) -> Array:
    """(size, size) by which the background is multiplied where the person keeps the light from the ground z = 0."""
    high = light.direction if light.direction[2] > 0.25 else unit(np.append(light.direction[:2], 0.5))
    flat = vertices - (vertices[:, 2:] / high[2]) * high
    screen = _on_screen(camera.project(flat), GROUND_MAP / camera.size)
    nearness, face = _buffers(GROUND_MAP)
    rasterise(screen, outfit.faces, 0, nearness, face)
    dark = cv2.GaussianBlur((face >= 0).astype(np.float32), (0, 0), light.softness)
    return np.asarray(1 - light.shade * cv2.resize(dark, (camera.size, camera.size)))


def _on_screen(projected: Array, scale: float) -> NDArray[np.float32]:
    """Columns and rows scaled, and nearness; 0 for what is behind the camera or touches it."""
    near = np.where(projected[:, 2] > 0.05, 1 / np.maximum(projected[:, 2], 0.05), 0)
    return np.column_stack([projected[:, :2] * scale, near]).astype(np.float32)


def _buffers(side: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    return np.zeros((side, side), np.float32), np.full((side, side), -1, np.int32)


def _shadow_map(outfit: Outfit, vertices: NDArray[np.float32], light: Array) -> tuple[Array, NDArray[np.float32]]:
    """The map (3, 4) from the world to a picture as seen from the lamp, and that picture's nearness."""
    low, high = vertices.min(0), vertices.max(0)
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    across = unit(np.cross(light, [0.3, 0.2, 1.0]))
    scale = SHADOW_MAP / 2 / radius
    rows = [across * scale, np.cross(light, across) * scale, light]
    offsets = [SHADOW_MAP / 2 - rows[0] @ middle, SHADOW_MAP / 2 - rows[1] @ middle, radius + 0.5 - light @ middle]
    to_light = np.column_stack([np.stack(rows), offsets]).astype(np.float32)
    nearness, face = _buffers(SHADOW_MAP)
    rasterise((vertices @ to_light[:, :3].T + to_light[:, 3]).astype(np.float32), outfit.faces, 0, nearness, face)
    return to_light, nearness
