"""What is predicted at every block, for pictures and for clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from deephar_ros.checkpoint import ModelSpec, load_checkpoint
from deephar_ros.data import crop
from deephar_ros.data.clips import evaluation_clip
from deephar_ros.data.samples import Clip, Picture, Sample
from deephar_ros.data.windows import CropWindow
from deephar_ros.geometry import Window
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import PA16, PA17
from deephar_ros.train.evaluate import predict_actions, predict_poses, square_crop

CPU = torch.device("cpu")
BLOCKS = ("p1_l2", "p1_l3", "p2_l2", "p2_l1")


@pytest.fixture
def samples(tmp_path: Path, rng: np.random.Generator) -> list[Sample]:
    """Three pictures of noise with random joints."""
    made = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 255, (120, 100, 3), np.uint8))
        joints = np.column_stack([rng.uniform(20, 80, (17, 2)), np.full(17, np.nan)]).astype(np.float32)
        window = CropWindow(50.3, 60.7, 80, 80)
        made.append(Sample(str(number), Picture(path), joints, PA17, window, head=20.0))
    return made


@pytest.fixture
def clips(samples: list[Sample]) -> list[Clip]:
    frames = tuple(sample.picture for sample in samples) * 6
    joints = np.stack([sample.joints for sample in samples] * 6)
    return [
        Clip("long", frames, joints, PA17, (100, 120), 1),
        Clip("short", frames[:3], joints[:3], PA17, (100, 120), 0),
    ]


def network(checkpoint: Path) -> tuple[SPNet, ModelSpec]:
    return load_checkpoint(checkpoint)


def test_square_crop_is_the_nodes_crop() -> None:
    image = np.random.default_rng(0).integers(0, 255, (50, 60, 3), np.uint8)
    pixels, matrix = square_crop(image, CropWindow(30.2, 20.7, 25, 31), 16)
    window = Window.around(30.2, 20.7, 31)
    np.testing.assert_array_equal(pixels, window.cut(image, 16))
    points = np.array([[0.0, 0.0], [10.0, 20.0], [60.0, 50.0]])
    np.testing.assert_allclose(crop.map_points(matrix, points), window.to_window(points))


@pytest.mark.parametrize("batch", [1, 2])
def test_every_block_gives_joints_in_pixels_of_the_picture(
    tiny_checkpoint: Path, samples: list[Sample], batch: int
) -> None:
    net, spec = network(tiny_checkpoint)
    poses = predict_poses(net, spec, samples, CPU, every_block=True, batch=batch)
    assert poses.blocks == BLOCKS
    assert poses.joints.shape == (4, 3, 17, 3)
    picture = cv2.imread(str(samples[1].picture.path))[..., ::-1]
    window = Window.around(50.3, 60.7, 80)
    image = normalise(torch.from_numpy(window.cut(picture, 64).copy()).permute(2, 0, 1)[None])
    with torch.inference_mode():
        outputs = net.frames(image).poses
    for block, output in enumerate(outputs):
        expected = output[0].numpy()
        np.testing.assert_allclose(poses.joints[block, 1, :, :2], window.to_image(expected[:, :2]), atol=1e-3)
        np.testing.assert_allclose(poses.joints[block, 1, :, 2], expected[:, 2], atol=1e-5)
        np.testing.assert_allclose(poses.confidence[block, 1], expected[:, 3], atol=1e-5)
    last = predict_poses(net, spec, samples, CPU)
    assert last.blocks == BLOCKS[-1:]
    np.testing.assert_allclose(last.joints[0], poses.joints[-1], atol=1e-3)


def test_the_flip_test_makes_a_network_symmetric(tiny_checkpoint: Path, samples: list[Sample], tmp_path: Path) -> None:
    net, spec = network(tiny_checkpoint)
    mirrored = []
    for sample in samples:
        path = tmp_path / f"mirrored_{sample.name}.png"
        cv2.imwrite(str(path), cv2.imread(str(sample.picture.path))[:, ::-1])
        mirrored.append(replace(sample, picture=Picture(path), window=CropWindow(50, 60, 80, 80)))
    straight = [replace(sample, window=CropWindow(50, 60, 80, 80)) for sample in samples]
    there = predict_poses(net, spec, straight, CPU, flip=True).joints[0]
    back = predict_poses(net, spec, mirrored, CPU, flip=True).joints[0][:, PA17.flip]
    np.testing.assert_allclose(back[..., 0], 100 - there[..., 0], atol=1e-2)
    np.testing.assert_allclose(back[..., 1:], there[..., 1:], atol=1e-2)
    plain = predict_poses(net, spec, straight, CPU).joints[0]
    assert np.abs(plain - there).max() > 0.1


def test_samples_in_another_order_are_refused(tiny_checkpoint: Path, samples: list[Sample]) -> None:
    net, spec = network(tiny_checkpoint)
    with pytest.raises(ValueError, match="pa16, the network predicts pa17"):
        predict_poses(net, spec, [replace(samples[0], layout=PA16)], CPU)
    with pytest.raises(ValueError, match="nobody"):
        predict_poses(net, spec, [], CPU)


def whole_clip(net: SPNet, clip: Clip, indices: list[int], mirrored: bool = False) -> np.ndarray:
    """The distribution of the last block over the second set of actions."""
    crops, _ = evaluation_clip(clip, indices, 64, mirrored)
    with torch.inference_mode():
        return net(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)[None])).actions[-1][1][0].numpy()


def test_clips_by_each_protocol(tiny_checkpoint: Path, clips: list[Clip]) -> None:
    net, spec = network(tiny_checkpoint)  # clips of 4 frames

    def found(**how: object) -> np.ndarray:
        return predict_actions(net, spec, clips, 1, 3, CPU, crop=crop.crop, **how).distributions[-1]  # type: ignore[arg-type]

    middle = [4, 7, 10, 13]
    np.testing.assert_allclose(found()[0], whole_clip(net, clips[0], middle), atol=1e-5)
    both = (whole_clip(net, clips[0], middle) + whole_clip(net, clips[0], middle, True)) / 2
    np.testing.assert_allclose(found(flip=True)[0], both, atol=1e-5)
    half_apart = [whole_clip(net, clips[0], list(range(start, start + 10, 3))) for start in (0, 2, 4, 6, 8)]
    np.testing.assert_allclose(found(protocol="paper", batch=3)[0], np.mean(half_apart, 0), atol=1e-5)
    released = [
        whole_clip(net, clips[0], list(range(start, start + 12, 3)), mirrored)
        for start in (0, 4)
        for mirrored in (False, True)
    ]
    product = np.prod(released, 0)
    np.testing.assert_allclose(found(protocol="released")[0], product / product.sum(), atol=1e-5)
    for protocol in ("single", "paper", "released"):
        np.testing.assert_allclose(found(protocol=protocol).sum(-1), 1, atol=1e-6)


def test_every_action_block_is_scored(tiny_checkpoint: Path, clips: list[Clip]) -> None:
    net, spec = network(tiny_checkpoint)
    actions = predict_actions(net, spec, clips, 0, 2, CPU, every_block=True)
    assert actions.blocks == BLOCKS
    assert actions.distributions.shape == (4, 2, 3)
