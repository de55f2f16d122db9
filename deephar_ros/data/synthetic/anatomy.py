"""Which part of a body each vertex belongs to, and where on it: for painting clothes, hair and faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.body import SKIN_VERTICES, Body
from deephar_ros.data.synthetic.rig import SIDES
from deephar_ros.geometry import Array

PARTS = ("trunk", "upperarm", "forearm", "hand", "thigh", "shank", "foot", "head")
_BONES = {
    "upperarm": ("upperarm", "shoulder"), "forearm": ("lowerarm",), "hand": ("wrist", "finger", "metacarpal"),
    "thigh": ("upperleg",), "shank": ("lowerleg",), "foot": ("foot", "toe"),
    "head": ("head", "eye", "neck02", "neck03"),
}  # fmt: skip
_ENDS = {
    "upperarm": ("upperarm01", "lowerarm01"), "forearm": ("lowerarm01", "wrist"),
    "thigh": ("upperleg01", "lowerleg01"), "shank": ("lowerleg01", "foot"),
}  # fmt: skip


@dataclass(frozen=True)
class Anatomy:
    """Of the mean person at rest.

    Attributes:
        part: (V,) index of `PARTS`.
        along: (V,) on a limb 0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle.
        hips, neck, height: z of the hip joints and the neck, and the length from there to the other, metres.
        from_eyes: (V, 3) offset from the middle of the eyes.
        is_eye: (V,).
    """

    part: NDArray[np.int64]
    along: Array
    hips: float
    neck: float
    from_eyes: Array
    is_eye: NDArray[np.bool_]

    def of(self, name: str) -> NDArray[np.bool_]:
        """(V,) whether a vertex is on that part."""
        return self.part == PARTS.index(name)


def study(body: Body) -> Anatomy:
    """Looks at the mean person."""
    vertices, heads = body.template
    weight = {
        part: body.weights[:, [i for i, bone in enumerate(body.bones) if bone.startswith(starts)]].sum(1)
        for part, starts in _BONES.items()
    }
    weight["trunk"] = 1 - sum(weight.values())
    part = np.argmax(np.stack([weight[name] for name in PARTS]), 0)
    along = np.zeros(len(vertices))
    for side, sign in SIDES:
        for name, (start, end) in _ENDS.items():
            a, b = heads[body.bone(f"{start}.{side}")], heads[body.bone(f"{end}.{side}")]
            on = (part == PARTS.index(name)) & (vertices[:, 0] * sign > 0)
            share = ((vertices[on] - a) @ (b - a) / ((b - a) @ (b - a))).clip(0, 1)
            along[on] = share + (name in ("forearm", "shank"))
    eyes = (heads[body.bone("eye.L")] + heads[body.bone("eye.R")]) / 2
    is_eye = np.arange(len(vertices)) >= SKIN_VERTICES
    hips, neck = float(heads[body.bone("upperleg01.L"), 2]), float(heads[body.bone("neck01"), 2])
    return Anatomy(part, along, hips, neck, vertices - eyes, is_eye)
