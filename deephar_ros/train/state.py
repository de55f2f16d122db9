"""The state of a training run in one safetensors file, and its schedule."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

STATE = "state.safetensors"


def warm_cosine(peak: float, warm_up: int, images: int, seen: int) -> float:
    """Learning rate after `seen` images: linear up to `peak` over `warm_up` images, then a cosine to 0 at `images`."""
    if seen < warm_up:
        return peak * (seen + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, seen / images)))


def save_state(folder: Path, net: nn.Module, averaged: AveragedModel, optimizer: Optimizer, seen: int) -> None:
    """Writes all that is needed to go on; a crash meanwhile leaves the old file whole."""
    state = {f"net.{k}": v for k, v in net.state_dict().items()}
    state |= {f"averaged.{k}": v for k, v in averaged.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{k}": v for k, v in values.items()}
    state["seen"] = torch.tensor(seen)
    partial = folder / (STATE + ".partial")
    save_file({k: v.contiguous().clone() for k, v in state.items()}, partial)
    partial.replace(folder / STATE)


def load_state(
    folder: Path, net: nn.Module, averaged: AveragedModel, optimizer: Optimizer, device: torch.device
) -> int:
    """The inverse of `save_state`; returns how many images were seen. FileNotFoundError if there is no state."""
    state = load_file(folder / STATE, device=str(device))
    for prefix, module in (("net.", net), ("averaged.", averaged)):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return int(state["seen"])
