"""Somebody dressed in a pose, on the ground or above it; and who else is in the picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.actions import Support
from deephar_ros.data.synthetic.assets import Assets
from deephar_ros.data.synthetic.draw import move
from deephar_ros.data.synthetic.outfit import Outfit, dress
from deephar_ros.data.synthetic.poses import Pose, PoseSource
from deephar_ros.data.synthetic.props import boxes_for, with_boxes
from deephar_ros.data.synthetic.rig import Rig
from deephar_ros.geometry import Array

COMPANY = 0.15
"""Share of the pictures with somebody else in them."""

WITH_PROP = 0.6
"""Share of those who sit on something, or hang from it, where the pose asks for it."""

_SUPPORTS: dict[str, Support] = {"family/sit": "seat", "family/hang": "hands"}


class Person(NamedTuple):
    """Who is drawn.

    Attributes:
        outfit: mesh and materials, with what the person sits on.
        vertices: (n, 3) of it in the world.
        body_vertices: how many of them are the person's.
        joints: (17, 3) PA17 in metres.
        subject: row of the body's shapes.
    """

    outfit: Outfit
    vertices: NDArray[np.float32]
    body_vertices: int
    joints: Array
    pose: Pose
    subject: int

    def moved(self, shift: Array) -> Person:
        """Somewhere else, by (3,) metres."""
        vertices = (self.vertices + shift).astype(np.float32)
        return self._replace(vertices=vertices, joints=self.joints + shift)


def draw_person(assets: Assets, poses: PoseSource, rng: np.random.Generator, props: bool = True) -> Person:
    """A random one, about the origin and on the ground z = 0 if not airborne; maybe with what the pose rests on."""
    subject = int(rng.choice(assets.subjects))
    figure = assets.body.figure(assets.body.shapes[subject])
    pose = poses.draw(rng)
    rig = Rig(assets.body, figure)
    turns = pose.turns[None]
    height = float(rng.uniform(0.05, 0.8)) if pose.airborne else 0.0
    outfit = dress(assets.body, assets.anatomy, figure, assets.wardrobe, rng, assets.backgrounds.picture(rng))
    placed = rig.place(turns, np.zeros((1, 3)))
    vertices = move(outfit, placed.turns[0], placed.shifts[0])
    lift = np.array([0, 0, height - float(vertices[:, 2].min())])
    placed = rig.place(turns, lift[None])
    vertices += lift.astype(np.float32)
    body_vertices = len(vertices)
    support = _SUPPORTS.get(pose.motion)
    if support and props and rng.random() < WITH_PROP:
        boxes = boxes_for(support, rig, turns, placed, rng)
        outfit, (vertices,) = with_boxes(outfit, [vertices], boxes, rng)
    return Person(outfit, vertices, body_vertices, rig.joints(placed)[0], pose, subject)


def draw_company(assets: Assets, poses: PoseSource, rng: np.random.Generator) -> Person | None:
    """Somebody beside the origin now and then, near enough to be in the picture."""
    if rng.random() >= COMPANY:
        return None
    angle, distance = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 1.8)
    return draw_person(assets, poses, rng).moved(distance * np.array([np.cos(angle), np.sin(angle), 0]))
