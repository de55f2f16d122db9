"""Clothes, shoes and hair as meshes that lie on the body, from `garments.npz` (optional).

For each garment NAME the file holds, as MakeHuman's .mhclo files do: NAME_tri (n, 3) vertices of the body, NAME_w
(n, 3) their weights, NAME_o (n, 3) offset in decimetres (x left, y up, z forward), NAME_F (f, 3) faces and NAME_del,
vertices of the body that it hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.arrays import read_npz
from deephar_ros.data.samples import DatasetError
from deephar_ros.data.synthetic.body import Body, Influence, influence
from deephar_ros.geometry import Array


@dataclass(frozen=True)
class Garment:
    """See the module."""

    name: str
    corners: NDArray[np.int64]
    shares: Array
    offsets: Array
    faces: NDArray[np.int32]
    hidden: NDArray[np.int64]
    influence: Influence

    def fit(self, vertices: Array) -> Array:
        """Its vertices (n, 3) on a person (V, 3) at rest."""
        return np.einsum("nk,nki->ni", self.shares, vertices[self.corners]) + self.offsets


@dataclass(frozen=True)
class Wardrobe:
    """What there is to wear; may be empty."""

    suits: tuple[Garment, ...] = ()
    shoes: tuple[Garment, ...] = ()
    hair: tuple[Garment, ...] = ()


def load_wardrobe(path: Path, body: Body) -> Wardrobe:
    """Reads `garments.npz`, nothing if it is not there; DatasetError if it does not fit the body."""
    if not path.is_file():
        return Wardrobe()
    data = read_npz(path)
    names = sorted(key[: -len("_tri")] for key in data if key.endswith("_tri"))
    try:
        garments = {name: _garment(name, data, body) for name in names}
    except (KeyError, IndexError, ValueError) as error:
        raise DatasetError(f"{path} does not fit the body ({error}); take the one made for it, or none") from error
    kinds: dict[str, list[Garment]] = {"suits": [], "shoes": [], "hair": []}
    for name, garment in garments.items():
        kinds["shoes" if name.startswith("shoes") else "suits" if "suit" in name else "hair"].append(garment)
    return Wardrobe(**{kind: tuple(found) for kind, found in kinds.items()})


def _garment(name: str, data: dict[str, Array], body: Body) -> Garment:
    corners = data[f"{name}_tri"].astype(np.int64)
    shares, given = data[f"{name}_w"].astype(np.float32), data[f"{name}_o"].astype(np.float32)
    offsets = np.stack([given[:, 0], -given[:, 2], given[:, 1]], 1) / 10
    faces = np.ascontiguousarray(data[f"{name}_F"], np.int32)
    if faces.size and (faces.min() < 0 or faces.max() >= len(corners)):
        raise ValueError(f"{name} has faces of vertices that it lacks")
    weights = np.maximum(np.einsum("nk,nkb->nb", shares, body.weights[corners]), 0)
    return Garment(name, corners, shares, offsets, faces, data[f"{name}_del"].astype(np.int64), influence(weights))
