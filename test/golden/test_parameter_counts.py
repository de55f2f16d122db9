"""The table of SPNET.md section 1.10, every row: Keras' total and the trainable parameters, in millions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet

POSE2D, POSE3D = PRESETS["pose2d"], PRESETS["pose3d"]


def clip(
    base: str, pyramids: int, action_pyramids: tuple[int, ...], replica: bool = False, joints: int = 0
) -> SPNetConfig:
    config = replace(PRESETS[base], num_pyramids=pyramids, action_pyramids=action_pyramids, pose_replica=replica)
    return replace(config, num_joints=joints) if joints else config


ROWS: list[tuple[SPNetConfig, float, float]] = [
    (replace(POSE2D, num_pyramids=1), 4.076, 4.050),
    (replace(POSE2D, num_pyramids=2), 6.386, 6.305),
    (replace(POSE2D, num_pyramids=4), 11.471, 11.313),
    (replace(POSE2D, num_pyramids=6), 16.556, 16.320),
    (POSE2D, 21.641, 21.328),
    (replace(POSE3D, num_pyramids=1), 4.120, 4.093),
    (replace(POSE3D, num_pyramids=2), 6.482, 6.398),
    (replace(POSE3D, num_pyramids=4), 11.669, 11.504),
    (replace(POSE3D, num_pyramids=6), 16.857, 16.610),
    (POSE3D, 22.044, 21.716),
    (clip("penn", 1, (1,)), 6.014, 5.969),
    (clip("penn", 1, (1,), True), 6.037, 5.993),
    (clip("penn", 2, (1, 2)), 10.330, 10.180),
    (clip("penn", 2, (1, 2), True), 10.371, 10.221),
    (clip("penn", 4, (3, 4)), 15.415, 15.187),
    (clip("penn", 4, (3, 4), True), 15.456, 15.229),
    (clip("penn", 4, (1, 2, 3, 4)), 19.441, 19.143),
    (clip("penn", 4, (1, 2, 3, 4), True), 19.524, 19.226),
    (clip("penn", 6, (5, 6)), 20.500, 20.195),
    (PRESETS["penn_published"], 20.541, 20.236),
    (clip("penn", 6, (1, 2, 3, 4, 5, 6)), 28.553, 28.106),
    (clip("penn", 6, (1, 2, 3, 4, 5, 6), True), 28.677, 28.230),
    (clip("penn", 8, (5, 6, 7, 8)), 29.611, 29.158),
    (PRESETS["penn"], 29.694, 29.241),
    (PRESETS["table4_eight_pyramids"], 25.585, 25.202),
    (clip("penn", 8, (1, 2)), 25.585, 25.202),
    (clip("ntu", 1, (1,)), 7.212, 7.164),
    (clip("ntu", 1, (1,), True), 7.261, 7.213),
    (PRESETS["ntu_published"], 12.835, 12.675),
    (clip("ntu", 2, (1, 2), True), 12.923, 12.763),
    (clip("ntu", 4, (3, 4)), 18.022, 17.780),
    (clip("ntu", 4, (3, 4), True), 18.110, 17.869),
    (clip("ntu", 4, (1, 2, 3, 4)), 24.565, 24.246),
    (clip("ntu", 4, (1, 2, 3, 4), True), 24.741, 24.422),
    (clip("ntu", 6, (5, 6)), 23.209, 22.886),
    (clip("ntu", 6, (5, 6), True), 23.298, 22.975),
    (clip("ntu", 6, (1, 2, 3, 4, 5, 6)), 36.295, 35.818),
    (clip("ntu", 6, (1, 2, 3, 4, 5, 6), True), 36.560, 36.082),
    (clip("ntu", 8, (5, 6, 7, 8)), 34.940, 34.458),
    (PRESETS["ntu"], 35.116, 34.634),
    (clip("ntu", 8, (5, 6)), 28.397, 27.992),
    (clip("ntu", 8, (1, 2)), 28.397, 27.992),
    (PRESETS["table4_single_block"], 2.464, 2.440),
    (clip("ntu", 8, (5, 6, 7, 8), joints=20), 35.191, 34.641),
]


def counts(config: SPNetConfig, only_last_pose: bool = False) -> tuple[float, float]:
    """Millions of trainable parameters, and with running statistics and the constant kernels of Keras' soft-argmax."""
    with torch.device("meta"):
        net = SPNet(config)
    trainable, statistics = sum(p.numel() for p in net.parameters()), sum(b.numel() for b in net.buffers() if b.dim())
    joints, constants = config.num_joints, 0
    for stage in config.stages:
        cells = (256 // config.image_div // 2**stage.index) ** 2
        readers = (stage.is_last or not only_last_pose) + (stage.action > 0)
        constants += readers * 2 * (cells * joints + joints * joints)
    return round(trainable / 1e6, 3), round((trainable + statistics + constants) / 1e6, 3)


@pytest.mark.parametrize(("config", "total", "trainable"), ROWS)
def test_row(config: SPNetConfig, total: float, trainable: float) -> None:
    assert counts(config) == (trainable, total)


def test_row_of_the_network_supervised_at_its_last_block_alone() -> None:
    assert counts(PRESETS["table4_last_block"], only_last_pose=True) == (10.221, 10.348)


def test_the_ablations_of_table_5_leave_out_what_they_say() -> None:
    with torch.device("meta"):
        names = {
            key: dict(SPNet(PRESETS[f"table5_{key}"]).named_parameters()) for key in ("pose_only", "appearance_only")
        }
    assert not [name for name in names["pose_only"] if "v_conv0" in name]
    assert not [name for name in names["appearance_only"] if "p_conv0" in name or name.startswith("actions.act1.r1")]
