"""Training: one loop over the stages of a run that shows its progress and can be stopped and resumed anywhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.data.batches import Batch
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import ClipOutput, FrameOutput, SPNet
from deephar_ros.pixels import normalise
from deephar_ros.train.bad_batch import save_bad_batch
from deephar_ros.train.batch import Source, parts
from deephar_ros.train.config import OptimizerConfig, RunConfig, ScheduleConfig, StageConfig
from deephar_ros.train.depthwise import speed_up
from deephar_ros.train.distributed import Group
from deephar_ros.train.interrupt import Interrupt
from deephar_ros.train.monitor import Monitor, cut_log
from deephar_ros.train.objective import HeatMaps, Objective
from deephar_ros.train.predictions import prediction_grid
from deephar_ros.train.schedules import make_optimizer, rate_factor
from deephar_ros.train.stages import copy_replica, set_mode, trained_weights
from deephar_ros.train.state import fill_optimizer, load_state, optimizer_tensors, prefixed, save_state, without_prefix

Evaluate = Callable[[SPNet, StageConfig], dict[str, float]]
"""Measures by name of a network in evaluation mode, of what the stage trains."""


class Trainer:
    """Trains `net` and leaves a checkpoint folder, log.jsonl and the state to resume from in `out`.

    Attributes:
        stage, step: how many stages are complete, and how many steps of the next one.
        images: pictures seen so far by all processes, frames of clips counted.
    """

    def __init__(
        self,
        net: SPNet,
        run: RunConfig,
        out: Path,
        device: torch.device | str = "cpu",
        group: Group | None = None,
        evaluate: Evaluate | None = None,
    ) -> None:
        self.run, self.out, self.device = run, out, torch.device(device)
        self.group, self.evaluate = group or Group(), evaluate
        if run.runtime.synchronise_norm:
            net = cast(SPNet, nn.SyncBatchNorm.convert_sync_batchnorm(net))
        memory = torch.channels_last if run.runtime.channels_last else torch.contiguous_format
        self.net = net.to(self.device).to(memory_format=memory)  # type: ignore[call-overload]
        self.forward = torch.compile(self.net) if run.runtime.compile else self.net
        self.averaged = (
            AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(run.average), use_buffers=True)
            if run.average
            else None
        )
        self.objective = Objective(net.config, run.loss)
        # After the copy that is averaged, which is not trained.
        self.heat_maps = HeatMaps(self.net) if run.loss.maps else None
        if self.device.type == "cpu" and not run.runtime.compile:
            speed_up(self.net)
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.stage = self.step = self.images = 0
        self._interval: dict[str, Any] = {}  # what the monitor had collected when the state was saved

    @property
    def best(self) -> SPNet:
        """The network that is evaluated and saved."""
        return self.net if self.averaged is None else cast(SPNet, self.averaged.module)

    def fit(self, source: Source) -> bool:
        """Trains from where the run stands to its end; False if it was interrupted, its state then is saved."""
        total = sum(stage.steps * self._pictures_per_step(stage) for stage in self.run.stages)
        silent = self.group.rank > 0
        with (
            Interrupt() as interrupt,
            Monitor(self.out, total, self.images, self.run.logging.tensorboard, silent, self._interval) as monitor,
        ):
            if self.images == 0:
                self.save_state()  # so that there is one to resume from as soon as there is a log
            while self.stage < len(self.run.stages):
                if not self._run_stage(source, monitor, interrupt):
                    self.save_state(monitor.interval)
                    monitor.say(f"interrupted and saved after {self.images} images; --resume goes on from here")
                    return False
                self.stage, self.step, self.optimizers = self.stage + 1, 0, {}
                self.save_state()
        return True

    def _run_stage(self, source: Source, monitor: Monitor, interrupt: Interrupt) -> bool:
        """The rest of the current stage; False if it was interrupted."""
        stage = self.run.stages[self.stage]
        if self.step == 0:
            self._begin_stage()
            if stage.copy_replica:
                for net in {self.net, self.best}:
                    copy_replica(net)
        saved_at, saved_images = time.monotonic(), self.images
        batches = source.steps(self.stage, self.step)
        while self.step < stage.steps:
            try:
                step = next(batches)
            except RuntimeError:
                if interrupt.requested:  # the signal went to the loaders too, and they died of it
                    return False
                raise
            losses, stop = self.update(step, interrupt.requested)
            broken = [name for batch in step.values() for name in batch.get("broken", ())]
            monitor.step(losses, self._pictures_per_step(stage), broken)
            if self._is_time_to_validate(stage):
                self._report(monitor, step)
            logging = self.run.logging
            if stop:
                return False
            if (time.monotonic() - saved_at) / 60 >= logging.save_minutes or (
                0 < logging.save_images <= self.images - saved_images
            ):
                self.save_state(monitor.interval)
                saved_at, saved_images = time.monotonic(), self.images
        return True

    def _begin_stage(self) -> None:
        stage = self.run.stages[self.stage]
        weights = trained_weights(self.net, stage)
        names = ("pose", "action") if stage.separate_updates else ("both",)
        self.optimizers = {name: make_optimizer(self._optimizer_config(stage), weights) for name in names}

    def update(self, batches: dict[str, Batch], stop: bool = False) -> tuple[dict[str, float], bool]:
        """One step: a forward and backward pass of each batch, and an update by their sum or after each.

        Args:
            batches: by "pose" and "action".
            stop: whether this process was asked to stop.

        Returns:
            Losses by name and whether any process was asked to stop, alike in all processes.

        Raises:
            FloatingPointError: a loss or its gradient is not finite; the batch is in a file in `out`, the weights are
                as before.
        """
        stage = self.run.stages[self.stage]
        set_mode(self.net, stage)
        rate = self.learning_rate()
        losses = {name: torch.zeros((), device=self.device) for name in batches}
        asked = torch.full((), float(stop), device=self.device)
        for name, optimizer in self.optimizers.items():
            chosen = {kind: batch for kind, batch in batches.items() if name in ("both", kind)}
            if not chosen:
                continue
            optimizer.zero_grad()
            for kind, batch in chosen.items():
                losses[kind] += self._backward(kind, batch, stage.accumulate)
            gradients = [w.grad for w in self.net.parameters() if w.grad is not None]
            self.group.average_([*gradients, *self._running_statistics(), *losses.values(), asked])
            norm = nn.utils.clip_grad_norm_(self.net.parameters(), self._optimizer_config(stage).clip or math.inf)
            if not norm.isfinite():
                raise self._not_finite("gradient", norm, chosen)
            for weights in optimizer.param_groups:
                weights["lr"] = rate
            optimizer.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.net)
        self.step += 1
        self.images += self._pictures_per_step(stage)
        return {name: float(loss) for name, loss in losses.items()}, bool(asked > 0)

    def _backward(self, kind: str, batch: Batch, count: int) -> Tensor:
        """Adds a batch's gradients to those that the weights have, in `count` parts; its loss."""
        total = torch.zeros((), device=self.device)
        pieces = parts(batch, count)
        for part in pieces:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run.runtime.bfloat16):
                output = self._forward(part["images"].to(self.device, non_blocking=True))
            maps = self.heat_maps.take() if self.heat_maps else ()
            if kind == "pose":
                loss = self.objective.pose(output.poses, part["pose"].to(self.device), maps)
            else:
                assert isinstance(output, ClipOutput)
                loss = self.objective.action(output.actions, part["labels"].to(self.device))
            (loss / len(pieces)).backward()
            total += loss.detach() / len(pieces)
        if not total.isfinite():
            raise self._not_finite(f"{kind} loss", total, {kind: batch})
        return total

    def _not_finite(self, what: str, value: Tensor, batches: dict[str, Batch]) -> FloatingPointError:
        layout, rank = self.run.model.layout, self.group.rank
        files = [save_bad_batch(self.out, kind, batch, layout, rank) for kind, batch in batches.items()]
        return FloatingPointError(
            f"the {what} is {value:g} after {self.images} images; the batch is in {', '.join(files)}: mend its data, "
            "or lower optimizer.learning_rate or set optimizer.clip; --resume goes on from the last saved state"
        )

    def _forward(self, images: Tensor) -> FrameOutput | ClipOutput:
        """Through the network, or through its action path if `images` are rows of features (B, T, K)."""
        if images.dim() == 3:
            return ClipOutput([], self.net.clip_actions(unpack(images, self.net.config)))
        images = normalise(images)
        if images.dim() == 4 and self.run.runtime.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return self.forward(images)

    def _running_statistics(self) -> Iterable[Tensor]:
        return (buffer for buffer in self.net.buffers() if buffer.is_floating_point())

    def learning_rate(self) -> float:
        """Of the coming step, by the schedule at its middle."""
        stage = self.run.stages[self.stage]
        factor = rate_factor(self._schedule(stage), (self.step + 0.5) / stage.epoch_steps, stage.epochs)
        return self._optimizer_config(stage).learning_rate * factor

    def _optimizer_config(self, stage: StageConfig) -> OptimizerConfig:
        return stage.optimizer or self.run.optimizer

    def _schedule(self, stage: StageConfig) -> ScheduleConfig:
        return stage.schedule or self.run.schedule

    def _pictures_per_step(self, stage: StageConfig) -> int:
        clips = stage.clips * self.run.model.clip_frames
        return (stage.batch if stage.pose else 0) + (clips if stage.action else 0)

    def _is_time_to_validate(self, stage: StageConfig) -> bool:
        interval = self.run.logging.validate_epochs * stage.epoch_steps
        return self.step == stage.steps or self.step // interval > (self.step - 1) // interval

    def _report(self, monitor: Monitor, batches: dict[str, Batch]) -> None:
        """Evaluates, logs and saves a checkpoint; other processes than the first go on to the next step and wait."""
        if self.group.rank:
            return
        stage, best = self.run.stages[self.stage], self.best.eval()
        metrics = {} if self.evaluate is None else self.evaluate(best, stage)
        line = {
            "stage": stage.name,
            "epoch": round(self.step / stage.epoch_steps, 2),
            "images": self.images,
            "learning_rate": self.learning_rate(),
        }
        line = monitor.report(line, metrics, self.images)
        if monitor.shows_pictures and "pose" in batches and self.run.logging.pictures:
            crops = batches["pose"]["images"][: self.run.logging.pictures].to(self.device)
            monitor.picture(prediction_grid(best, crops, self.run.model.layout), self.images)
        self.save_checkpoint(line)

    def save_checkpoint(self, line: dict[str, Any]) -> None:
        """Checkpoint folder of the best weights; its card tells the last line of the log."""
        acted = any(stage.action for stage in self.run.stages[: self.stage + 1])
        spec = replace(self.run.model, action_trained=self.run.model.action_trained and acted)
        save_checkpoint(self.out, self.best, spec, model_card(spec, self.run, line))

    def save_state(self, interval: dict[str, Any] | None = None) -> None:
        """All that `resume` needs; the first process writes. `interval` is the monitor's."""
        if self.group.rank:
            return
        state = prefixed("net", self.net.state_dict()) | {"random": torch.get_rng_state()}
        if self.averaged is not None:
            state |= prefixed("averaged", self.averaged.state_dict())
        for name, optimizer in self.optimizers.items():
            state |= prefixed(f"optimizer_{name}", optimizer_tensors(optimizer))
        names = [stage.name for stage in self.run.stages]
        facts = {"stage": self.stage, "step": self.step, "images": self.images, "stages": names}
        facts["interval"] = interval or {}
        save_state(self.out, state, facts)

    def resume(self) -> None:
        """Goes on where the state in `out` stopped; what the log says of later steps is taken out.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is broken, or that of a run with other stages or another network.
        """
        saved, facts = load_state(self.out)
        try:
            self._take(saved, facts)
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"the state in {self.out} is that of another run ({reason}); name another --out"
            ) from error
        if self.group.rank == 0:
            cut_log(self.out, self.images)

    def _take(self, saved: dict[str, Tensor], facts: dict[str, Any]) -> None:
        names = [stage.name for stage in self.run.stages]
        self.stage, self.step, self.images = facts["stage"], facts["step"], facts["images"]
        if facts["stages"][: self.stage + 1] != names[: self.stage + 1]:
            raise ValueError(f"the state in {self.out} is that of a run with stages {facts['stages']}")
        self._interval = facts.get("interval", {})
        self.net.load_state_dict(without_prefix("net", saved))
        if self.averaged is not None:
            self.averaged.load_state_dict(without_prefix("averaged", saved))
        if self.step:
            self._begin_stage()
            for name, optimizer in self.optimizers.items():
                fill_optimizer(optimizer, without_prefix(f"optimizer_{name}", saved))
        torch.set_rng_state(saved["random"])


def model_card(spec: ModelSpec, run: RunConfig, line: dict[str, Any]) -> str:
    """What can be said of a checkpoint without looking at its pictures."""
    untrained = [what for what, ok in (("depth", spec.depth_trained), ("action", spec.action_trained)) if not ok]
    facts = "\n".join(f"| {name} | {value} |" for name, value in line.items())
    sets = ", ".join(f"{s.name} ({s.reader}, {s.split})" for s in run.data.sets)
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"Input {spec.input_size} px, joints {spec.layout.name}, trained on: {sets or 'unnamed data'}.",
            *[f"The {what} outputs are untrained: random weights." for what in untrained],
            "",
            "| last evaluation | |",
            "|---|---|",
            facts,
            "",
            f"Stages: {'; '.join(f'{s.name}, {s.epochs:g} epochs of {s.epoch_steps} steps' for s in run.stages)}.",
            "",
        ]
    )
