"""What `--explain` shows is what the block computed: maps, poses, and where the maps lie on the crop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.checkpoint import CheckpointError, ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.geometry import Box
from deephar_ros.infer.explain import Explainer, Maps, find_block, read_maps
from deephar_ros.infer.explain_sheet import depth_tile, enlarge, heat_tile
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.people import Person, State
from deephar_ros.pixels import normalise
from deephar_ros.skeleton import MESSAGE_LAYOUTS, NETWORK_LAYOUTS
from deephar_ros.track import box_window


@pytest.fixture
def crop() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def image(crop: np.ndarray) -> torch.Tensor:
    return normalise(torch.from_numpy(crop).permute(2, 0, 1)[None])


def expectation(maps: Maps) -> np.ndarray:
    """(J, 2 or 3) what the maps say, by the formulas of the paper, in numpy."""
    rows, columns = maps.heat.shape[1:]
    x = (maps.heat.sum(1) * np.linspace(0, 1, columns)).sum(1)
    y = (maps.heat.sum(2) * np.linspace(0, 1, rows)).sum(1)
    z = [] if maps.depth is None else [(maps.heat * maps.depth).sum((1, 2))]
    return np.stack([x, y, *z], -1)


@pytest.mark.parametrize("block", range(4))
def test_the_maps_shown_are_those_that_the_pose_was_read_from(tiny_net: SPNet, crop: np.ndarray, block: int) -> None:
    stage = tiny_net.config.stages[block]
    with torch.inference_mode():
        output = tiny_net.frames(image(crop))
    pose, decoupled = read_maps(tiny_net, stage, image(crop))
    np.testing.assert_array_equal(pose.pose, output.poses[block][0])
    np.testing.assert_allclose(expectation(pose), pose.pose[:, :3], atol=1e-5)
    np.testing.assert_allclose(pose.heat.sum((1, 2)), 1, atol=1e-5)
    # The action path's own copy: its features are coordinates times confidence.
    seen = decoupled.pose[:, :3] * decoupled.pose[:, 3:]
    np.testing.assert_allclose(seen, output.features[stage.action - 1].pose[0], atol=1e-6)
    np.testing.assert_allclose(expectation(decoupled), decoupled.pose[:, :3], atol=1e-5)
    assert np.abs(decoupled.heat - pose.heat).max() > 1e-4


def test_nothing_is_left_behind_in_the_network(tiny_net: SPNet, crop: np.ndarray) -> None:
    stage = tiny_net.config.stages[0]
    read_maps(tiny_net, stage, image(crop))
    with pytest.raises(ValueError, match="multiple"):
        read_maps(tiny_net, stage, image(crop[:60]))
    assert not tiny_net.blocks[stage.block_name].read._forward_hooks  # type: ignore[union-attr]


def test_the_explainer_tells_the_blocks_pose_from_the_action_paths(tiny_checkpoint: Path, crop: np.ndarray) -> None:
    net, _ = load_checkpoint(tiny_checkpoint)
    for number, stage in enumerate(net.config.stages, start=1):
        explanation = Explainer(tiny_checkpoint, str(number)).crop(crop)
        pose, decoupled = read_maps(net, stage, image(crop))
        assert explanation.decoupled is not None
        np.testing.assert_array_equal(explanation.pose.heat, pose.heat)
        np.testing.assert_array_equal(explanation.decoupled.heat, decoupled.heat)


@pytest.mark.parametrize("dim", [2, 3])
def test_without_an_own_copy_of_the_action_path_there_is_one_pose(
    tiny_config: SPNetConfig, crop: np.ndarray, tmp_path: Path, dim: int
) -> None:
    config = replace(tiny_config, pose_replica=False, dim=dim)
    save_checkpoint(tmp_path, SPNet(config), ModelSpec(config, 64, (("a", "b", "c"), tuple("defgh"))), "")
    explainer = Explainer(tmp_path)
    explanation = explainer.crop(crop)
    assert explanation.decoupled is None
    assert (explanation.pose.depth is None) == (dim == 2)
    np.testing.assert_allclose(expectation(explanation.pose), explanation.pose.pose[:, :dim], atol=1e-5)
    assert explainer.picture(explanation).shape[1::-1] == explainer.size


def test_blocks_go_by_name_by_number_and_last(tiny_config: SPNetConfig) -> None:
    stages = tiny_config.stages
    assert [find_block(tiny_config, name) for name in ("dp1_pb1", "1", "4", "last")] == [
        *stages[:1], stages[0], stages[3], stages[3],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["0", "5", "-1", "dp1_pb7", "", "Last"])
def test_an_unknown_block_is_answered_with_those_that_there_are(tiny_checkpoint: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"no block .*; it has 1 dp1_pb1, 2 dp1_pb2, 3 up2_pb1, 4 up2_pb0, and 'last'"):
        Explainer(tiny_checkpoint, name)


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a checkpoint folder"):
        Explainer(tmp_path, "last")


def test_a_person_is_looked_at_in_the_window_around_the_box(tiny_checkpoint: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    box = Box(100, 50, 180, 190)
    nothing = np.zeros((17, 2))
    layout = MESSAGE_LAYOUTS["pa17"]
    person = Person("7", State.TRACKED, layout, nothing, np.zeros((17, 3)), np.ones(17), box)
    explainer = Explainer(tiny_checkpoint, "2")
    explanation = explainer.person(pixels, person)
    np.testing.assert_array_equal(explanation.crop, box_window(box).cut(pixels, 64))
    assert explanation.who == "7"
    assert explanation.block == "dp1_pb2"
    assert explanation.layout is NETWORK_LAYOUTS[17]
    picture = explainer.picture(explanation)
    assert picture.shape == (*explainer.size[::-1], 3)
    other = explainer.picture(replace(explanation, who="8"))
    assert 0 < (picture != other).any(-1).sum() < 300  # the name alone


# Where the maps lie on the crop: the centres of the outermost cells are the crop's borders, as in `soft_argmax`.


def test_corner_cells_are_shown_in_the_corners() -> None:
    heat = np.zeros((3, 5))
    heat[0, 0] = 1
    shown = enlarge(heat, 100)
    assert shown.shape == (100, 100)
    assert np.unravel_index(shown.argmax(), shown.shape) == (0, 0)
    assert shown[0, 0] > 0.95
    assert shown[:, 30:].max() < 1e-6  # the next cell's centre is a quarter of the width away


def test_a_ramp_of_depth_stays_one() -> None:
    shown = enlarge(np.tile(np.linspace(0, 1, 4), (4, 1)), 80)
    np.testing.assert_allclose(shown[10], (np.arange(80) + 0.5) / 80, atol=0.02)


def test_the_brightest_spot_lies_where_the_joint_is() -> None:
    heat = np.zeros((16, 16))
    heat[4, 10], heat[4, 11], heat[5, 10] = 0.8, 0.1, 0.1
    maps = Maps(heat[None], None, np.zeros((1, 3)))
    x, y = expectation(maps)[0]
    dark = np.zeros((104, 104, 3), np.uint8)
    bright = heat_tile(dark, heat).sum(-1)
    row, column = np.unravel_index(bright.argmax(), bright.shape)
    assert abs(column - x * 104) < 4
    assert abs(row - y * 104) < 4
    assert bright[60:].max() == 0  # elsewhere the crop is left as it is


def test_depth_is_dark_in_front_and_bright_behind() -> None:
    tile = depth_tile(np.full((80, 80, 3), 128, np.uint8), np.tile(np.linspace(0, 1, 4), (4, 1)))
    assert (np.diff(tile.sum(-1).astype(int).mean(0)[::10]) > 0).all()


def test_the_sheet_shows_the_maps_of_every_joint(tiny_checkpoint: Path, crop: np.ndarray) -> None:
    explainer = Explainer(tiny_checkpoint, "last")
    explanation = explainer.crop(crop)
    before = explainer.picture(explanation)
    for joint in (0, 8, 16):
        heat = explanation.pose.heat.copy()
        heat[joint] = heat[joint].T[::-1]
        changed = explainer.picture(replace(explanation, pose=replace(explanation.pose, heat=heat)))
        rows, columns = np.nonzero((changed != before).any(-1))
        assert np.ptp(rows) < 110, joint
        assert np.ptp(columns) < 110, joint
