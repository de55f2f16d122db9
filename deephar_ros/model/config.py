"""What a SPNet is made of: sizes and switches, and the order in which its prediction blocks stand."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

MOST_LEVELS, MOST_CHANNELS = 6, 2048
"""Of a network, in its widest place. Both together make 400 million weights, 1.6 GB; the paper's have 35 million."""

Downsampling = Literal["maxpooling", "conv"]
ActionInput = Literal["combined", "pose", "appearance"]


@dataclass(frozen=True)
class Stage:
    """One step of a pyramid: a change of resolution followed by a prediction block (PB).

    `level` counts from 1 (finest) to L as in the paper; `index` = level - 1 is what the released code puts in names.
    """

    pyramid: int
    level: int
    channels: int
    action: int  # 1, 2, ... for a block of the action path; 0 for a block that predicts poses only
    is_last: bool
    is_last_action: bool

    @property
    def goes_down(self) -> bool:
        """Odd pyramids go from fine to coarse, even ones back."""
        return self.pyramid % 2 == 1

    @property
    def index(self) -> int:
        return self.level - 1

    @property
    def block_name(self) -> str:
        return f"{'dp' if self.goes_down else 'up'}{self.pyramid}_pb{self.index}"

    @property
    def resize_name(self) -> str:
        return f"dp{self.pyramid}_du{self.index}" if self.goes_down else f"up{self.pyramid}_uu{self.index}"


@dataclass(frozen=True)
class SPNetConfig:
    """Configuration of SPNet; the defaults are the full-width network of the paper (section 3, figures 2-5).

    Raises:
        ValueError: a value is outside its range; the message names it.
    """

    num_joints: int = 17
    dim: int = 3  # coordinates per joint: 2 (x, y) or 3 (x, y, z)
    num_pyramids: int = 8
    num_levels: int = 4
    action_pyramids: tuple[int, ...] = ()
    num_actions: tuple[int, ...] = ()  # one entry per action set (data set)
    pose_replica: bool = False  # the action path reads its own copy of the heat and depth maps ("decoupled")
    action_input: ActionInput = "combined"  # what the action path looks at; the others are the paper's ablations
    num_pose_features: int = 160
    num_visual_features: int = 160
    growth: int = 96
    image_div: int = 8  # input size / size of the finest level
    kernel_size: int = 5
    downsampling: Downsampling = "maxpooling"
    cut: tuple[int, int] | None = None  # (pyramid, level) of the last block kept; None keeps all

    def __post_init__(self) -> None:
        checks = {
            "num_joints": 1 <= self.num_joints <= 100,
            "dim": self.dim in (2, 3),
            "num_pyramids": 1 <= self.num_pyramids <= 8,
            "num_levels": 2 <= self.num_levels <= MOST_LEVELS,
            "action_pyramids": all(1 <= p <= self.num_pyramids for p in self.action_pyramids)
            and bool(self.action_pyramids) == bool(self.num_actions),
            "num_actions": all(2 <= n <= MOST_CHANNELS for n in self.num_actions) and len(self.num_actions) <= 10,
            "action_input": self.action_input in ("combined", "pose", "appearance"),
            "num_pose_features": 16 <= self.num_pose_features <= MOST_CHANNELS,
            "num_visual_features": 1 <= self.num_visual_features <= MOST_CHANNELS,
            "image_div": self.image_div in (4, 8, 16, 32),
            "growth": self.growth >= 2 and self.image_div in (4, 8, 16, 32) and self.most_channels <= MOST_CHANNELS,
            "kernel_size": self.kernel_size % 2 == 1 and 1 <= self.kernel_size <= 15,
            "downsampling": self.downsampling in ("maxpooling", "conv"),
        }
        for name, ok in checks.items():
            if not ok:
                raise ValueError(f"SPNetConfig.{name} = {reprlib.repr(getattr(self, name))} does not make a network")
        if self.cut is not None and self.cut not in self._all_blocks():
            raise ValueError(f"SPNetConfig.cut = {self.cut!r} is no prediction block of the network")

    @property
    def sees_appearance(self) -> bool:
        """Whether the action path looks at visual features; else they are neither computed nor kept."""
        return self.action_input != "pose"

    @property
    def entry_channels(self) -> int:
        """Channels of the entry flow's output, level 1 (288 at full width)."""
        return 2 * self.growth + self.growth * (self.image_div.bit_length() - 3)

    @property
    def most_channels(self) -> int:
        """Channels of the coarsest level."""
        return self.entry_channels + (self.num_levels - 1) * self.growth

    @property
    def size_multiple(self) -> int:
        """Input height and width must be multiples of this, so that every level has a whole size."""
        return self.image_div * 2 ** (self.num_levels - 1)

    @property
    def num_action_features(self) -> int:
        return max(self.num_pose_features, self.num_visual_features)

    def _all_blocks(self) -> list[tuple[int, int]]:
        down = range(2, self.num_levels + 1)
        up = range(self.num_levels - 1, 0, -1)
        return [(p, level) for p in range(1, self.num_pyramids + 1) for level in (down if p % 2 else up)]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The prediction blocks in the order in which they run, up to the cut."""
        blocks = self._all_blocks()
        if self.cut is not None:
            blocks = blocks[: blocks.index(self.cut) + 1]
        acting = [block for block in blocks if block[0] in self.action_pyramids]
        return tuple(
            Stage(
                pyramid=p,
                level=level,
                channels=self.entry_channels + (level - 1) * self.growth,
                action=acting.index((p, level)) + 1 if (p, level) in acting else 0,
                is_last=(p, level) == blocks[-1],
                is_last_action=bool(acting) and (p, level) == acting[-1],
            )
            for p, level in blocks
        )
