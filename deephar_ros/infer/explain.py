"""What one prediction block sees: the heat maps and depth maps from which it reads the joints, and the poses it reads.

The paper's figures 7 and 8 show such poses and maps, of a block and of the action path's own copy ("decoupled").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.draw import Pixels
from deephar_ros.geometry import Array
from deephar_ros.infer.explain_sheet import Plan, draw_sheet
from deephar_ros.model.config import SPNetConfig, Stage
from deephar_ros.model.spnet import SPNet
from deephar_ros.people import Person
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import Layout
from deephar_ros.track import box_window

LAST = "last"


@dataclass(frozen=True)
class Maps:
    """What a block reads one pose from; joints in network order.

    Attributes:
        heat: (J, H, W) probabilities, each map sums to 1. The centres of the first and the last cell lie on the borders
            of the crop (`soft_argmax`).
        depth: (J, H, W) in [0, 1]: 0.5 is the pelvis' depth, 1 a metre behind it; None: the network is a 2D one.
        pose: (J, D+1) x, y[, z], confidence in [0, 1], the block's output.
    """

    heat: Array
    depth: Array | None
    pose: Array


@dataclass(frozen=True)
class Explanation:
    """What one block made of one crop.

    Attributes:
        crop: (S, S, 3) RGB.
        block: name of the block.
        who: id of the person whose crop it is, "" if that is not known.
        pose: what the block predicts.
        decoupled: what its action path looks at, if that has its own copy (`pose_replica`), else None.
    """

    crop: Pixels
    block: str
    layout: Layout
    pose: Maps
    decoupled: Maps | None
    depth_trained: bool
    who: str = ""


def find_block(config: SPNetConfig, name: str) -> Stage:
    """The block of that name ("dp1_pb1"), that number ("1", as the blocks run) or the "last" one.

    Raises:
        ValueError: there is none; the message names those that there are.
    """
    names = {LAST: config.stages[-1]}
    for number, stage in enumerate(config.stages, start=1):
        names |= {str(number): stage, stage.block_name: stage}
    if name not in names:
        there = ", ".join(f"{number} {stage.block_name}" for number, stage in enumerate(config.stages, start=1))
        raise ValueError(f"the network has no block {name!r}; it has {there}, and '{LAST}'")
    return names[name]


class Explainer:
    """Looks into one block of a network.

    Args:
        folder: checkpoint folder.
        block: see `find_block`.
        device: where the network runs, as torch names it.

    Raises:
        CheckpointError: the folder cannot be used.
        ValueError: there is no such block.
    """

    def __init__(self, folder: Path, block: str = LAST, device: str = "cpu") -> None:
        net, self.spec = load_checkpoint(folder)
        self.stage = find_block(net.config, block)
        self._net = net.cut(self.stage.pyramid, self.stage.level).to(device)  # what comes later does not matter here
        self._device = device

    def person(self, pixels: Pixels, person: Person) -> Explanation:
        """Looks at a person in a picture (H, W, 3) RGB once more, in a window around the `box` that was found."""
        explanation = self.crop(box_window(person.box).cut(pixels, self.spec.input_size))
        return replace(explanation, who=person.id)

    def crop(self, crop: Pixels) -> Explanation:
        """Looks at a crop (S, S, 3) RGB, S = `spec.input_size`."""
        images = normalise(torch.from_numpy(np.ascontiguousarray(crop)).to(self._device).permute(2, 0, 1)[None])
        pose, *replica = read_maps(self._net, self.stage, images)
        decoupled = replica[0] if replica else None
        block, layout = self.stage.block_name, self.spec.layout
        return Explanation(crop, block, layout, pose, decoupled, self.spec.depth_trained)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, pixels."""
        config = self.spec.network
        return Plan(config.num_joints, 2 if config.pose_replica and self.stage.action else 1, config.dim - 1).size

    def picture(self, explanation: Explanation) -> Pixels:
        """The explanation as a picture (H, W, 3) RGB, always of one size."""
        number, count = self.spec.network.stages.index(self.stage) + 1, len(self.spec.network.stages)
        who = f"person {explanation.who}: " if explanation.who else ""
        return draw_sheet(explanation, f"{who}{explanation.block}, block {number} of {count}")


@torch.inference_mode()
def read_maps(net: SPNet, stage: Stage, images: torch.Tensor) -> list[Maps]:
    """What a block reads from one image (1, 3, H, W): its pose, then, with `pose_replica`, that of the action path."""
    readings: list[Maps] = []

    def note(_reader: Any, logits: tuple[Any, ...], read: tuple[Any, ...]) -> None:
        (_, depth_logits), (coordinates, confidence, heat) = logits, read
        depth = None if depth_logits is None else depth_logits[0].sigmoid().cpu().numpy()
        pose = torch.cat([coordinates, confidence], -1)[0].cpu().numpy()
        readings.append(Maps(heat[0].cpu().numpy(), depth, pose))

    hook = net.blocks[stage.block_name].read.register_forward_hook(note)  # type: ignore[union-attr]
    try:
        net.frames(images)
    finally:
        hook.remove()
    return readings
