"""The network: shapes, sizes, modes and cuts. (Agreement with the authors' implementation: test/golden.)"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.features import pack, section_sizes, unpack
from deephar_ros.model.softargmax import confidence, expected_depth, soft_argmax, spatial_softmax
from deephar_ros.model.spnet import ClipOutput, FrameOutput, SPNet


def test_blocks_stand_in_the_papers_order() -> None:
    stages = SPNetConfig(num_pyramids=2, action_pyramids=(2,), num_actions=(4,)).stages
    assert [s.block_name for s in stages] == ["dp1_pb1", "dp1_pb2", "dp1_pb3", "up2_pb2", "up2_pb1", "up2_pb0"]
    assert [s.channels for s in stages] == [384, 480, 576, 480, 384, 288]
    assert [s.action for s in stages] == [0, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("downsampling", ["maxpooling", "conv"])
@pytest.mark.parametrize("dim", [2, 3])
def test_outputs_have_the_stated_shapes_and_ranges(tiny_config: SPNetConfig, downsampling: str, dim: int) -> None:
    config = replace(tiny_config, downsampling=downsampling, dim=dim, kernel_size=3)
    net = SPNet(config).eval()
    with torch.no_grad():
        out = net(torch.rand(2, 5, 3, 96, 64) * 2 - 1)  # not square, and an odd number of frames
    assert isinstance(out, ClipOutput)
    assert [tuple(p.shape) for p in out.poses] == [(2, 5, 17, dim + 1)] * 4
    assert [[tuple(a.shape) for a in sets] for sets in out.actions] == [[(2, 3), (2, 5)]] * 4
    assert all(p.min() >= 0 and p.max() <= 1 + 1e-6 for p in out.poses)
    for sets in out.actions:
        for probabilities in sets:
            torch.testing.assert_close(probabilities.sum(-1), torch.ones(2))


@pytest.mark.parametrize("frames", [2, 5, 8, 16, 17])
def test_clip_mode_equals_frames_then_action_path(tiny_net: SPNet, frames: int) -> None:
    torch.manual_seed(frames)
    clip = torch.rand(1, frames, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        whole = tiny_net(clip)
        singles = [tiny_net.frames(clip[:, t]) for t in range(frames)]
    for block, pose in enumerate(whole.poses):
        torch.testing.assert_close(torch.stack([s.poses[block] for s in singles], 1), pose, atol=1e-5, rtol=0)
    features = [
        type(singles[0].features[k])(
            torch.stack([s.features[k].pose for s in singles], 1),
            torch.stack([s.features[k].appearance for s in singles], 1),  # type: ignore[arg-type]
        )
        for k in range(len(singles[0].features))
    ]
    with torch.no_grad():
        actions = tiny_net.clip_actions(features)
    for got, expected in zip(actions, whole.actions, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_a_pose_only_action_path_is_given_no_appearance(tiny_config: SPNetConfig) -> None:
    torch.manual_seed(1)
    net = SPNet(replace(tiny_config, action_input="pose")).eval()
    clip = torch.rand(2, 5, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        whole, frames = net(clip), net.frames(clip.flatten(0, 1))
        assert all(feature.appearance is None for feature in frames.features)
        rows = pack(frames.features)
        assert rows.shape == (10, 4 * 17 * 3) == (10, sum(section_sizes(net.config)))
        again = net.clip_actions(unpack(rows.unflatten(0, (2, 5)), net.config))
    for got, expected in zip(again, whole.actions, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_every_cut_leaves_earlier_outputs_bit_equal(tiny_net: SPNet) -> None:
    clip = torch.rand(1, 4, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        whole = tiny_net(clip)
        for number, stage in enumerate(tiny_net.config.stages, start=1):
            cut = tiny_net.cut(stage.pyramid, stage.level)(clip)
            assert len(cut.poses) == number
            assert all(torch.equal(a, b) for a, b in zip(cut.poses, whole.poses, strict=False))
            acted = [a for sets in cut.actions for a in sets]
            assert all(
                torch.equal(a, b) for a, b in zip(acted, [a for sets in whole.actions for a in sets], strict=False)
            )


def test_image_size_that_does_not_divide_is_refused(tiny_net: SPNet) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        tiny_net.frames(torch.zeros(1, 3, 60, 64))


@pytest.mark.parametrize(
    "wrong", [{"dim": 4}, {"num_pyramids": 9}, {"action_pyramids": (3,)}, {"cut": (2, 4)}, {"kernel_size": 4}]
)
def test_configurations_that_make_no_network_are_refused(tiny_config: SPNetConfig, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(tiny_config, **wrong)


def test_soft_argmax_depth_and_confidence_of_a_known_map() -> None:
    logits = torch.full((1, 1, 4, 5), -40.0)
    logits[0, 0, 1, 2], logits[0, 0, 1, 3] = 0.0, 0.0  # two equal cells side by side
    h = spatial_softmax(logits)
    torch.testing.assert_close(soft_argmax(h)[0, 0], torch.tensor([2.5 / 4, 1 / 3]))
    assert confidence(h).item() == pytest.approx(1.0)  # both cells lie in one 2x2 window
    depth = torch.zeros(1, 1, 4, 5)
    depth[0, 0, 1, 3] = 100.0
    assert expected_depth(depth, h).item() == pytest.approx(0.75)


def test_half_precision_maps_are_summed_in_float32() -> None:
    assert spatial_softmax(torch.zeros(1, 1, 2, 2, dtype=torch.float16)).dtype == torch.float32


def test_single_frames_have_no_time_axis(tiny_net: SPNet) -> None:
    with torch.no_grad():
        out = tiny_net(torch.zeros(3, 3, 64, 64))
    assert isinstance(out, FrameOutput)
    assert out.poses[-1].shape == (3, 17, 4)
    assert out.features[0].appearance is not None
    assert out.features[0].appearance.shape == (3, 17, tiny_net.config.stages[0].channels)


def test_maps_of_clips_are_read_as_those_of_frames() -> None:
    """Every step from maps to numbers is the same with more axes in front, and between maps nothing is mixed."""
    maps, depth = torch.randn(2, 5, 3, 4, 6), torch.randn(2, 5, 3, 4, 6)  # B T J H W
    clips = spatial_softmax(maps)
    torch.testing.assert_close(clips.sum((-2, -1)), torch.ones(2, 5, 3))
    for b in range(2):
        frames = spatial_softmax(maps[b])
        torch.testing.assert_close(clips[b], frames)
        torch.testing.assert_close(soft_argmax(clips)[b], soft_argmax(frames))
        torch.testing.assert_close(confidence(clips)[b], confidence(frames))
        torch.testing.assert_close(expected_depth(depth, clips)[b], expected_depth(depth[b], frames))
        torch.testing.assert_close(soft_argmax(frames)[0], soft_argmax(frames[0]))


def test_two_cells_count_together_wherever_they_lie() -> None:
    maps = torch.zeros(1, 1, 6, 6)
    maps[0, 0, 3, 1] = maps[0, 0, 4, 2] = 0.5  # in one window of 2x2, between those that would tile the map
    assert confidence(maps).item() == pytest.approx(1.0)


def test_double_precision_stays_and_half_precision_depth_is_read_in_that_of_the_maps() -> None:
    wide = spatial_softmax(torch.tensor([[[[0.0, 1e-9]]]], dtype=torch.float64))
    assert wide.dtype == torch.float64
    assert wide[0, 0, 0, 0] < wide[0, 0, 0, 1]
    logits = torch.tensor([[[[0.3331]]]], dtype=torch.float16)
    torch.testing.assert_close(
        expected_depth(logits, torch.ones(1, 1, 1, 1)), logits.float().sigmoid()[0, :, 0, 0][None]
    )
