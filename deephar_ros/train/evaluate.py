"""Runs a network over annotated pictures and clips: what it predicts at every prediction block.

Only results are kept, never pictures, so memory does not grow with the size of a picture. What the results are worth
is computed in `protocols`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.clip_indices import ClipChoice, combine, evaluation_clips
from deephar_ros.data.clip_indices import Protocol as ClipProtocol
from deephar_ros.data.crop import map_points
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import Clip, DatasetError, Sample
from deephar_ros.data.windows import CropWindow, clip_window
from deephar_ros.geometry import Array, Window
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import Layout

Crop = Callable[[NDArray[np.uint8], CropWindow, int], tuple[NDArray[np.uint8], NDArray[np.float64]]]
"""Picture (H, W, 3), window, size -> crop (size, size, 3) and the map (3, 3) from pixels to [0, 1] of the crop.

`data.crop.crop` is the released code's; `square_crop` is the node's.
"""


@dataclass(frozen=True)
class Poses:
    """Poses of N persons at K prediction blocks.

    Attributes:
        blocks: K names such as p2_l1 (pyramid, level), in running order.
        joints: (K, N, J, 3) column and row in pixels of the pictures, z in [0, 1]; z is NaN from a 2D network.
        confidence: (K, N, J) in [0, 1].
    """

    blocks: tuple[str, ...]
    joints: NDArray[np.float32]
    confidence: NDArray[np.float32]


@dataclass(frozen=True)
class Actions:
    """Actions of N videos at K action blocks: `distributions` (K, N, C), whose rows sum to 1."""

    blocks: tuple[str, ...]
    distributions: NDArray[np.float64]


def square_crop(
    image: NDArray[np.uint8], window: CropWindow, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The square of whole pixels about the window, resampled as in the node."""
    square = Window.around(window.x, window.y, max(window.width, window.height))
    scale = 1 / square.size
    matrix = np.array([[scale, 0, -square.left * scale], [0, scale, -square.top * scale], [0, 0, 1]])
    return square.cut(image, size), matrix


@torch.inference_mode()
def predict_poses(
    net: SPNet,
    spec: ModelSpec,
    samples: Sequence[Sample],
    device: torch.device,
    *,
    crop: Crop = square_crop,
    every_block: bool = False,
    flip: bool = False,
    batch: int = 16,
    workers: int = 0,
    broken: list[str] | None = None,
) -> Poses:
    """Poses of the annotated persons, cropped by the samples' windows; leaves `net` in evaluation mode on `device`.

    Args:
        every_block: of every prediction block instead of the last one only.
        flip: average with the prediction for the mirrored crop.
        workers: processes that read pictures; 0: this one.
        broken: gets why pictures cannot be read, whose poses then are NaN; None: the first such picture raises.

    Raises:
        ValueError: there is no sample, or its joints are in another order than the network's.
        DatasetError: a picture cannot be read.
    """
    if not samples:
        raise ValueError("there is nobody to evaluate on")
    if samples[0].layout != spec.layout:
        raise ValueError(f"the samples are {samples[0].layout.name}, the network predicts {spec.layout.name}")
    net = net.eval().to(device)
    names = block_names(net)
    blocks = slice(None) if every_block else slice(-1, None)
    found = []
    loader = DataLoader(_Crops(samples, crop, spec.input_size, broken is not None), batch, num_workers=workers)
    for crops, matrices, reasons in tqdm(loader, unit="batch", desc="poses", leave=False):
        poses = _frame_poses(net, crops.to(device), spec.layout, blocks, flip).cpu().numpy()
        inverse = np.linalg.inv(matrices.numpy())
        found.append(np.stack([map_points(inverse[i], poses[:, i]) for i in range(len(inverse))], 1))
        found[-1][:, [bool(reason) for reason in reasons]] = np.nan
        if broken is not None:
            broken += filter(None, reasons)
    joints = np.concatenate(found, 1).astype(np.float32)
    depth = joints[..., 2:3] if joints.shape[-1] == 4 else np.full_like(joints[..., :1], np.nan)
    return Poses(names[blocks], np.concatenate([joints[..., :2], depth], -1), joints[..., -1])


@torch.inference_mode()
def predict_actions(
    net: SPNet,
    spec: ModelSpec,
    clips: Sequence[Clip],
    action_set: int,
    spacing: int,
    device: torch.device,
    *,
    protocol: ClipProtocol = "single",
    crop: Crop = square_crop,
    every_block: bool = False,
    flip: bool = False,
    batch: int = 4,
    workers: int = 0,
    broken: list[str] | None = None,
) -> Actions:
    """Probabilities of the actions of whole videos, each clip cropped by the joints that are annotated in it.

    Leaves `net` in evaluation mode on `device`.

    Args:
        action_set: which of the network's sets of actions, from 0.
        spacing: frames of the video from one frame of a clip to the next.
        protocol: which clips of a video are looked at.
        flip: look at every clip mirrored as well (released does anyway).
        batch: clips that go through the network together.
        broken: gets why clips cannot be read; a video without another clip is NaN. None: the first such clip raises.

    Raises:
        ValueError: there is no video, or the network has no actions.
        DatasetError: a picture cannot be read.
    """
    names = block_names(net, actions=True)
    if not clips or not names:
        raise ValueError("there is no video to evaluate on" if names else f"{spec.name} has no action blocks")
    net = net.eval().to(device)
    blocks = slice(None) if every_block else slice(-1, None)
    parts = [
        (row, choice)
        for row, clip in enumerate(clips)
        for choice in _views(evaluation_clips(len(clip.frames), spec.clip_frames, spacing, protocol), flip)
    ]
    found: list[list[Array]] = [[] for _ in clips]
    loader = DataLoader(
        _ClipCrops(clips, parts, crop, spec.input_size, spec.clip_frames, broken is not None),
        batch,
        num_workers=workers,
    )
    for images, rows, reasons in tqdm(loader, unit="batch", desc="actions", leave=False):
        outputs = net(normalise(images.to(device))).actions[blocks]
        probabilities = torch.stack([output[action_set] for output in outputs], 1).double().cpu().numpy()
        for row, each, reason in zip(rows.tolist(), probabilities, reasons, strict=True):
            if not reason:
                found[row].append(each)
        if broken is not None:
            broken += filter(None, reasons)
    unread = np.full_like(probabilities[0], np.nan)  # (K, C)
    scores = [[combine(np.stack(clip or [unread])[:, k], protocol) for clip in found] for k in range(len(unread))]
    return Actions(names[blocks], np.array(scores, np.float64))


def block_names(net: SPNet, actions: bool = False) -> tuple[str, ...]:
    """Names such as p2_l1 (pyramid, level) of the prediction blocks, or of those with actions, in running order."""
    stages = [stage for stage in net.config.stages if stage.action or not actions]
    return tuple(f"p{stage.pyramid}_l{stage.level}" for stage in stages)


def _views(choices: Sequence[ClipChoice], flip: bool) -> list[ClipChoice]:
    """With every clip mirrored as well, if asked for and not already so."""
    if not flip or any(choice.mirrored for choice in choices):
        return list(choices)
    return [ClipChoice(choice.indices, mirrored) for choice in choices for mirrored in (False, True)]


def _frame_poses(net: SPNet, crops: Tensor, layout: Layout, blocks: slice, flip: bool) -> Tensor:
    """(N, 3, S, S) uint8 -> (K, N, J, D+1)."""
    images = normalise(crops)
    poses = torch.stack(net.frames(images).poses[blocks]).float()
    if not flip:
        return poses
    mirrored = torch.stack(net.frames(images.flip(-1)).poses[blocks]).float()[:, :, layout.flip]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    return (poses + mirrored) / 2


class _Crops(Dataset[Any]):
    """Item: (3, S, S) uint8 crop and (3, 3) map of a sample, and why it cannot be read, if so and `skips`; else ""."""

    def __init__(self, samples: Sequence[Sample], crop: Crop, size: int, skips: bool) -> None:
        self.samples, self.crop, self.size, self.skips = samples, crop, size, skips

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, str]:
        sample = self.samples[row]
        try:
            picture = read(sample.picture)
        except DatasetError as error:
            if not self.skips:
                raise
            return torch.zeros(3, self.size, self.size, dtype=torch.uint8), torch.eye(3).double(), str(error)
        crop, matrix = self.crop(picture, sample.window, self.size)
        return torch.from_numpy(crop).permute(2, 0, 1), torch.from_numpy(matrix), ""


class _ClipCrops(Dataset[Any]):
    """Item: (T, 3, S, S) uint8 crops of one clip, the row of its video, and why it cannot be read, as in `_Crops`."""

    def __init__(
        self,
        clips: Sequence[Clip],
        parts: Sequence[tuple[int, ClipChoice]],
        crop: Crop,
        size: int,
        frames: int,
        skips: bool,
    ) -> None:
        self.clips, self.parts, self.crop, self.size = clips, parts, crop, size
        self.frames, self.skips = frames, skips

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number: int) -> tuple[Tensor, int, str]:
        row, (indices, mirrored) = self.parts[number]
        clip = self.clips[row]
        window = clip_window(clip.joints[indices, :, :2], clip.size)
        try:
            crops = np.stack([self.crop(read(clip.frames[index]), window, self.size)[0] for index in indices])
        except DatasetError as error:
            if not self.skips:
                raise
            return torch.zeros(self.frames, 3, self.size, self.size, dtype=torch.uint8), row, str(error)
        if mirrored:
            crops = np.ascontiguousarray(crops[:, :, ::-1])
        return torch.from_numpy(crops).permute(0, 3, 1, 2), row, ""
