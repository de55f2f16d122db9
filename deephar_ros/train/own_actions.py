"""Trains the action path for a user's own actions on a frozen pose network, from clips without pose labels."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deephar_ros.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from deephar_ros.data.samples import DatasetError
from deephar_ros.model.features import unpack
from deephar_ros.model.spnet import SPNet
from deephar_ros.settings import node_settings
from deephar_ros.train.config import (
    DataConfig,
    FeaturesConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    ScheduleConfig,
    SetConfig,
    StageConfig,
)
from deephar_ros.train.feature_cache import network_digest
from deephar_ros.train.own_actions_clips import OwnBatches, OwnClip, probabilities
from deephar_ros.train.own_actions_data import OwnData, find_clips, see_clips, tells_sides
from deephar_ros.train.own_actions_report import Facts, write_report
from deephar_ros.train.own_actions_rows import RowReader
from deephar_ros.train.stages import is_action_weight
from deephar_ros.train.state import FILE as STATE
from deephar_ros.train.trainer import Trainer

SPLIT, BEST = "split.json", "best.safetensors"
EPOCHS, LEAST_EPOCH, CLIPS_PER_STEP = 10, 20, 16
"""Evaluations while training, steps between two of them at least, clips in a step."""
SETTLING = 10
"""Batches from which batch normalisation takes its statistics; those that follow training are late in short runs."""


@dataclass(frozen=True)
class OwnActions:
    """What a user asks for.

    Attributes:
        data: folder of clips, as `data.folder` reads it; `cache` keeps what the network sees of them.
        out: folder of the new checkpoint.
        base: checkpoint whose pose network is taken as it is.
        patterns: recordings or clips to hold out; none: chosen by `hold_out`.
        clip_spacing: seconds between the frames of a clip; None: as the base.
        mirror: learn from mirrored pictures too; None: unless the name of an action tells left from right.
        steps: of training.
        command: by which all this was asked for.
    """

    data: Path
    out: Path
    base: Path
    cache: Path
    patterns: tuple[str, ...] = ()
    clip_spacing: float | None = None
    mirror: bool | None = None
    steps: int = 400
    seed: int = 0
    device: str = "cpu"
    command: str = ""


def train_own_actions(wish: OwnActions, resume: bool = False) -> str | None:
    """Trains, evaluates on the clips held out, and leaves a checkpoint folder.

    Args:
        resume: go on with a run that was interrupted, if there is one.

    Returns:
        The report, in words; None if training was interrupted.

    Raises:
        DatasetError, SegmentsError: the clips cannot be used.
        CheckpointError: the base cannot be used.
        FileExistsError: there is a run in `out` already.
    """
    going_on = resume and (wish.out / STATE).is_file()
    if (wish.out / "log.jsonl").exists() and not going_on:
        raise FileExistsError(f"{wish.out} holds a run: another --out starts anew, --resume goes on with one cut short")
    clips = find_clips(wish.data)
    labels = tuple(sorted({clip.label for clip in clips}))
    sided = [label for label in labels if tells_sides(label)]
    mirror = not sided if wish.mirror is None else wish.mirror
    torch.manual_seed(wish.seed)
    net, spec = first_network(wish, labels)
    if not going_on:
        save_checkpoint(wish.out, net, spec, f"# {spec.name}\n\nActions untrained so far: random weights.\n")
    data = see_clips(wish.data, clips, _reader(wish, spec, mirror), wish.patterns)
    _check_same_clips(wish.out / SPLIT, data, going_on)
    spec = replace(spec, action_trained=True)
    trained = _train(wish, spec, net, data, going_on)
    if trained is None:
        return None
    save_checkpoint(wish.out, trained, spec, f"# {spec.name}\n\nNot evaluated yet.\n")
    facts = Facts(load_checkpoint(wish.base)[1].name, wish.command, wish.seed, mirror, tuple(sided))
    report = write_report(wish.out, data, facts, torch.device(wish.device))
    for file in (STATE, BEST):
        (wish.out / file).unlink(missing_ok=True)
    return report


def first_network(wish: OwnActions, labels: Sequence[str]) -> tuple[SPNet, ModelSpec]:
    """The base with an action path for these labels: the base's own but for the last layers if trained, else random.

    Raises:
        CheckpointError: the base cannot be used.
    """
    base, spec = load_checkpoint(wish.base)
    acting = base.config.action_pyramids or (base.config.num_pyramids,)
    network = replace(base.config, num_actions=(len(labels),), action_pyramids=acting)
    net = SPNet(network)
    taken = {
        name: value
        for name, value in base.state_dict().items()
        if not is_action_weight(name) or (spec.action_trained and not _depends_on_labels(name))
    }
    net.load_state_dict(taken, strict=False)
    spacing = wish.clip_spacing or spec.clip_spacing
    return net.eval(), replace(
        spec,
        network=network,
        labels=(tuple(labels),),
        clip_spacing=spacing,
        action_trained=False,
        name=wish.out.resolve().name,
    )


def _depends_on_labels(name: str) -> bool:
    return ".pred.conv2h." in name or name.endswith(".pred.conv3.weight")


def _reader(wish: OwnActions, spec: ModelSpec, mirror: bool) -> RowReader:
    identity = network_digest(load_checkpoint(wish.out)[0], spec)
    span = (spec.clip_frames - 1) * spec.clip_spacing
    return RowReader(wish.out, identity, node_settings(), 2 if mirror else 1, span, wish.cache, wish.device)


def _check_same_clips(file: Path, data: OwnData, going_on: bool) -> None:
    if going_on and json.loads(file.read_text()) != data.names:
        raise DatasetError(f"the clips are not those of {file}, with which the run began; start anew in another --out")
    file.write_text(json.dumps(data.names, indent=1) + "\n")


def _train(wish: OwnActions, spec: ModelSpec, net: SPNet, data: OwnData, going_on: bool) -> SPNet | None:
    """The network at its best on the validation part, without one at the end; None if interrupted."""
    source = OwnBatches(data.parts["train"], spec, CLIPS_PER_STEP, wish.seed)
    keeper = _Best(spec, data.parts["validation"], source, wish.out / BEST, torch.device(wish.device))
    trainer = Trainer(net, _run_config(wish, spec), wish.out, wish.device, evaluate=keeper)
    if going_on:
        trainer.resume()
    if not trainer.fit(source):
        return None
    best = trainer.best
    if keeper.file.is_file():
        best.load_state_dict(load_file(keeper.file, wish.device))
    return best.eval()


def _run_config(wish: OwnActions, spec: ModelSpec) -> RunConfig:
    epochs = max(1, min(EPOCHS, wish.steps // LEAST_EPOCH))
    stage = StageConfig(
        "action", epochs, wish.steps // epochs, action={"own": 1.0}, clips=CLIPS_PER_STEP, train="action"
    )
    return RunConfig(
        spec,
        (stage,),
        DataConfig((SetConfig("own", "folder", wish.data.name),)),
        FeaturesConfig("network", str(wish.cache)),
        optimizer=OptimizerConfig(learning_rate=1e-3, weight_decay=0.01, clip=1.0),
        schedule=ScheduleConfig("cosine", warm_up=1),
        loss=LossConfig(action=1.0),
        runtime=RuntimeConfig(bfloat16=False, seed=wish.seed),
        average=0.99,
        start=str(wish.base),
    )


@torch.no_grad()
def settle(net: SPNet, batches: Iterable[Tensor]) -> None:
    """Gives the action path's batch normalisation the statistics of these rows (B, T, K); leaves `net` as in use."""
    norms = [
        module
        for name, module in net.named_modules()
        if is_action_weight(name) and isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for rows in batches:
        net.clip_actions(unpack(rows, net.config))
    net.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


class _Best:
    """Evaluates on the validation part, and keeps the weights with the least loss in a file, over interruptions."""

    def __init__(
        self, spec: ModelSpec, clips: Sequence[OwnClip], source: OwnBatches, file: Path, device: torch.device
    ) -> None:
        self.spec, self.clips, self.source, self.file, self.device = spec, clips, source, file, device

    def __call__(self, net: SPNet, stage: StageConfig) -> dict[str, float]:
        batches = islice(self.source.steps(1, 0), SETTLING)  # others than those of stage 0, training
        settle(net, (batch["action"]["images"].to(self.device) for batch in batches))
        if not self.clips:
            return {}
        found = [(clip.label, probabilities(net, self.spec, clip, self.device)) for clip in self.clips]
        loss = -sum(math.log(max(p[label], 1e-7)) for label, p in found) / len(found)
        if loss < self._least():
            weights = {name: value.contiguous() for name, value in net.state_dict().items()}
            save_file(weights, self.file, {"loss": str(loss)})
        right = sum(int(p.argmax()) == label for label, p in found)
        return {"validation_accuracy": 100 * right / len(found), "validation_loss": loss}

    def _least(self) -> float:
        if not self.file.is_file():
            return math.inf
        with safe_open(self.file, framework="pt") as file:
            return float(file.metadata()["loss"])
