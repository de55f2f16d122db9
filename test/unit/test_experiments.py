"""Every file of config/train makes a network that trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from deephar_ros.data.batches import Batch
from deephar_ros.model.features import section_sizes
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import RunConfig
from deephar_ros.train.read_config import load_config
from deephar_ros.train.trainer import Trainer

FOLDER = Path(__file__).parents[2] / "config" / "train"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if not path.name.startswith("localizer"))
NARROW = [
    "model.network.growth=4",
    "model.network.num_pose_features=16",
    "model.network.num_visual_features=16",
    "model.input_size=128",
    "runtime.compile=false",
    "logging.tensorboard=false",
]


class Tiny:
    """Random batches of two, of whatever a stage takes."""

    def __init__(self, run: RunConfig) -> None:
        self.run = run

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        cfg = self.run.stages[stage]
        chosen = (("pose", cfg.pose, ()), ("action", cfg.action, (self.run.model.clip_frames,)))
        while True:
            yield {kind: self._batch(shape) for kind, shares, shape in chosen if shares}

    def _batch(self, frames: tuple[int, ...]) -> Batch:
        model, size = self.run.model, self.run.model.input_size
        images: Any = torch.randint(0, 256, (2, *frames, 3, size, size), dtype=torch.uint8)
        if frames and self.run.features.kind != "pictures":
            images = torch.rand(2, *frames, sum(section_sizes(model.network)))
        batch = {"images": images, "pose": torch.rand(2, *frames, model.network.num_joints, 3)}
        return {**batch, "labels": torch.zeros(2, len(model.labels), dtype=torch.int64)} if frames else batch


@pytest.mark.parametrize("name", FILES)
def test_each_experiment_trains_one_step_of_each_stage(name: str, tmp_path: Path) -> None:
    run = load_config(FOLDER / name, NARROW)
    run = replace(run, stages=tuple(replace(stage, epochs=1, epoch_steps=1) for stage in run.stages))
    net = SPNet(run.model.network)
    before = {key: value.clone() for key, value in net.named_parameters()}
    trainer = Trainer(net, run, tmp_path)
    assert trainer.fit(Tiny(run))
    moved = [key for key, value in net.named_parameters() if not torch.equal(value, before[key])]
    acts = any(stage.action for stage in run.stages)
    assert any(key.startswith("actions.") for key in moved) == acts
    assert ("entry.conv1.weight" in moved) == any(stage.train == "all" for stage in run.stages)


@pytest.mark.parametrize("name", [name for name in FILES if (name.removesuffix(".yaml") in PRESETS)])
def test_a_file_with_a_presets_name_has_its_network(name: str) -> None:
    assert load_config(FOLDER / name).model.network == PRESETS[name.removesuffix(".yaml")]


def test_only_the_last_block_is_supervised_where_the_papers_table_4_says_so() -> None:
    blocks = {name: load_config(FOLDER / f"table4_{name}.yaml").loss.blocks for name in ("last_block", "two_pyramids")}
    assert blocks == {"last_block": ("last",), "two_pyramids": ("all",)}
