"""Any configuration makes a network whose outputs have the stated shapes, in both modes, and can be cut anywhere."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.named_outputs import named_outputs
from deephar_ros.model.spnet import SPNet


@st.composite
def configurations(draw: st.DrawFn) -> SPNetConfig:
    pyramids = draw(st.integers(1, 8))
    acting = draw(st.sets(st.integers(1, pyramids)))
    return SPNetConfig(
        num_joints=draw(st.sampled_from([16, 17, 20])),
        dim=draw(st.sampled_from([2, 3])),
        num_pyramids=pyramids,
        num_levels=draw(st.integers(2, 4)),
        action_pyramids=tuple(sorted(acting)),
        num_actions=tuple(draw(st.lists(st.integers(2, 9), min_size=1, max_size=3))) if acting else (),
        pose_replica=draw(st.booleans()),
        action_input=draw(st.sampled_from(["combined", "pose", "appearance"])),
        num_pose_features=draw(st.sampled_from([16, 40])),
        num_visual_features=draw(st.sampled_from([8, 24])),
        growth=draw(st.sampled_from([4, 6])),
        image_div=draw(st.sampled_from([4, 8, 16])),
        kernel_size=draw(st.sampled_from([1, 3, 5])),
        downsampling=draw(st.sampled_from(["maxpooling", "conv"])),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=configurations(), frames=st.integers(2, 32), which=st.integers(0, 10**6))
def test_any_configuration(config: SPNetConfig, frames: int, which: int) -> None:
    torch.manual_seed(0)
    net, size = SPNet(config).eval(), 2 * config.size_multiple  # confidence needs maps of at least 2x2
    clip = torch.rand(1, frames, 3, size, size + config.size_multiple) * 2 - 1
    with torch.no_grad():
        whole = named_outputs(net, clip)
    for name, value in whole.items():
        kind = name.split("_")[0]
        if kind == "pose":
            assert value.shape == (1, frames, config.num_joints, config.dim + 1), name
            assert value.min() >= 0 and value.max() <= 1 + 1e-5, name  # noqa: PT018
        elif kind == "action":
            assert value.shape == (1, config.num_actions[int(name[-1])]), name
            assert torch.allclose(value.sum(-1), torch.ones(1)), name
    stage = config.stages[which % len(config.stages)]
    with torch.no_grad():
        cut = named_outputs(net.cut(stage.pyramid, stage.level), clip)
    assert f"pose_p{stage.pyramid}_l{stage.level}" in cut
    assert all(torch.equal(value, whole[name]) for name, value in cut.items())
