"""A tiny run on made-up batches, for tests of the trainer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.batches import Batch
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import (
    DataConfig,
    LoggingConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SetConfig,
    StageConfig,
)
from deephar_ros.train.distributed import Group
from deephar_ros.train.trainer import Trainer

NETWORK = SPNetConfig(
    num_joints=16,
    dim=2,
    num_pyramids=2,
    num_levels=2,
    action_pyramids=(2,),
    num_actions=(3, 2),
    pose_replica=True,
    num_pose_features=16,
    num_visual_features=16,
    growth=4,
    image_div=4,
)
SPEC = ModelSpec(NETWORK, input_size=32, labels=(("a", "b", "c"), ("d", "e")), clip_frames=4)
DATA = DataConfig(sets=(SetConfig("people", "mpii", "."), SetConfig("videos", "penn", ".")))


class Noise:
    """Random batches, the same for the same stage and step; of several processes each has its part."""

    def __init__(self, run: RunConfig, group: Group | None = None) -> None:
        self.run, self.group = run, group or Group()

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        cfg, step = self.run.stages[stage], first
        while True:
            batches = {}
            generator = torch.Generator().manual_seed(1000 * stage + step)
            if cfg.pose:
                batches["pose"] = self._batch(generator, (cfg.batch,))
            if cfg.action:
                batches["action"] = self._batch(generator, (cfg.clips, SPEC.clip_frames))
                labels = torch.stack([torch.randint(0, n, (cfg.clips,), generator=generator) for n in (3, 2)], 1)
                labels[0, 1] = -1
                batches["action"]["labels"] = labels[self.group.rank :: self.group.size]
            yield batches
            step += 1

    def _batch(self, generator: torch.Generator, shape: tuple[int, ...]) -> Batch:
        images = torch.randint(0, 256, (*shape, 3, 32, 32), dtype=torch.uint8, generator=generator)
        pose = torch.rand(*shape, 16, 3, generator=generator)
        pose[0, ..., 3, :] = torch.nan
        mine = slice(self.group.rank, None, self.group.size)
        return {"images": images[mine], "pose": pose[mine], "broken": ()}


def make_run(*stages: StageConfig, **changes: Any) -> RunConfig:
    chosen: dict[str, Any] = {
        "optimizer": OptimizerConfig(learning_rate=1e-3),
        "runtime": RuntimeConfig(bfloat16=False),
        "logging": LoggingConfig(),
        **changes,
    }
    return RunConfig(SPEC, stages, DATA, **chosen)


def stage(**changes: Any) -> StageConfig:
    """Six steps of four pictures."""
    chosen: dict[str, Any] = {"name": "s", "epochs": 2.0, "epoch_steps": 3, "batch": 4, "clips": 2, **changes}
    if "pose" not in chosen and "action" not in chosen:
        chosen["pose"] = {"people": 1.0}
    return StageConfig(**chosen)


def make_trainer(out: Path, run: RunConfig, **more: Any) -> Trainer:
    out.mkdir(exist_ok=True)
    torch.manual_seed(0)
    return Trainer(SPNet(NETWORK), run, out, **more)


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)
