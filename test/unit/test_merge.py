"""An action path on the pose network of another checkpoint."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deephar_ros.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.cli import merge as cli
from deephar_ros.cli.merge import merged
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet

POSE = SPNetConfig(num_joints=17, num_pyramids=2, num_levels=3, growth=8)
ACTING = replace(POSE, growth=2, action_pyramids=(2,), num_actions=(3,), action_input="pose", num_pose_features=16)
LABELS = (("sit", "walk", "wave"),)


def checkpoint(network: SPNetConfig, seed: int, **facts: object) -> tuple[SPNet, ModelSpec]:
    torch.manual_seed(seed)
    return SPNet(network).eval(), ModelSpec(network, input_size=64, **facts)  # type: ignore[arg-type]


def test_a_merged_model_finds_the_poses_of_one_and_the_actions_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pose = checkpoint(POSE, 0, depth_trained=True, name="pose")
    actions = checkpoint(ACTING, 1, labels=LABELS, action_trained=True, clip_spacing=0.3, name="actions")
    save_checkpoint(tmp_path / "pose", *pose, "# pose\n\nFinds poses.\n", half=False)
    save_checkpoint(tmp_path / "actions", *actions, "# actions\n\nNames actions.\n", half=False)
    out = tmp_path / "both"
    monkeypatch.setattr(
        sys, "argv", ["merge", *(str(tmp_path / part) for part in ("pose", "actions")), "--out", str(out)]
    )
    assert cli.main() == 0
    assert "sit, walk, wave" in capsys.readouterr().out
    net, spec = load_checkpoint(out)
    assert (spec.name, spec.labels, spec.clip_spacing) == ("pose", LABELS, 0.3)
    assert spec.depth_trained
    assert spec.action_trained
    card = (out / "MODEL_CARD.md").read_text()
    assert card.index("Finds poses.") < card.index("Names actions.")
    clip = torch.rand(1, 8, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        found = net(clip)
        torch.testing.assert_close(found.poses[-1], pose[0](clip.flatten(0, 1)).poses[-1][None], atol=2e-3, rtol=0)
        features = net.frames(clip[0]).features
        again = actions[0].clip_actions([feature._replace(pose=feature.pose[None]) for feature in features])
    torch.testing.assert_close(found.actions[-1][0], again[-1][0], atol=5e-3, rtol=0)  # both were stored in half


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(ACTING, action_input="combined"), "looks at poses only"),
        (replace(ACTING, dim=2), "network.dim is 3 in pose and 2 in actions"),
    ],
)
def test_action_paths_that_do_not_fit_are_refused(other: SPNetConfig, reason: str) -> None:
    pose = checkpoint(POSE, 0, name="pose")
    with pytest.raises(ValueError, match=reason):
        merged(pose, checkpoint(other, 1, labels=LABELS, name="actions"))
