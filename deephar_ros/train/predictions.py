"""Pictures of what a network in training predicts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deephar_ros.draw import draw_skeleton
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import Layout

COLUMNS = 4


@torch.inference_mode()
def prediction_grid(net: SPNet, crops: Tensor, layout: Layout) -> NDArray[np.uint8]:
    """Crops (N, 3, S, S) uint8 with the skeletons of the last block, side by side; `net` in evaluation mode."""
    poses = net.frames(normalise(crops)).poses[-1].float().cpu().numpy()
    tiles = []
    for crop, pose in zip(crops.cpu().permute(0, 2, 3, 1).numpy(), poses, strict=True):
        tile = np.ascontiguousarray(crop)
        draw_skeleton(tile, layout, pose[:, :2] * tile.shape[0], pose[:, -1])
        tiles.append(tile)
    return tile_grid(tiles)


def tile_grid(tiles: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of one size (H, W, 3) side by side, in as many rows as it takes."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows).astype(np.uint8)
