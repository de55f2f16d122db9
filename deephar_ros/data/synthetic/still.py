"""One rendered picture of one person, drawn from a seed and a number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.resample import Image
from deephar_ros.data.synthetic.assets import Assets
from deephar_ros.data.synthetic.backdrop import draw_light
from deephar_ros.data.synthetic.camera import Camera, aim, draw_view
from deephar_ros.data.synthetic.draw import SMOOTH, Drawn, draw, ground_shadow, move
from deephar_ros.data.synthetic.occluders import SHARE, draw_occluders
from deephar_ros.data.synthetic.outfit import dress
from deephar_ros.data.synthetic.poses import Pose, PoseSource
from deephar_ros.data.synthetic.rig import Rig
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
    subject = int(rng.choice(assets.subjects))
    figure = assets.body.figure(assets.body.shapes[subject])
    pose = poses.draw(rng)
    rig = Rig(assets.body, figure)
    placed = rig.place(pose.turns[None], np.zeros((1, 3)))
    printed = assets.backgrounds.picture(rng)
    outfit = dress(assets.body, assets.anatomy, figure, assets.wardrobe, rng, printed)
    vertices = move(outfit, placed.turns[0], placed.shifts[0])
    lift = _height(pose, rng) - float(vertices[:, 2].min())
    vertices[:, 2] += lift
    joints = rig.joints(placed)[0] + [0, 0, lift]
    camera = _camera(vertices, joints, size, rng)
    background = assets.backgrounds.draw(size, rng)
    light = draw_light(background, rng)
    drawn = draw(outfit, vertices, camera, light)
    if not pose.airborne:
        background = background * ground_shadow(outfit, vertices, camera, light)[..., None]
    picture = background * (1 - drawn.alpha[..., None]) + drawn.colour
    seen = camera.project(joints)
    picture, hidden = _occluded(assets, picture, seen, rng)
    visibility = see(seen, drawn, hidden)
    pixels = seen * [1, 1, 1000]
    return Still(to_bytes(picture), pixels.astype(np.float32), visibility, camera, subject, pose.motion)


def _occluded(assets: Assets, picture: Array, joints: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """The picture with something before the person now and then, and where that is."""
    size = len(picture)
    if rng.random() < SHARE:
        box = np.concatenate([joints[:, :2].min(0), joints[:, :2].max(0)]).clip(0, size)
        covered, hidden = draw_occluders(picture, box, assets.backgrounds.picture(rng), rng)
        columns, rows = joints[:, :2].astype(int).clip(0, size - 1).T
        if (hidden[rows, columns] > 0.5).mean() <= MOST_HIDDEN:
            return covered, hidden
    return picture, np.zeros((size, size), np.float32)


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


def _height(pose: Pose, rng: np.random.Generator) -> float:
    return float(rng.uniform(0.05, 0.8)) if pose.airborne else 0.0


def _camera(vertices: NDArray[np.float32], joints: Array, size: int, rng: np.random.Generator) -> Camera:
    """A random one that shows enough of the person."""
    some = vertices[::7].astype(float)
    middle = (some.min(0) + some.max(0)) / 2
    reach = float(np.linalg.norm(some - middle, axis=1).max())
    while True:
        camera = aim(draw_view(rng, reach), some, size, rng.normal(0, 0.12, 3) * reach)
        pixels = camera.project(joints)[:, :2]
        if ((pixels >= 0) & (pixels < size)).all(-1).sum() >= LEAST_JOINTS:
            return camera
