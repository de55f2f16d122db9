"""Training of the pose part: one readable loop that shows its progress and can be stopped and resumed anywhere."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.lsp import Sample
from deephar_ros.data.pose_dataset import EndlessOrder, PoseDataset
from deephar_ros.model.spnet import SPNet
from deephar_ros.pixels import normalise
from deephar_ros.train.evaluate import pose_accuracy
from deephar_ros.train.losses import CONFIDENCE_WEIGHT, pose_loss


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The schedule is AdamW with a linear warm-up and a cosine to zero over `images` crops."""

    images: int = 200_000
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: int = 5_000  # images
    average: float = 0.998  # decay of the running average of the weights that is evaluated and saved
    confidence_weight: float = CONFIDENCE_WEIGHT
    empty: float = 0.04  # share of crops without a person
    bfloat16: bool = True
    seed: int = 0
    save_every: int = 10_000  # images
    augment: AugmentConfig = field(default_factory=AugmentConfig)


def learning_rate(cfg: TrainConfig, seen: int) -> float:
    """Rate after `seen` images."""
    if seen < cfg.warm_up:
        return cfg.learning_rate * (seen + 1) / cfg.warm_up
    return cfg.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, seen / cfg.images)))


class Trainer:
    """Trains the pose outputs of `net` and leaves a checkpoint folder, a log and the state to resume from in `out`."""

    def __init__(
        self, net: SPNet, spec: ModelSpec, cfg: TrainConfig, out: Path, device: torch.device | str = "cpu"
    ) -> None:
        self.spec, self.cfg, self.out, self.device = spec, cfg, out, torch.device(device)
        self.net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(cfg.average), use_buffers=True)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), cfg.learning_rate, weight_decay=cfg.weight_decay)
        self.seen = 0

    def fit(self, train: Sequence[Sample], validation: Sequence[Sample], backgrounds: Sequence[Path]) -> None:
        """Trains from `seen` up to `cfg.images` images, evaluating and saving every `cfg.save_every`."""
        cfg = self.cfg
        dataset = PoseDataset(train, backgrounds, self.spec.input_size, cfg.augment, cfg.empty, cfg.seed)
        order = EndlessOrder(len(dataset), cfg.seed, self.seen)
        batches = iter(DataLoader(dataset, cfg.batch, sampler=order, num_workers=1, prefetch_factor=4))
        recent: list[float] = []
        started, first = time.monotonic(), self.seen
        with tqdm(total=cfg.images, initial=self.seen, unit="img", smoothing=0.05, mininterval=5) as bar:
            while self.seen < cfg.images:
                crops, target = next(batches)
                recent.append(self.step(crops.to(self.device), target.to(self.device)))
                bar.update(len(crops))
                if self.seen // cfg.save_every > (self.seen - len(crops)) // cfg.save_every or self.seen >= cfg.images:
                    rate = (self.seen - first) / (time.monotonic() - started)
                    self.report(float(np.mean(recent)), rate, validation)
                    recent.clear()

    def step(self, crops: Tensor, target: Tensor) -> float:
        """One update with crops (B, 3, H, W) uint8, targets (B, J, 2): the loss; FloatingPointError if not finite."""
        self.net.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.cfg, self.seen)
        images = normalise(crops).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cfg.bfloat16):
            poses = self.net.frames(images).poses
        losses = [pose_loss(pose, target, self.cfg.confidence_weight) for pose in poses]
        loss = torch.stack(losses).sum()
        if not loss.isfinite():
            torch_file = self.out / "bad_batch.safetensors"
            save_file({"crops": crops.cpu(), "target": target.cpu()}, torch_file)
            raise FloatingPointError(
                f"the loss is {loss.item()} after {self.seen} images; the batch is in {torch_file}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.averaged.update_parameters(self.net)
        self.seen += len(crops)
        return float(loss.detach()) / len(losses)

    def report(self, loss: float, rate: float, validation: Sequence[Sample]) -> None:
        """Evaluates the averaged weights, appends a line to `log.jsonl` and saves everything."""
        average = cast(SPNet, self.averaged.module)
        pck = pose_accuracy(average.eval(), self.spec, validation, self.device)
        line = {
            "images": self.seen,
            "loss": round(loss, 5),
            "pck": round(float(np.nanmean(pck)), 2),
            "learning_rate": round(learning_rate(self.cfg, self.seen), 6),
            "images_per_second": round(rate, 1),
        }
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        tqdm.write(json.dumps(line))
        self.save(line)

    def save(self, line: dict[str, float]) -> None:
        """Checkpoint folder of the averaged weights, whose card tells `line`, and the state to resume from."""
        save_checkpoint(self.out, cast(SPNet, self.averaged.module), self.spec, model_card(self.spec, self.cfg, line))
        state = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        state |= {f"averaged.{k}": v for k, v in self.averaged.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{index}.{k}": v for k, v in values.items()}
        state["seen"] = torch.tensor(self.seen)
        partial = self.out / "state.safetensors.partial"
        save_file({k: v.contiguous().clone() for k, v in state.items()}, partial)
        partial.replace(self.out / "state.safetensors")

    def resume(self) -> None:
        """Goes on where the state in `out` stopped; FileNotFoundError if there is none."""
        state = load_file(self.out / "state.safetensors", device=str(self.device))
        self.net.load_state_dict({k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")})
        averaged = {k.removeprefix("averaged."): v for k, v in state.items() if k.startswith("averaged.")}
        self.averaged.load_state_dict(averaged)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.seen = int(state["seen"])


def model_card(spec: ModelSpec, cfg: TrainConfig, line: dict[str, float]) -> str:
    """What can be said of a checkpoint without looking at its pictures."""
    untrained = [what for what, ok in (("depth", spec.depth_trained), ("action", spec.action_trained)) if not ok]
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"2D pose trained on {line['images']} crops of {spec.input_size} px; on the held-out pictures PCK@0.2 of",
            f"the torso is {line['pck']} % (mean over {spec.layout.name} joints, crops round the annotated person).",
            *[f"The {what} outputs are untrained: random weights." for what in untrained],
            "",
            f"Training: `{cfg}`",
            "",
        ]
    )
