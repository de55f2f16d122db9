"""The renderer's inner loops, compiled by numba: skinning, normals, the depth buffer and deferred shading.

Depth buffers hold nearness, which grows towards the camera: one over the depth, or for parallel light minus the
distance along it; 0 and below is nothing. Positions on the screen are columns and rows, pixel (0, 0) from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])
compiled = cast(Callable[[F], F], numba.njit(fastmath=True, cache=True))

A = Any  # arrays, whose types numba finds out by itself


@compiled
def skin(points: A, bones: A, weights: A, turns: A, shifts: A, out: A) -> None:
    """Linear blend skinning of points (V, 3) by (B, 3, 3) and (B, 3) into `out` (V, 3)."""
    for v in range(points.shape[0]):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        for i in range(3):
            total = np.float32(0)
            for k in range(bones.shape[1]):
                b = bones[v, k]
                r = turns[b, i]
                total += weights[v, k] * (r[0] * x + r[1] * y + r[2] * z + shifts[b, i])
            out[v, i] = total


@compiled
def vertex_normals(points: A, faces: A, out: A) -> None:
    """Area-weighted unit normals into `out` (V, 3)."""
    out[:] = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + np.float32(1e-12)
        for i in range(3):
            out[v, i] /= length


@compiled
def rasterise(screen: A, faces: A, culled: int, nearness: A, face: A) -> None:
    """Draws triangles of points (V, 3: column, row, nearness) into `nearness` and `face` (H, W).

    Of the first `culled` faces those that show their back are left out.
    """
    height, width = nearness.shape
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if screen[a, 2] <= 0 or screen[b, 2] <= 0 or screen[c, 2] <= 0:
            continue
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        left, right = max(int(np.floor(min(ax, bx, cx))), 0), min(int(np.ceil(max(ax, bx, cx))), width - 1)
        top, bottom = max(int(np.floor(min(ay, by, cy))), 0), min(int(np.ceil(max(ay, by, cy))), height - 1)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if left > right or top > bottom or area == 0 or (area > 0 and f < culled):
            continue
        for y in range(top, bottom + 1):
            py = y + np.float32(0.5)
            for x in range(left, right + 1):
                px = x + np.float32(0.5)
                u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w = 1 - u - v
                if u >= 0 and v >= 0 and w >= 0:
                    near = u * screen[a, 2] + v * screen[b, 2] + w * screen[c, 2]
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        face[y, x] = f


@compiled
def _sample(texture: A, column: float, row: float, channel: int) -> A:
    """Bilinear, repeating; `column` and `row` in tiles."""
    size = texture.shape[0]
    x, y = (column % 1.0) * size - 0.5, (row % 1.0) * size - 0.5
    i, j = int(np.floor(x)), int(np.floor(y))
    dx, dy = x - i, y - j
    i0, i1, j0, j1 = i % size, (i + 1) % size, j % size, (j + 1) % size
    above = texture[j0, i0, channel] * (1 - dx) + texture[j0, i1, channel] * dx
    below = texture[j1, i0, channel] * (1 - dx) + texture[j1, i1, channel] * dx
    return above * (1 - dy) + below * dy


@compiled
def _lit(shadow: A, to_light: A, x: float, y: float, z: float) -> float:
    """Share of 3 x 3 texels of the shadow map in which nothing is nearer to the light than the point."""
    column = to_light[0, 0] * x + to_light[0, 1] * y + to_light[0, 2] * z + to_light[0, 3]
    row = to_light[1, 0] * x + to_light[1, 1] * y + to_light[1, 2] * z + to_light[1, 3]
    near = to_light[2, 0] * x + to_light[2, 1] * y + to_light[2, 2] * z + to_light[2, 3]
    dark = 0
    for j in range(int(row) - 1, int(row) + 2):
        for i in range(int(column) - 1, int(column) + 2):
            if 0 <= i < shadow.shape[1] and 0 <= j < shadow.shape[0] and shadow[j, i] > near + 0.03:
                dark += 1
    return 1 - dark / 9.0


@compiled
def _mix(values: A, a: int, b: int, c: int, u: float, v: float, w: float) -> A:
    """The value at a point of a triangle, from those (V, 3) at its corners."""
    return (
        u * values[a, 0] + v * values[b, 0] + w * values[c, 0],
        u * values[a, 1] + v * values[b, 1] + w * values[c, 1],
        u * values[a, 2] + v * values[b, 2] + w * values[c, 2],
    )


@compiled
def _unit(vector: A) -> A:
    length = np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2) + 1e-9
    return vector[0] / length, vector[1] / length, vector[2] / length


@compiled
def shade(
    screen: A, faces: A, face: A, points: A, normals: A, rest: A, material: A, textures: A, tiles: A, gloss: A,
    shininess: A, eye: A, light: A, colour: A, below: A, above: A, shadow: A, to_light: A, out: A, alpha: A,
) -> None:  # fmt: skip
    """Colours (H, W, 3) and coverage (H, W) of what `rasterise` left in `face`, -1 for nothing.

    Lambert and Blinn shading by one light (direction, colour) and a sky: `above` from the top, `below` from the ground.
    Textures (M, S, S, 3) lie on the person at `rest` (V, 3), `tiles` (M,) times in a metre.
    """
    for y in range(face.shape[0]):
        for x in range(face.shape[1]):
            f = face[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            px, py = x + 0.5, y + 0.5
            ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
            u, v, w = u * screen[a, 2], v * screen[b, 2], (1 - u - v) * screen[c, 2]
            total = u + v + w
            u, v, w = u / total, v / total, w / total
            nx, ny, nz = _unit(_mix(normals, a, b, c, u, v, w))
            qx, qy, qz = _mix(points, a, b, c, u, v, w)
            ex, ey, ez = _unit((eye[0] - qx, eye[1] - qy, eye[2] - qz))
            if nx * ex + ny * ey + nz * ez < 0:
                nx, ny, nz = -nx, -ny, -nz
            diffuse = nx * light[0] + ny * light[1] + nz * light[2]
            m = material[f]
            shine = 0.0
            if diffuse > 0:
                diffuse *= _lit(shadow, to_light, qx, qy, qz)
                hx, hy, hz = _unit((light[0] + ex, light[1] + ey, light[2] + ez))
                shine = gloss[m] * max(nx * hx + ny * hy + nz * hz, 0.0) ** shininess[m] * (diffuse > 0)
            else:
                diffuse = 0.0
            rx, ry, rz = _mix(rest, a, b, c, u, v, w)
            column, row = (rx + 0.37 * ry) * tiles[m], -(rz + 0.13 * ry) * tiles[m]
            t = 0.5 + 0.5 * nz
            for k in range(3):
                lit = below[k] * (1 - t) + above[k] * t + colour[k] * diffuse
                out[y, x, k] = _sample(textures[m], column, row, k) * lit + shine * colour[k]
            alpha[y, x] = 1
