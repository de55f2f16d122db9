"""Rotations as matrices (..., 3, 3) and as unit quaternions (..., 4), scalar first."""

from __future__ import annotations

import numpy as np

from deephar_ros.geometry import Array


def unit(vectors: Array) -> Array:
    """(..., 3) scaled to length one; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def about(axis: int, angle: Array | float) -> Array:
    """Turn about the x, y or z axis (0, 1, 2) by (...) radians -> (..., 3, 3)."""
    angle = np.asarray(angle, float)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., a, a] = matrix[..., b, b] = cos
    matrix[..., b, a], matrix[..., a, b] = sin, -sin
    return matrix


def frame(first: Array, second: Array) -> Array:
    """Columns: `first`, what of `second` is at right angles to it, and their cross product; (..., 3) -> (..., 3, 3)."""
    a = unit(first)
    b = unit(second - (second * a).sum(-1, keepdims=True) * a)
    return np.stack([a, b, np.cross(a, b)], -1)


def upright(left: Array, up: Array) -> Array:
    """The turn of a trunk whose left is exactly `left` and whose up is nearest to `up`."""
    x = unit(left)
    z = unit(up - (up * x).sum(-1, keepdims=True) * x)
    return np.stack([x, np.cross(z, x), z], -1)


def from_rotvec(vector: Array) -> Array:
    """Axis times angle in radians (..., 3) -> (..., 3, 3)."""
    angle = np.linalg.norm(vector, axis=-1)
    half = np.where(angle < 1e-8, 0.5, np.sin(angle / 2) / np.maximum(angle, 1e-8))
    return from_quaternion(np.concatenate([np.cos(angle / 2)[..., None], vector * half[..., None]], -1))


def from_quaternion(q: Array) -> Array:
    """(..., 4) -> (..., 3, 3); scaled to length one first."""
    w, x, y, z = np.moveaxis(q / np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-9), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def to_quaternion(matrix: Array) -> Array:
    """(..., 3, 3) -> (..., 4), by the largest of the four components, so that no turn is near a division by zero."""
    m = [[matrix[..., i, j] for j in range(3)] for i in range(3)]
    trace = m[0][0] + m[1][1] + m[2][2]
    squares = np.stack([1 + trace] + [1 - trace + 2 * m[i][i] for i in range(3)], -1)
    candidates = np.stack(
        [
            np.stack([squares[..., 0], m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]], -1),
            np.stack([m[2][1] - m[1][2], squares[..., 1], m[0][1] + m[1][0], m[0][2] + m[2][0]], -1),
            np.stack([m[0][2] - m[2][0], m[0][1] + m[1][0], squares[..., 2], m[1][2] + m[2][1]], -1),
            np.stack([m[1][0] - m[0][1], m[0][2] + m[2][0], m[1][2] + m[2][1], squares[..., 3]], -1),
        ],
        -2,
    )
    best = np.argmax(squares, -1)[..., None, None]
    q = np.take_along_axis(candidates, best, -2)[..., 0, :]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def slerp(a: Array, b: Array, share: Array | float) -> Array:
    """The turn `share` of the way from `a` to `b` (matrices), along the shorter arc; `share` broadcasts with (...)."""
    p, q = to_quaternion(a), to_quaternion(b)
    dot = (p * q).sum(-1)
    q = q * np.where(dot < 0, -1.0, 1.0)[..., None]
    angle = np.arccos(np.clip(np.abs(dot), 0, 1))
    angle, share = np.broadcast_arrays(angle, np.asarray(share, float))
    sine = np.sin(angle)
    straight = sine < 1e-6
    safe = np.where(straight, 1.0, sine)
    first = np.where(straight, 1 - share, np.sin((1 - share) * angle) / safe)
    second = np.where(straight, share, np.sin(share * angle) / safe)
    return from_quaternion(first[..., None] * p + second[..., None] * q)


def mean_rotation(matrices: Array) -> Array:
    """(N, 3, 3) -> the rotation (3, 3) nearest to their mean."""
    u, _, v = np.linalg.svd(matrices.mean(0))
    return u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
