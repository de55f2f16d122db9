"""What is left of a batch that made a loss or a gradient infinite, for a person to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from deephar_ros.data.batches import Batch
from deephar_ros.draw import draw_skeleton, save_picture
from deephar_ros.files import whole_file
from deephar_ros.skeleton import Layout
from deephar_ros.train.batch import tensors
from deephar_ros.train.predictions import tile_grid

MOST_TILES = 64


def save_bad_batch(out: Path, kind: str, batch: Batch, layout: Layout, rank: int = 0) -> str:
    """Writes the tensors of a batch and, where it has any, its pictures with the poses that were to be learned.

    Returns:
        The files, in words: `bad_<kind>_batch.safetensors` and `.png` in `out`, of other processes than the first with
        their number.
    """
    path = out / f"bad_{kind}_batch{rank or ''}.safetensors"
    with whole_file(path) as file:
        file.write(save({name: value.cpu() for name, value in tensors(batch).items()}))
    if batch["images"].dim() < 4:  # rows of features
        return str(path)
    picture = path.with_suffix(".png")
    save_picture(picture, tile_grid(_tiles(batch["images"], batch["pose"], layout)))
    return f"{path} and drawn in {picture}"


def _tiles(images: Tensor, pose: Tensor, layout: Layout) -> list[NDArray[np.uint8]]:
    """(..., 3, S, S) and (..., J, 3) in [0, 1] as the first pictures with skeletons."""
    pictures = images.reshape(-1, *images.shape[-3:])[:MOST_TILES].permute(0, 2, 3, 1).cpu().numpy()
    tiles = []
    for picture, joints in zip(pictures, pose.reshape(-1, *pose.shape[-2:]).cpu().numpy(), strict=False):
        tile = np.ascontiguousarray(picture)
        draw_skeleton(tile, layout, joints[:, :2] * len(tile), np.ones(len(joints)))
        tiles.append(tile)
    return tiles
