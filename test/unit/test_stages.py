"""What stages do to the network: frozen parts, batch normalisation, replica poses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training_runs import NETWORK, Noise, make_run, make_trainer, stage

from deephar_ros.model.spnet import SPNet
from deephar_ros.train.stages import copy_replica, is_action_weight

ACTION = {"action": {"videos": 1.0}, "train": "action"}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name]) and "num_batches" not in name}


def copy_of(net: SPNet) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("frozen_norm", ["running", "batch"])
def test_the_action_stage_changes_the_action_path_only(tmp_path: Path, frozen_norm: str) -> None:
    run = make_run(stage(frozen_norm=frozen_norm, **ACTION))
    trainer = make_trainer(tmp_path, run)
    before = copy_of(trainer.net)
    trainer.fit(Noise(run))
    moved = changed(before, copy_of(trainer.net))
    assert moved
    assert all(is_action_weight(name) for name in moved)  # weights and running statistics alike
    assert any(name.endswith("running_mean") for name in moved)


def test_frozen_normalisation_by_the_batch_is_kerass_and_by_running_statistics_that_of_use(tmp_path: Path) -> None:
    losses = {}
    for frozen_norm in ("running", "batch"):
        run = make_run(stage(frozen_norm=frozen_norm, **ACTION))
        trainer = make_trainer(tmp_path / frozen_norm, run)
        seen = []
        trainer.net.blocks["dp1_pb1"].register_forward_hook(lambda *args, seen=seen: seen.append(args[2][1]))
        trainer._begin_stage()
        batch = next(Noise(run).steps(0, 0))
        trainer.update(batch)
        in_use = make_trainer(tmp_path / "use", run).net.eval()
        with torch.no_grad():
            expected = in_use(batch["action"]["images"] / 127.5 - 1).poses[0].flatten(0, 1)
        losses[frozen_norm] = (seen[0] - expected).abs().max().item()
    assert losses["running"] < 1e-5
    assert losses["batch"] > 1e-3


def test_replica_poses_begin_as_copies_and_go_their_own_way(tmp_path: Path) -> None:
    run = make_run(stage(copy_replica=True, pose={"people": 1.0}, action={"videos": 1.0}), average=0.9)
    trainer, at_start = make_trainer(tmp_path, run), []
    update = trainer.update

    def watch(*args: object) -> object:
        if not at_start:
            at_start.extend(difference(net) for net in (trainer.net, trainer.best))
        return update(*args)  # type: ignore[arg-type]

    def difference(net: SPNet) -> float:
        block = net.blocks["up2_pb0"]
        return float((block.heatmaps_conv1.weight - block.heatmaps_conv1_replica.weight).detach().abs().max())  # type: ignore[union-attr, operator]

    trainer.update = watch  # type: ignore[method-assign, assignment]
    assert difference(trainer.net) > 0
    trainer.fit(Noise(run))
    assert at_start == [0, 0]
    assert difference(trainer.net) > 0


def test_copying_replicas_takes_depth_along() -> None:
    torch.manual_seed(0)
    from dataclasses import replace

    net = SPNet(replace(NETWORK, dim=3, num_joints=17))
    copy_replica(net)
    block = net.blocks["up2_pb0"]
    assert torch.equal(block.depthmaps_conv1.weight, block.depthmaps_conv1_replica.weight)  # type: ignore[union-attr, arg-type]
    assert block.depthmaps_conv1.weight is not block.depthmaps_conv1_replica.weight  # type: ignore[union-attr]


def test_fixed_normalisation_leaves_running_statistics(tmp_path: Path) -> None:
    run = make_run(stage(fixed_norm=True))
    trainer = make_trainer(tmp_path, run)
    before = copy_of(trainer.net)
    trainer.fit(Noise(run))
    assert not any("running" in name for name in changed(before, copy_of(trainer.net)))
