"""One rendered picture of one person, drawn from a seed and a number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.resample import Image
from deephar_ros.data.synthetic.assets import Assets
from deephar_ros.data.synthetic.backdrop import Light, draw_light
from deephar_ros.data.synthetic.camera import Camera, aim, draw_view
from deephar_ros.data.synthetic.draw import SMOOTH, Drawn, draw, ground_shadow
from deephar_ros.data.synthetic.occluders import SHARE, draw_occluders
from deephar_ros.data.synthetic.people import Person, draw_company, draw_person
from deephar_ros.data.synthetic.poses import PoseSource
from deephar_ros.geometry import Array

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
"""What is seen of a joint: it is outside of the picture, behind something (the person's own body, too), or seen."""

LEAST_JOINTS = 7
"""Of 17 that are in the picture."""

MOST_HIDDEN = 0.45
"""Share of the joints that other things hide."""

FLESH = 0.13
"""Metres that a joint may lie under the surface that is seen in front of it."""


@dataclass(frozen=True)
class Still:
    """A picture (size, size, 3) RGB and what is known of it.

    Attributes:
        picture: of a cut-out RGBA, (size, size, 4).
        joints: (17, 3) PA17: column and row in pixels, depth from the camera in mm.
        visibility: (17,) of OUTSIDE, HIDDEN, VISIBLE.
        camera: its turn and place are in the person's world.
        subject: row of the body's shapes.
        motion: what the pose comes from.
    """

    picture: Image
    joints: NDArray[np.float32]
    visibility: NDArray[np.uint8]
    camera: Camera
    subject: int
    motion: str


def render_still(assets: Assets, poses: PoseSource, size: int, seed: int, number: int) -> Still:
    """Picture `number` of `seed`."""
    rng = np.random.default_rng([seed, number])
    person = draw_person(assets, poses, rng)
    camera = _camera(person, size, rng)
    seen = camera.project(person.joints)
    picture = assets.backgrounds.draw(size, rng)
    light = draw_light(picture, rng)
    other = draw_company(assets, poses, rng)
    before = other is not None and camera.project(other.joints)[0, 2] < seen[0, 2]
    hidden: Array = np.zeros((size, size), np.float32)
    if other and not before:
        picture = over(picture, other, camera, light)[0]
    picture, drawn = over(picture, person, camera, light)
    if other and before:
        covered, front = over(picture, other, camera, light)
        if _share(front.alpha, seen) <= MOST_HIDDEN:
            picture, hidden = covered, front.alpha
    if rng.random() < SHARE:
        box = np.concatenate([seen[:, :2].min(0), seen[:, :2].max(0)]).clip(0, size)
        covered, front_of = draw_occluders(picture, box, assets.backgrounds.picture(rng), rng)
        if _share(np.maximum(front_of, hidden), seen) <= MOST_HIDDEN:
            picture, hidden = covered, np.maximum(front_of, hidden)
    visibility, pixels = see(seen, drawn, hidden), (seen * [1, 1, 1000]).astype(np.float32)
    return Still(to_bytes(picture), pixels, visibility, camera, person.subject, person.pose.motion)


def over(picture: Array, person: Person, camera: Camera, light: Light) -> tuple[Array, Drawn]:
    """The picture (size, size, 3) with a person before it, and the person alone."""
    drawn = draw(person.outfit, person.vertices, camera, light)
    if not person.pose.airborne:
        picture = picture * ground_shadow(person.outfit, person.vertices, camera, light)[..., None]
    return picture * (1 - drawn.alpha[..., None]) + drawn.colour, drawn


def _share(mask: Array, joints: Array) -> float:
    """Of joints that a mask (size, size) covers."""
    columns, rows = joints[:, :2].clip(0, len(mask) - 1).astype(int).T
    return float((mask[rows, columns] > 0.5).mean())


def to_bytes(picture: Array) -> Image:
    """[0, 1] -> 0..255."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def see(joints: Array, drawn: Drawn, hidden: Array) -> NDArray[np.uint8]:
    """What is seen of joints (J, 3: column, row, metres) of the person drawn; `hidden` (size, size) lies before it."""
    size = len(hidden)
    columns, rows = (np.floor(joints[:, k]).astype(int) for k in (0, 1))
    inside = (columns >= 0) & (columns < size) & (rows >= 0) & (rows < size)
    x, y = columns.clip(0, size - 1), rows.clip(0, size - 1)
    surface = drawn.depth[y * SMOOTH, x * SMOOTH]
    covered = (joints[:, 2] > surface + FLESH) | (hidden[y, x] > 0.5)
    return np.where(inside, np.where(covered, HIDDEN, VISIBLE), OUTSIDE).astype(np.uint8)


def _camera(person: Person, size: int, rng: np.random.Generator) -> Camera:
    """A random one that shows enough of the person."""
    some = person.vertices[: person.body_vertices : 7].astype(float)
    middle = (some.min(0) + some.max(0)) / 2
    reach = float(np.linalg.norm(some - middle, axis=1).max())
    while True:
        camera = aim(draw_view(rng, reach), some, size, rng.normal(0, 0.12, 3) * reach)
        pixels = camera.project(person.joints)[:, :2]
        if ((pixels >= 0) & (pixels < size)).all(-1).sum() >= LEAST_JOINTS:
            return camera
