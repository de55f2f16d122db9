"""Training of the localizer on scenes made on the fly; it can be stopped and resumed anywhere."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from deephar_ros.data.composites import SceneConfig, random_scene
from deephar_ros.data.cutouts import Sources
from deephar_ros.files import append_line
from deephar_ros.geometry import Array
from deephar_ros.localizer.checkpoint import LocalizerSpec, load_localizer, save_localizer
from deephar_ros.localizer.decode import encode
from deephar_ros.localizer.network import STRIDE, LocalizerNet
from deephar_ros.pixels import normalise
from deephar_ros.train.config import ScheduleConfig
from deephar_ros.train.localizer_loss import body_loss, heat_loss, side_loss
from deephar_ros.train.monitor import LOG, cut_log
from deephar_ros.train.schedules import rate_factor
from deephar_ros.train.state import (
    fill_optimizer,
    load_state,
    optimizer_tensors,
    prefixed,
    save_state,
    without_prefix,
)


@dataclass(frozen=True)
class LocalizerTrainConfig:
    """How to train: AdamW, a linear warm-up and a cosine to zero over `images` scenes."""

    images: int = 200_000
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    warm_up: int = 5_000  # images
    average: float = 0.998  # decay of the running average of the weights, which is what is saved
    side_weight: float = 0.5
    body_weight: float = 0.7
    bfloat16: bool = True
    seed: int = 0
    save_every: int = 10_000  # images
    scenes: SceneConfig = field(default_factory=SceneConfig)


@dataclass(frozen=True)
class LocalizerRun:
    """A training file.

    Attributes:
        start: localizer folder whose weights are the first ones; its network must be that of `model`.
        rendered: folder below the data's of rendered people (`synthesize cutouts`), for `train.scenes.rendered`.
    """

    model: LocalizerSpec
    train: LocalizerTrainConfig
    start: str | None = None
    rendered: str | None = None

    def __post_init__(self) -> None:
        if (self.train.scenes.rendered > 0) != (self.rendered is not None):
            raise ValueError("rendered (a folder) and train.scenes.rendered (a share) are given together or not at all")

    def first_network(self) -> LocalizerNet:
        """A random network, or that of `start`.

        Raises:
            LocalizerError: `start` cannot be read.
            ValueError: it has another network.
        """
        if self.start is None:
            return LocalizerNet(self.model.network)
        net, spec = load_localizer(Path(self.start))
        if spec.network != self.model.network:
            raise ValueError(f"{self.start} has the network {spec.network}, but model asks for {self.model.network}")
        return net


class SceneDataset(Dataset[tuple[Tensor, ...]]):
    """Item k is scene k of the seed: picture (3, S, S) uint8; heat, sides, weight and body of its cells."""

    def __init__(self, sources: Sources, cfg: SceneConfig, seed: int, first: int, last: int) -> None:
        self.sources, self.cfg, self.seed, self.first, self.last = sources, cfg, seed, first, last

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, k: int) -> tuple[Tensor, ...]:
        cv2.setNumThreads(1)
        scene = random_scene(self.sources, self.cfg, np.random.default_rng((self.seed, self.first + k)))
        cells = self.cfg.size // STRIDE
        heat, sides = encode(scene.boxes, cells, cells)
        weight, body = (cv2.resize(a, (cells, cells), interpolation=cv2.INTER_AREA) for a in (scene.weight, scene.body))
        picture = torch.from_numpy(scene.pixels).permute(2, 0, 1)
        return picture, *(torch.from_numpy(a) for a in (heat, sides, weight, body))


class LocalizerTrainer:
    """Trains `net` and leaves the localizer folder, `log.jsonl` and the state to resume from in `out`."""

    def __init__(
        self, net: LocalizerNet, spec: LocalizerSpec, cfg: LocalizerTrainConfig, out: Path, device: str = "cpu"
    ) -> None:
        self.spec, self.cfg, self.out, self.device = spec, cfg, out, torch.device(device)
        self.net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(cfg.average), use_buffers=True)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), cfg.learning_rate, weight_decay=cfg.weight_decay)
        self.seen = 0

    def fit(self, sources: Sources, workers: int) -> None:
        """Trains from `seen` up to `cfg.images` images, saving every `cfg.save_every`."""
        cfg = self.cfg
        dataset = SceneDataset(sources, cfg.scenes, cfg.seed, self.seen, cfg.images)
        how = "fork" if workers else None  # the workers share the decoded pictures
        batches = DataLoader(dataset, cfg.batch, num_workers=workers, drop_last=True, multiprocessing_context=how)
        recent: list[tuple[float, ...]] = []
        started, first = time.monotonic(), self.seen
        with tqdm(total=cfg.images, initial=self.seen, unit="img", smoothing=0.05, mininterval=10) as bar:
            for batch in batches:
                recent.append(self.step(*(part.to(self.device) for part in batch)))
                bar.update(cfg.batch)
                if self.seen // cfg.save_every > (self.seen - cfg.batch) // cfg.save_every:
                    self.save(np.mean(recent, 0), (self.seen - first) / (time.monotonic() - started))
                    recent.clear()
        if recent:
            self.save(np.mean(recent, 0), (self.seen - first) / (time.monotonic() - started))

    def step(self, pictures: Tensor, heat: Tensor, sides: Tensor, weight: Tensor, body: Tensor) -> tuple[float, ...]:
        """One update; returns the losses of heat, sides and body. FloatingPointError if they are not finite."""
        self.net.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        images = normalise(pictures).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cfg.bfloat16):
            found = self.net(images)
        losses = torch.stack(
            [
                heat_loss(found.heat.float(), heat, weight),
                side_loss(found.log_sides.float(), sides, heat),
                body_loss(found.body.float(), body),
            ]
        )
        loss = losses @ torch.tensor([1.0, self.cfg.side_weight, self.cfg.body_weight], device=self.device)
        if not loss.isfinite():
            raise FloatingPointError(f"the loss is {loss.item()} after {self.seen} images of seed {self.cfg.seed}")
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.averaged.update_parameters(self.net)
        self.seen += len(pictures)
        return tuple(losses.tolist())

    def save(self, losses: Array, rate: float) -> None:
        """Localizer folder of the averaged weights, a line in the log, and the state to resume from."""
        line = {
            "images": self.seen,
            "heat_loss": round(float(losses[0]), 4),
            "side_loss": round(float(losses[1]), 4),
            "body_loss": round(float(losses[2]), 4),
            "learning_rate": round(self.learning_rate, 6),
            "images_per_second": round(rate, 1),
        }
        append_line(self.out / LOG, json.dumps(line))
        tqdm.write(json.dumps(line))
        save_localizer(self.out, cast(LocalizerNet, self.averaged.module), self.spec)
        state = prefixed("net", self.net.state_dict()) | prefixed("averaged", self.averaged.state_dict())
        state |= prefixed("optimizer", optimizer_tensors(self.optimizer))
        save_state(self.out, state, {"seen": self.seen})

    def resume(self) -> None:
        """Goes on where the state in `out` stopped; FileNotFoundError if there is none."""
        state, facts = load_state(self.out)
        self.net.load_state_dict(without_prefix("net", state))
        self.averaged.load_state_dict(without_prefix("averaged", state))
        fill_optimizer(self.optimizer, without_prefix("optimizer", state))
        self.seen = facts["seen"]
        cut_log(self.out, self.seen)

    @property
    def learning_rate(self) -> float:
        epochs = self.cfg.images / self.cfg.warm_up  # the schedule counts in epochs: here, in warm-ups
        schedule = ScheduleConfig(kind="cosine", warm_up=1.0)
        return self.cfg.learning_rate * rate_factor(schedule, (self.seen + 1) / self.cfg.warm_up, epochs)
