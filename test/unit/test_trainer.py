"""The training loop: learning, stopping, going on, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_runs import NETWORK, SPEC, Noise, make_run, make_trainer, same_weights, stage

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.data.batches import Batch
from deephar_ros.train.config import LoggingConfig, LossConfig, OptimizerConfig, ScheduleConfig, StageConfig
from deephar_ros.train.objective import Objective
from deephar_ros.train.schedules import make_optimizer, rate_factor

BOTH = {"pose": {"people": 1.0}, "action": {"videos": 1.0}}


class Repeating(Noise):
    """The same batches again and again, which can be learned by heart."""

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        return repeat(next(super().steps(stage, 0)))


class Stopping(Noise):
    """Asks the process to stop as a user would, before a step."""

    def __init__(self, run: object, at: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__(run)  # type: ignore[arg-type]
        self.at, self.number = at, number

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        for step, batch in enumerate(super().steps(stage, first), start=first):
            if step == self.at:
                os.kill(os.getpid(), self.number)
            yield batch


@pytest.mark.parametrize("kind", ["adamw", "rmsprop", "sgd"])
def test_a_run_that_was_stopped_after_10_steps_and_resumed_is_the_run_of_20(tmp_path: Path, kind: str) -> None:
    run = make_run(
        stage(epochs=20, epoch_steps=1, separate_updates=kind == "rmsprop", **BOTH),
        optimizer=OptimizerConfig(kind=kind, learning_rate=1e-3, clip=1.0),
        schedule=ScheduleConfig("cosine", warm_up=3),
        average=0.9,
        logging=LoggingConfig(validate_epochs=50),
    )
    whole = make_trainer(tmp_path / "whole", run)
    assert whole.fit(Noise(run))
    part = make_trainer(tmp_path / "part", run)
    assert not part.fit(Stopping(run, at=9))
    assert part.step == 10
    torch.manual_seed(99)
    again = make_trainer(tmp_path / "part", run)
    again.resume()
    assert again.step == 10
    assert again.fit(Noise(run))
    assert same_weights(whole.net, again.net)
    assert whole.averaged is not None
    assert same_weights(whole.averaged, again.averaged)  # type: ignore[arg-type]


def test_a_cluster_that_ends_the_job_between_two_stages_loses_nothing(tmp_path: Path) -> None:
    run = make_run(stage(name="first"), stage(name="second", action={"videos": 1.0}, train="action"))
    whole = make_trainer(tmp_path / "whole", run)
    whole.fit(Noise(run))
    part = make_trainer(tmp_path / "part", run)
    assert not part.fit(Stopping(run, at=5, number=signal.SIGTERM))  # the last step of the first stage
    again = make_trainer(tmp_path / "part", run)
    again.resume()
    assert again.fit(Noise(run))
    assert same_weights(whole.net, again.net)


def test_a_state_of_other_stages_is_refused(tmp_path: Path) -> None:
    run = make_run(stage(epochs=1, epoch_steps=1))
    make_trainer(tmp_path, run).fit(Noise(run))
    with pytest.raises(ValueError, match=r"stages \['s'\]"):
        make_trainer(tmp_path, make_run(stage(name="other"))).resume()
    with pytest.raises(FileNotFoundError, match="holds no state"):
        make_trainer(tmp_path / "empty", run).resume()


def test_the_state_is_saved_every_so_many_images(tmp_path: Path) -> None:
    run = make_run(stage(), logging=LoggingConfig(validate_epochs=9, save_images=8))
    trainer, seen = make_trainer(tmp_path, run), []
    trainer.save_state = lambda *_: seen.append(trainer.images)  # type: ignore[method-assign]
    trainer.fit(Noise(run))
    assert seen == [0, 8, 16, 24, 24]  # the first is where the run begins, the last its stage's end


def test_a_log_a_card_and_a_checkpoint_tell_how_good_it_is(tmp_path: Path) -> None:
    run = make_run(stage())
    trainer = make_trainer(tmp_path, run, evaluate=lambda net, stage: {"people_pck": 41.5 if stage.pose else 0.0})
    trainer.fit(Noise(run))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["images"], line["people_pck"]) for line in lines] == [(1, 12, 41.5), (2, 24, 41.5)]
    assert 0.1 < lines[0]["pose_loss"] < 2
    assert lines[0]["images_per_second"] > 0
    assert "| people_pck | 41.5 |" in (tmp_path / "MODEL_CARD.md").read_text()
    net, spec = load_checkpoint(tmp_path)
    assert spec == SPEC
    for name, value in net.named_parameters():
        torch.testing.assert_close(value, trainer.net.get_parameter(name), atol=1e-3, rtol=1e-3)


def test_what_is_saved_is_the_running_average(tmp_path: Path) -> None:
    run = make_run(stage(), average=0.5)
    trainer = make_trainer(tmp_path, run)
    name, seen = "blocks.up2_pb0.heatmaps_conv1.weight", []
    update = trainer.update

    def watch(*args: object) -> object:
        result = update(*args)  # type: ignore[arg-type]
        seen.append(trainer.net.get_parameter(name).detach().clone())
        return result

    trainer.update = watch  # type: ignore[method-assign, assignment]
    trainer.fit(Noise(run))
    average = seen[0]
    for value in seen[1:]:
        average = 0.5 * average + 0.5 * value
    torch.testing.assert_close(trainer.best.get_parameter(name), average)


def test_a_picture_that_cannot_be_read_is_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Noise):
        def _batch(self, *args: object) -> Batch:
            return {**super()._batch(*args), "broken": ("people/7.jpg does not decode",)}  # type: ignore[arg-type]

    run = make_run(stage(epochs=1))
    make_trainer(tmp_path, run).fit(Broken(run))
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["broken"] == {"people/7.jpg does not decode": 3}
    assert capsys.readouterr().out.count("people/7.jpg does not decode") == 2  # when first met, and in the log's line


@pytest.mark.parametrize("kind", ["pose", "action"])
def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_the_batch(tmp_path: Path, kind: str) -> None:
    run = make_run(stage(pose={}, action={"videos": 1.0}) if kind == "action" else stage())
    trainer = make_trainer(tmp_path, run)
    with torch.no_grad():
        trainer.net.entry.conv1.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=rf"{kind} loss is nan.*bad_{kind}_batch\.safetensors"):
        trainer.fit(Noise(run))
    batch = next(Noise(run).steps(0, 0))[kind]
    assert torch.equal(load_file(tmp_path / f"bad_{kind}_batch.safetensors")["images"], batch["images"])


def test_a_batch_in_parts_gives_the_same_weights(tmp_path: Path) -> None:
    weights = []
    for accumulate in (1, 2):
        run = make_run(stage(accumulate=accumulate, fixed_norm=True, **BOTH), optimizer=OptimizerConfig("sgd", 0.01))
        trainer = make_trainer(tmp_path / str(accumulate), run)
        trainer.fit(Noise(run))
        weights.append(trainer.net.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=1e-5, rtol=1e-4)


def test_separate_updates_take_moments_of_their_own(tmp_path: Path) -> None:
    run = make_run(stage(epochs=1, epoch_steps=1, separate_updates=True, **BOTH))
    trainer = make_trainer(tmp_path, run)
    trainer._begin_stage()
    trainer.update(next(Noise(run).steps(0, 0)))
    head = next(trainer.net.actions["act1"].parameters())
    assert head not in trainer.optimizers["pose"].state  # the pose loss does not reach the action path
    assert head in trainer.optimizers["action"].state
    stem = trainer.net.entry.conv1.weight
    moments = [trainer.optimizers[kind].state[stem]["exp_avg"] for kind in ("pose", "action")]
    assert not torch.equal(*moments)


def test_supervised_blocks_are_those_that_are_named() -> None:
    everything = Objective(NETWORK, LossConfig())
    assert (everything.poses, everything.actions) == ([0, 1], [0])
    assert Objective(NETWORK, LossConfig(blocks=("last",))).poses == [1]
    first = Objective(NETWORK, LossConfig(blocks=("p1_l2",)))
    assert (first.poses, first.actions) == ([0], [])
    with pytest.raises(ValueError, match="no block p3_l1"):
        Objective(NETWORK, LossConfig(blocks=("p3_l1",)))


def test_the_loss_is_the_papers_sum_over_blocks_and_sets() -> None:
    objective = Objective(NETWORK, LossConfig(confidence=0.0))
    target = torch.full((1, 16, 3), 0.5)  # with a depth, which a 2D network leaves alone
    poses = [torch.full((1, 16, 3), 0.6), torch.full((1, 16, 3), 0.7)]
    assert objective.pose(poses, target).item() == pytest.approx(0.1 + 0.01 + 0.2 + 0.04, rel=1e-5)
    actions = [[torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), torch.tensor([[0.9, 0.1], [0.2, 0.8]])]]
    labels = torch.tensor([[0, -1], [2, 1]])
    expected = -0.01 * (torch.tensor([0.5, 0.8, 0.8]).log().sum().item() / 2)
    assert objective.action(actions, labels).item() == pytest.approx(expected, rel=1e-5)


def test_learning_rates_follow_the_paper_and_todays_way() -> None:
    steps = ScheduleConfig("steps", drops=(15, 25))
    assert [rate_factor(steps, epoch, 30) for epoch in (14.9, 15, 25)] == pytest.approx([1, 0.1, 0.01])
    cosine = ScheduleConfig("cosine", warm_up=2)
    assert [rate_factor(cosine, epoch, 10) for epoch in (1, 5, 10)] == pytest.approx([0.5, 0.5, 0])


def test_optimizers_have_keras_constants() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    rmsprop = make_optimizer(OptimizerConfig("rmsprop", 0.001), [weight])
    weight.grad = torch.tensor([2.0])
    rmsprop.step()
    assert weight.item() == pytest.approx(1 - 0.001 * 2 / (0.4**0.5 + 1e-7), rel=1e-6)
    nesterov = make_optimizer(OptimizerConfig("sgd", 0.1), [weight])
    assert (nesterov.defaults["momentum"], nesterov.defaults["nesterov"]) == (0.9, True)


def test_tensorboard_gets_scalars_and_pictures_with_predictions(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = make_run(stage(epochs=1), logging=LoggingConfig(tensorboard=True, pictures=3))
    make_trainer(tmp_path, run).fit(Noise(run))
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"pose_loss", "images_per_second", "learning_rate"} <= set(events.Tags()["scalars"])
    (grid,) = events.Images("predictions")
    assert (grid.width, grid.height) == (4 * 32, 32)


def test_bfloat16_and_one_supervised_block_train_too(tmp_path: Path) -> None:
    run = make_run(stage(epochs=10, **BOTH), loss=LossConfig(blocks=("last",)))
    run = replace(run, runtime=replace(run.runtime, bfloat16=True))
    make_trainer(tmp_path, run).fit(Repeating(run))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["pose_loss"] < 0.95 * lines[0]["pose_loss"]


def test_unused_stage_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="train = 'action'"):
        StageConfig("s", 1, 1, pose={"people": 1.0}, train="action")
