"""A dressed person: one mesh at rest, with a material for each face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.resample import Image
from deephar_ros.data.synthetic import textures
from deephar_ros.data.synthetic.anatomy import Anatomy
from deephar_ros.data.synthetic.body import Body, Figure
from deephar_ros.data.synthetic.garments import Garment, Wardrobe
from deephar_ros.data.synthetic.kernels import vertex_normals
from deephar_ros.geometry import Array

SKIN, TOP, BOTTOM, SHOE, HAIR, EYE, LIPS = range(7)

_TEXTILE = (TOP, BOTTOM, SHOE)
_SLEEVES = {-1.0: 0.07, 0.35: 0.2, 0.5: 0.25, 0.9: 0.05, 1.6: 0.13, 1.9: 0.30}
_TROUSERS = {0.05: 0.04, 0.3: 0.12, 0.55: 0.14, 0.8: 0.1, 1.6: 0.15, 1.95: 0.45}
"""Where they end along the limb (see `Anatomy.along`), and how often."""


class Outfit(NamedTuple):
    """What is skinned and drawn.

    Attributes:
        vertices: (n, 3) at rest; the body's V come first.
        rest: (n, 3) places of the texture.
        bones, weights: (n, k).
        faces: (f, 3); of the first `culled` the back is never seen.
        material: (f,), index into `textures` (M, S, S, 3), `tiles`, `gloss` and `shininess` (M,).
    """

    vertices: NDArray[np.float32]
    rest: NDArray[np.float32]
    bones: NDArray[np.int32]
    weights: NDArray[np.float32]
    faces: NDArray[np.int32]
    culled: int
    material: NDArray[np.int32]
    textures: NDArray[np.float32]
    tiles: NDArray[np.float32]
    gloss: NDArray[np.float32]
    shininess: NDArray[np.float32]


def dress(
    body: Body, anatomy: Anatomy, figure: Figure, wardrobe: Wardrobe, rng: np.random.Generator, print_: Image | None
) -> Outfit:
    """Somebody dressed at random: painted clothes that stand off the skin, or meshes of the wardrobe.

    Args:
        print_: a picture that some cloth is printed with.
    """
    region, waist = _paint(body, anatomy, rng)
    worn: list[tuple[Garment, int]] = []
    if wardrobe.suits and rng.random() < 0.45:
        region[np.isin(region, _TEXTILE)] = SKIN
        worn.append((wardrobe.suits[int(rng.integers(len(wardrobe.suits)))], TOP))
        if wardrobe.shoes:
            worn.append((wardrobe.shoes[int(rng.integers(len(wardrobe.shoes)))], SHOE))
    if wardrobe.hair and rng.random() < 0.55:
        worn.append((wardrobe.hair[int(rng.integers(len(wardrobe.hair)))], HAIR))
    own = _loosened(body, figure, region, rng)
    return _join(body, anatomy, figure, own, region, waist, worn, rng, print_)


def _pick(table: dict[float, float], rng: np.random.Generator) -> float:
    return float(rng.choice(list(table), p=list(table.values())))


def _paint(body: Body, anatomy: Anatomy, rng: np.random.Generator) -> tuple[NDArray[np.int64], float]:
    """Material of each vertex of the body, and the height of the waist."""
    z = body.template.vertices[:, 2]
    trunk = anatomy.neck - anatomy.hips
    waist = anatomy.hips + trunk * rng.uniform(-0.02, 0.25)
    neckline = anatomy.neck + trunk * rng.uniform(-0.20, -0.06)
    region = np.zeros(len(z), np.int64)
    arm, leg = anatomy.of("upperarm") | anatomy.of("forearm"), anatomy.of("thigh") | anatomy.of("shank")
    if rng.random() > 0.05:
        region[anatomy.of("trunk") & (z > waist) & (z < neckline)] = TOP
        region[arm & (anatomy.along < _pick(_SLEEVES, rng))] = TOP
    region[anatomy.of("trunk") & (z <= waist)] = BOTTOM
    region[leg & (anatomy.along < _pick(_TROUSERS, rng))] = BOTTOM
    if rng.random() < 0.85:
        region[anatomy.of("foot")] = SHOE
    if rng.random() < 0.5:
        region[anatomy.of("shank") & (anatomy.along > rng.uniform(1.7, 1.9)) & (region == SKIN)] = SHOE
    if rng.random() < 0.93:
        region[_scalp(anatomy, rng)] = HAIR
    return region, float(waist)


def _scalp(anatomy: Anatomy, rng: np.random.Generator) -> NDArray[np.bool_]:
    _, y, z = anatomy.from_eyes.T
    behind = (y > 0.037) | (z > 0.041 + rng.uniform(0, 0.03))
    return anatomy.of("head") & (z > -0.02) & behind & (z + 0.9 * y > 0.055)


def _loosened(body: Body, figure: Figure, region: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """The body's vertices, pushed out where they are cloth or hair."""
    away = np.zeros(len(region), np.float32)
    loose = {TOP: (0.004, 0.010, 0.018), BOTTOM: (0.003, 0.010, 0.020)}
    for material, steps in loose.items():
        away[region == material] = rng.choice(steps, p=[0.4, 0.4, 0.2])
    away[region == SHOE], away[region == HAIR] = 0.006, rng.uniform(0.006, 0.025)
    x, _, z = body.template.vertices.T
    a, b, c = rng.uniform(0, 6, 3)
    wrinkles = np.sin(40 * x + a + 2 * np.sin(25 * z + b)) * np.sin(30 * z + c)
    normals = np.empty(figure.vertices.shape, np.float32)
    vertex_normals(np.ascontiguousarray(figure.vertices, np.float32), body.faces, normals)
    return figure.vertices + normals * (away * (1 + 0.35 * wrinkles))[:, None]


def _face_materials(body: Body, anatomy: Anatomy, region: NDArray[np.int64], beard: bool) -> NDArray[np.int64]:
    """(F,) of the body's faces: what was painted, eyes, brows, lips, maybe a beard."""
    faces = body.faces
    corners = region[faces]
    material = np.where(corners[:, 0] == corners[:, 1], corners[:, 0], corners[:, 2])
    middle = anatomy.from_eyes[faces].mean(1)
    x, y, z = np.abs(middle[:, 0]), middle[:, 1], middle[:, 2]
    face = anatomy.of("head")[faces[:, 0]] & ~anatomy.is_eye[faces[:, 0]]
    if beard:
        material[face & (material == SKIN) & (y < 0.067) & (z > -0.114) & (z < -0.069) & (x < 0.055)] = HAIR
    material[face & (y < 0.027) & (z > 0.016) & (z < 0.024) & (x > 0.015) & (x < 0.048)] = HAIR
    material[face & (y < -0.008) & (z < -0.059) & (z > -0.076) & (x < 0.024)] = LIPS
    material[anatomy.is_eye[faces[:, 0]] & (y < 0.027) & (z > -0.04)] = EYE
    return material


def _join(
    body: Body, anatomy: Anatomy, figure: Figure, own: Array, region: NDArray[np.int64], waist: float,
    worn: Sequence[tuple[Garment, int]], rng: np.random.Generator, print_: Image | None,
) -> Outfit:  # fmt: skip
    vertices, rest = [own], [body.template.vertices]
    bones, weights = [body.influence.bones], [body.influence.weights]
    material, faces = [_face_materials(body, anatomy, region, bool(rng.random() < 0.15))], []
    hidden = np.zeros(len(own), bool)
    count = len(own)
    for garment, kind in worn:
        at = garment.fit(body.template.vertices)
        vertices.append(garment.fit(figure.vertices))
        rest.append(at)
        bones.append(garment.influence.bones)
        weights.append(garment.influence.weights)
        faces.append(garment.faces + count)
        middle = at[garment.faces].mean(1)
        lower = (middle[:, 2] < waist) & (np.abs(middle[:, 0]) < 0.3)
        material.append(np.where(lower, BOTTOM, TOP) if kind == TOP else np.full(len(garment.faces), kind))
        hidden[garment.hidden] = True
        count += len(at)
    seen = ~hidden[body.faces].all(1)
    material[0] = material[0][seen]
    tiles = [3, *rng.uniform(1.2, 4, 2), 6, 5, 1, 3]
    return Outfit(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(rest).astype(np.float32),
        np.concatenate(bones),
        np.concatenate(weights),
        np.ascontiguousarray(np.concatenate([body.faces[seen], *faces]), np.int32),
        int(seen.sum()),
        np.concatenate(material).astype(np.int32),
        _textures(rng, print_),
        np.asarray(tiles, np.float32),
        np.array([0.06, 0.02, 0.02, 0.08, 0.10, 0.3, 0.1], np.float32),
        np.array([12, 8, 8, 16, 20, 30, 12], np.float32),
    )


def _textures(rng: np.random.Generator, print_: Image | None) -> NDArray[np.float32]:
    skin = textures.skin(rng)
    top, bottom, shoe = (textures.cloth(rng, print_) for _ in range(3))
    dark = np.full_like(skin, 0.05)
    lips = np.clip(skin * np.array([0.9, 0.55, 0.55]), 0, 1)
    return np.stack([skin, top, bottom, shoe * rng.uniform(0.3, 1), textures.hair(rng), dark, lips]).astype(np.float32)
