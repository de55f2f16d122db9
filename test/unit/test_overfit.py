"""The whole way from pictures to trained weights: what is shown often enough is learnt by heart."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.utd_mhad import LABELS
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import (
    AugmentSection,
    DataConfig,
    LoggingConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    ScheduleConfig,
    SetConfig,
    StageConfig,
)
from deephar_ros.train.loading import Loader
from deephar_ros.train.trainer import Trainer
from deephar_ros.train.validation import Validation

DATA = Path(os.environ.get("DEEPHAR_DATA", Path(__file__).parents[3] / "shared" / "data"))
STILL = AugmentConfig(
    rotation=0, flip=0, fill=(0.8, 0.8), shift=0, brightness=0, contrast=0, power=(1, 1), gray=0, blur=0, background=0
)
NETWORK = SPNetConfig(num_pyramids=2, num_levels=3, growth=24, dim=2, image_div=4)
RUNTIME = RuntimeConfig(bfloat16=False, workers=0)


def needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"{DATA / folder} is not here")


def settled(stage: StageConfig, steps: int, rate: float) -> tuple[StageConfig, StageConfig]:
    """The stage, and some steps more as the network is used: normalised by running statistics."""
    gently = OptimizerConfig(learning_rate=rate, clip=1.0)
    return stage, replace(stage, name="settle", epoch_steps=steps, fixed_norm=True, optimizer=gently)


def learn(run: RunConfig, out: Path) -> tuple[dict[str, float], Trainer]:
    """Trains and evaluates on the same."""
    torch.manual_seed(0)
    device = torch.device("cpu")
    trainer = Trainer(SPNet(run.model.network), run, out, device)
    assert trainer.fit(Loader(run, DATA, device, trainer.net))
    return Validation(run, DATA, device)(trainer.best.eval(), run.stages[-1]), trainer


@needs("lsp_train")
def test_sixteen_pictures_are_learnt_to_the_last_joint(tmp_path: Path) -> None:
    run = RunConfig(
        ModelSpec(NETWORK, input_size=64),
        settled(StageConfig("pose", epochs=1, epoch_steps=300, batch=16, pose={"people": 1}), 200, 1e-3),
        DataConfig((SetConfig("people", "lsp", "lsp_train", rows=(0, 16)),), validation=("people",)),
        augment=AugmentSection("ours", ours=STILL),
        optimizer=OptimizerConfig(learning_rate=3e-3, clip=1.0),
        schedule=ScheduleConfig("cosine", warm_up=0.05),
        average=0.9,
        runtime=RUNTIME,
        logging=LoggingConfig(validate_epochs=1),
    )
    assert learn(run, tmp_path)[0] == {"people_pck": 100.0}


@needs("utd_mhad_odd")
def test_eight_clips_are_learnt_to_the_last_action(tmp_path: Path) -> None:
    network = replace(NETWORK, num_pyramids=1, growth=8, action_pyramids=(1,), num_actions=(27,))
    spec = ModelSpec(replace(network, num_pose_features=32, num_visual_features=32), 32, (LABELS,), clip_frames=6)
    every_54th = SetConfig("clips", "utd_mhad", "utd_mhad_odd", folds=54, spacing=(10,))
    run = RunConfig(
        spec,
        settled(StageConfig("action", epochs=1, epoch_steps=150, clips=8, action={"clips": 1}), 180, 2e-3),
        DataConfig((every_54th,), validation=("clips",)),
        augment=AugmentSection("ours", ours=replace(STILL, fill=(0.55, 0.75))),
        optimizer=OptimizerConfig(learning_rate=3e-3, clip=1.0),
        schedule=ScheduleConfig("cosine"),
        loss=LossConfig(action=1.0),
        runtime=RUNTIME,
    )
    accuracy, trainer = learn(run, tmp_path)
    assert accuracy == {"clips_accuracy": 100.0}
    assert trainer.images == 330 * 8 * 6
