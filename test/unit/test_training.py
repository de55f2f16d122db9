"""Losses, metrics, crops and the training loop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.augment import AugmentConfig, apply_matrix, augment, random_crop_matrix, warp
from deephar_ros.data.lsp import Sample, load_lsp
from deephar_ros.data.pose_dataset import EndlessOrder, PoseDataset, pose_target
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.skeleton import LSP14, PA17
from deephar_ros.train.losses import elastic_net, pose_loss
from deephar_ros.train.metrics import torso_pck
from deephar_ros.train.trainer import TrainConfig, Trainer, learning_rate

STILL = AugmentConfig(
    rotation=0, flip=0, fill=(0.6, 0.6), shift=0, brightness=0, contrast=0, gray=0, blur=0, background=0
)


def person(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(40, 160, (17, 2)).astype(np.float32)


def test_elastic_net_by_hand() -> None:
    predicted = torch.tensor([[[0.5, 0.5], [0.1, 0.9]], [[0.0, 0.0], [0.0, 0.0]]])
    target = torch.tensor([[[0.3, 0.6], [torch.nan, torch.nan]], [[torch.nan] * 2] * 2])
    torch.testing.assert_close(elastic_net(predicted, target), torch.tensor([(0.2 + 0.04 + 0.1 + 0.01) / 2, 0.0]))


def test_pose_loss_rewards_confidence_where_joints_are_seen() -> None:
    target = torch.tensor([[[0.5, 0.5], [torch.nan, torch.nan]]])
    right, wrong = (
        torch.tensor([[[0.5, 0.5, 0.9], [0.3, 0.3, 0.1]]]),
        torch.tensor([[[0.5, 0.5, 0.1], [0.3, 0.3, 0.9]]]),
    )
    assert pose_loss(right, target).item() == pytest.approx(0.01 * -np.log(0.9), rel=1e-4)
    assert pose_loss(wrong, target) > pose_loss(right, target)


def test_unknown_coordinates_have_no_gradient() -> None:
    pose = torch.rand(1, 2, 4, requires_grad=True)
    elastic_net(pose[..., :2], torch.tensor([[[0.5, 0.5], [torch.nan, torch.nan]]])).sum().backward()
    assert pose.grad is not None
    assert pose.grad[0, 0, :2].abs().min() > 0
    assert pose.grad[0, 1].abs().max() == 0
    assert pose.grad[0, :, 2:].abs().max() == 0


def test_pck_counts_joints_within_a_fifth_of_the_torso() -> None:
    truth = np.zeros((2, 14, 2))
    truth[:, LSP14.index("left_shoulder")] = [0, 0]
    truth[:, LSP14.index("right_hip")] = [0, 100]
    predicted = truth.copy()
    predicted[0, 0] += [19, 0]
    predicted[1, 0] += [21, 0]
    truth[:, 13] = np.nan
    pck = torso_pck(predicted, truth, LSP14)
    assert pck[0] == 50
    assert pck[1] == 100
    assert np.isnan(pck[13])


@pytest.mark.parametrize("seed", range(8))
def test_picture_and_joints_move_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = np.array([[60.0, 50.0], [150.0, 80.0], [90.0, 140.0]])
    matrix = random_crop_matrix(joints, 128, AugmentConfig(), rng)
    for joint in joints:
        image = np.zeros((200, 200, 3), np.uint8)
        cv2.circle(image, (int(joint[0]), int(joint[1])), 6, (255, 255, 255), -1)
        x, y = apply_matrix(matrix, joint + 0.5)
        crop = warp(image, matrix, 128)[..., 0].astype(float)
        if 10 < x < 118 and 10 < y < 118:
            rows, cols = np.indices(crop.shape) + 0.5
            found = (crop * cols).sum() / crop.sum(), (crop * rows).sum() / crop.sum()
            np.testing.assert_allclose(found, (x, y), atol=0.6)


def test_mirroring_exchanges_left_and_right(rng: np.random.Generator) -> None:
    joints, image = person(rng), np.zeros((200, 200, 3), np.uint8)
    _, plain = augment(image, joints, PA17, 128, STILL, np.random.default_rng(1))
    _, mirrored = augment(image, joints, PA17, 128, replace(STILL, flip=1.0), np.random.default_rng(1))
    np.testing.assert_allclose(mirrored[PA17.flip, 1], plain[:, 1], atol=1e-3)
    mirrored_x, plain_x = mirrored[PA17.flip, 0], plain[:, 0]
    np.testing.assert_allclose(mirrored_x - mirrored_x.mean(), plain_x.mean() - plain_x, atol=1e-3)


def test_joints_outside_of_the_crop_are_not_targets() -> None:
    target = pose_target(np.array([[64.0, 32.0], [0.0, 5.0], [128.0, 5.0], [np.nan, np.nan]]), 128)
    torch.testing.assert_close(target[0], torch.tensor([0.5, 0.25]))
    assert target[1:].isnan().all()


def test_order_is_a_fresh_permutation_and_can_be_resumed() -> None:
    def first(skip: int, count: int) -> list[int]:
        order = iter(EndlessOrder(5, seed=3, skip=skip))
        return [next(order) for _ in range(count)]

    items = first(0, 15)
    assert [sorted(i % 5 for i in items[e : e + 5]) for e in (0, 5, 10)] == [list(range(5))] * 3
    assert len(set(items)) == 15
    assert first(7, 8) == items[7:]


def test_lsp_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in (1, 3):  # the picture of row 2 is not there
        cv2.imwrite(str(tmp_path / "images" / f"im{number:05d}.jpg"), np.zeros((8, 8, 3), np.uint8))
    joints = np.dstack([np.arange(42).reshape(3, 14), np.arange(42).reshape(3, 14), np.ones((3, 14))])
    joints[2, LSP14.index("left_hip")] = 0
    np.savez(tmp_path / "joints.npz", joints=joints)
    first, third = load_lsp(tmp_path, extended=True)
    assert (first.image.name, third.image.name) == ("im00001.jpg", "im00003.jpg")
    assert first.joints[PA17.index("pelvis")].tolist() == [2.5, 2.5]  # right hip is joint 2, left hip 3
    assert first.joints[PA17.index("head")].tolist() == [13, 13]
    assert np.isnan(third.joints[[PA17.index(j) for j in ("left_hip", "pelvis", "spine")]]).all()
    assert np.isfinite(third.joints[PA17.index("thorax")]).all()
    with pytest.raises(FileNotFoundError, match=r"joints\.npz is missing"):
        load_lsp(tmp_path / "images", extended=True)


@pytest.fixture
def drawn_people(tmp_path: Path) -> list[Sample]:
    """Pictures whose joints are coloured discs: something that a small network learns in seconds."""
    rng, samples = np.random.default_rng(5), []
    for number in range(8):
        joints, image = person(rng), np.zeros((200, 200, 3), np.uint8)
        for joint, (x, y) in enumerate(joints):
            cv2.circle(image, (int(x), int(y)), 9, (15 * joint, 255 - 15 * joint, 100 + 60 * (joint % 3)), -1)
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), image)
        samples.append(Sample(path, joints))
    return samples


SMALL = ModelSpec(SPNetConfig(num_pyramids=2, num_levels=2, growth=16, image_div=4), input_size=64)


def trainer(out: Path, images: int, save_every: int = 10_000) -> Trainer:
    out.mkdir(exist_ok=True)
    torch.manual_seed(0)
    cfg = TrainConfig(
        images=images,
        batch=8,
        learning_rate=5e-3,
        warm_up=80,
        average=0.9,
        empty=0,
        bfloat16=False,
        save_every=save_every,
        augment=STILL,
    )
    return Trainer(SPNet(SMALL.network), SMALL, cfg, out)


def test_training_learns_a_handful_of_pictures(drawn_people: list[Sample], tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", images=1600, save_every=800)
    run.fit(drawn_people, drawn_people, [])
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [800, 1600]
    assert lines[-1]["pck"] > 35  # from nothing to most of the large joints
    assert f"{lines[-1]['pck']} %" in (tmp_path / "run" / "MODEL_CARD.md").read_text()


def test_a_resumed_run_is_the_uninterrupted_run(drawn_people: list[Sample], tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", images=96, save_every=48)
    whole.fit(drawn_people, drawn_people, [])

    part = trainer(tmp_path / "part", images=96, save_every=48)
    part.cfg = replace(part.cfg, save_every=48)
    stop = part.report

    def stop_after_first(*args: object) -> None:
        stop(*args)  # type: ignore[arg-type]
        if part.seen < 96:
            raise KeyboardInterrupt

    part.report = stop_after_first  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        part.fit(drawn_people, drawn_people, [])
    again = trainer(tmp_path / "part", images=96, save_every=48)
    again.resume()
    assert again.seen == 48
    again.fit(drawn_people, drawn_people, [])
    for a, b in zip(whole.net.state_dict().values(), again.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_loss_that_is_not_finite_stops_and_leaves_the_batch(tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", images=8)
    with torch.no_grad():
        next(run.net.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"bad_batch\.safetensors"):
        run.step(torch.zeros(8, 3, 64, 64, dtype=torch.uint8), torch.full((8, 17, 2), 0.5))
    assert (tmp_path / "run" / "bad_batch.safetensors").is_file()


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    cfg = TrainConfig(images=1000, warm_up=100, learning_rate=1.0)
    assert learning_rate(cfg, 49) == pytest.approx(0.5)
    assert learning_rate(cfg, 500) == pytest.approx(0.5)
    assert learning_rate(cfg, 1000) == pytest.approx(0.0)


def test_empty_pictures_have_no_joints(drawn_people: list[Sample]) -> None:
    backgrounds = [drawn_people[0].image]
    dataset = PoseDataset(drawn_people, backgrounds, 64, AugmentConfig(), empty=1.0, seed=0)
    crop, target = dataset[3]
    assert crop.shape == (3, 64, 64)
    assert target.isnan().all()
