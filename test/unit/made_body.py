"""A made-up body of boxes round its bones, for tests of synthetic people: anny's names of bones, none of its data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Bone: parent and place at rest (left side; the right is its mirror image), metres.
TRUNK = {
    "root": ("", (0, 0, 0.08)), "spine05": ("root", (0, 0, 0.1)), "spine04": ("spine05", (0, 0, 0.16)),
    "spine03": ("spine04", (0, 0, 0.23)), "spine02": ("spine03", (0, 0, 0.31)), "spine01": ("spine02", (0, 0, 0.43)),
    "neck01": ("spine01", (0, 0, 0.62)), "neck02": ("neck01", (0, 0, 0.65)), "neck03": ("neck02", (0, 0, 0.69)),
    "head": ("neck03", (0, -0.04, 0.72)),
}  # fmt: skip
SIDE = {
    "eye": ("head", (0.03, -0.13, 0.76)), "clavicle": ("spine01", (0.02, 0, 0.54)),
    "shoulder01": ("clavicle", (0.1, 0, 0.56)), "upperarm01": ("shoulder01", (0.17, 0, 0.52)),
    "lowerarm01": ("upperarm01", (0.35, 0, 0.33)), "lowerarm02": ("lowerarm01", (0.41, -0.08, 0.27)),
    "wrist": ("lowerarm02", (0.47, -0.16, 0.21)), "finger3-1": ("wrist", (0.53, -0.23, 0.15)),
    "upperleg01": ("root", (0.11, 0, 0.06)), "lowerleg01": ("upperleg01", (0.13, 0, -0.33)),
    "foot": ("lowerleg01", (0.15, 0, -0.74)), "toe3-1": ("foot", (0.17, -0.14, -0.8)),
    "toe1-1": ("foot", (0.15, -0.15, -0.8)),
}  # fmt: skip
BOXES = {
    "root": "spine03", "spine03": "spine01", "spine01": "neck01", "neck01": "head", "upperarm01": "lowerarm01",
    "lowerarm01": "wrist", "wrist": "finger3-1", "upperleg01": "lowerleg01", "lowerleg01": "foot", "foot": "toe3-1",
}  # fmt: skip
"""Bones that have a box, and the bone at its other end."""
THICK = {"root": 0.12, "spine03": 0.13, "spine01": 0.14, "neck01": 0.05, "foot": 0.035, "wrist": 0.03}
TOP_OF_HEAD = np.array([0, -0.04, 0.88])
_CORNERS = np.array([[x, y, end] for end in (0, 1) for x in (-1, 1) for y in (-1, 1)])
_QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_TRIANGLES = np.array([three for a, b, c, d in _QUADS for three in ((a, b, c), (a, c, d))])


def made_bones() -> tuple[list[str], list[int], np.ndarray]:
    """Names, parents and places."""
    bones = dict(TRUNK)
    for side, sign in (("L", 1), ("R", -1)):
        for name, (parent, (x, y, z)) in SIDE.items():
            above = parent if parent in TRUNK else f"{parent}.{side}"
            bones[f"{name}.{side}"] = (above, (sign * x, y, z))
    names = list(bones)
    return names, [names.index(p) if p else -1 for p, _ in bones.values()], np.array([at for _, at in bones.values()])


def write_body(path: Path, people: int = 20) -> None:
    """Writes a `body.npz` whose two shapes are stature and the width of everything."""
    names, parents, heads = made_bones()
    vertices, faces, owner, first = [], [], [], {}

    def add(bone: str, start: np.ndarray, end: np.ndarray, thick: float) -> None:
        first[bone] = 8 * len(first)
        line = (end - start) / np.linalg.norm(end - start)
        across = np.cross(line, [0.3, 0.9, 0.2])
        across /= np.linalg.norm(across)
        axes = np.stack([across, np.cross(line, across)])
        vertices.append(start + _CORNERS[:, 2:] * (end - start) + thick * _CORNERS[:, :2] @ axes)
        faces.append(_TRIANGLES + first[bone])
        owner.extend([names.index(bone)] * 8)

    for bone, other in BOXES.items():
        for side in [""] if bone in TRUNK else [".L", ".R"]:
            end = other if other in TRUNK else other + side
            add(bone + side, heads[names.index(bone + side)], heads[names.index(end)], THICK.get(bone, 0.05))
    add("head", heads[names.index("head")], TOP_OF_HEAD, 0.09)
    vertices[-1][-1] = TOP_OF_HEAD * [1, 1, 1.01]
    points = np.concatenate(vertices)
    weights = np.eye(len(names))[owner]
    landmarks = _landmarks(first, len(points))
    rest = np.concatenate([points, heads])
    basis = np.stack([(rest * [0, 0, 1]).ravel(), (rest * [1, 1, 0]).ravel()])
    rng = np.random.default_rng(0)
    np.savez(
        path, mean=rest.ravel(), basis=basis, coef=rng.normal(0, 0.05, (people, 2)), nv=len(points), W=weights,
        faces=np.concatenate(faces), names=np.array(names), parents=np.array(parents),
        kp=np.stack(list(landmarks.values())), kpn=np.array(list(landmarks)),
    )  # fmt: skip


def _landmarks(first: dict[str, int], count: int) -> dict[str, np.ndarray]:
    """Rows of weights: the near end of a bone's box, or its far end."""
    near = {
        "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "hip": "upperleg01", "knee": "lowerleg01",
        "ankle": "foot", "heel": "foot",
    }  # fmt: skip
    rows = {}
    for side, letter in (("left", "L"), ("right", "R")):
        for part, bone in (*near.items(), ("big_toe", "foot")):
            row = np.zeros(count)
            start = first[f"{bone}.{letter}"] + (4 if part == "big_toe" else 0)
            row[start : start + 4] = 0.25
            rows[f"{side}_{part}"] = row
    return rows
