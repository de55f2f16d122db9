"""A rendered person without a background, to be pasted into scenes: the renderer knows exactly what is person."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from deephar_ros.data.synthetic.assets import Assets
from deephar_ros.data.synthetic.backdrop import draw_light
from deephar_ros.data.synthetic.camera import aim, draw_view
from deephar_ros.data.synthetic.draw import Drawn, draw
from deephar_ros.data.synthetic.families import draw_pose
from deephar_ros.data.synthetic.people import draw_person
from deephar_ros.data.synthetic.poses import Pose, PoseSource
from deephar_ros.data.synthetic.still import Still, see, to_bytes
from deephar_ros.geometry import Array

EVERYDAY = {"relaxed": 0.3, "stand": 0.2, "sit": 0.3, "sit_floor": 0.05, "bend": 0.05, "stride": 0.1}
"""Families of poses that people in rooms have, and how often an everyday pose is of each."""

SHARE = 0.5
"""Of the people in an everyday pose; the others are in any, from handstands to recorded ones."""

FILL = 0.94
"""Largest extent of the person over the side of the picture: nobody is cut off."""

_BLEED = 3.0  # pixels by which colours reach over the edge, so that resampling mixes in no black


class EverydayPoses(PoseSource):
    """A half of everyday poses, a half of any."""

    def draw(self, rng: np.random.Generator) -> Pose:
        if rng.random() >= SHARE:
            return super().draw(rng)
        name = str(rng.choice(list(EVERYDAY), p=list(EVERYDAY.values())))
        return Pose(draw_pose(name, rng), f"family/{name}", airborne=False)


def render_cutout(assets: Assets, poses: PoseSource, size: int, seed: int, number: int) -> Still:
    """Person `number` of `seed`, whole: the picture is (size, size, 4) RGBA, nothing but the person covers anything."""
    rng = np.random.default_rng([seed, number])
    person = draw_person(assets, poses, rng, props=False)
    points = person.vertices.astype(float)
    reach = float(np.linalg.norm(points - (points.min(0) + points.max(0)) / 2, axis=1).max())
    camera = aim(
        replace(draw_view(rng, reach), fill=FILL, shift=(0.0, 0.0)), points, size, rng.normal(0, 0.12, 3) * reach
    )
    drawn = draw(person.outfit, person.vertices, camera, draw_light(assets.backgrounds.draw(size, rng), rng))
    seen = camera.project(person.joints)
    visibility = see(seen, drawn, np.zeros((size, size), np.float32))
    pixels = (seen * [1, 1, 1000]).astype(np.float32)
    return Still(to_bytes(_with_alpha(drawn)), pixels, visibility, camera, person.subject, person.pose.motion)


def _with_alpha(drawn: Drawn) -> Array:
    """(size, size, 4): colours not multiplied by the coverage, bleeding over the person's edge, and the coverage."""
    colour, alpha = (cv2.GaussianBlur(part, (0, 0), _BLEED) for part in (drawn.colour, drawn.alpha))
    around = colour / np.maximum(alpha, 1e-3)[..., None]
    inside = drawn.alpha[..., None]
    return np.concatenate([drawn.colour + (1 - inside) * around, inside], -1)
