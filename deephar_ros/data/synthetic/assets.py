"""Everything that rendering needs, from one folder: `body.npz`, and where they are there, `motions.npz` (packed
recordings), `garments.npz` and `backgrounds/` (pictures without people)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.anatomy import Anatomy, study
from deephar_ros.data.synthetic.backdrop import Backgrounds
from deephar_ros.data.synthetic.body import Body, load_body
from deephar_ros.data.synthetic.garments import Wardrobe, load_wardrobe
from deephar_ros.data.synthetic.motions import Motion, load_motions

HELD_OUT_BODIES = 10
"""One in so many shapes of the body is never in the training part."""


@dataclass(frozen=True)
class Assets:
    """The inputs of one part.

    Attributes:
        subjects: rows of `body.shapes` that belong to the part.
        held_out: whether the part is the one for testing.
    """

    body: Body
    anatomy: Anatomy
    motions: tuple[Motion, ...]
    wardrobe: Wardrobe
    backgrounds: Backgrounds
    subjects: NDArray[np.int64]
    held_out: bool


def load_assets(folder: Path, held_out: bool) -> Assets:
    """Reads a folder of assets for one part.

    Raises:
        FileNotFoundError: it has no body.
        DatasetError: a file is broken.
    """
    body = load_body(folder / "body.npz")
    rows = np.arange(len(body.shapes))
    packed = folder / "motions.npz"
    return Assets(
        body,
        study(body),
        tuple(load_motions(packed)) if packed.is_file() else (),
        load_wardrobe(folder / "garments.npz", body),
        Backgrounds(folder / "backgrounds", held_out),
        rows[(rows % HELD_OUT_BODIES == HELD_OUT_BODIES - 1) == held_out],
        held_out,
    )
