"""Localizer folders: `localizer.safetensors` and `config.yaml`. Nothing in them can run code."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deephar_ros.localizer.network import MULTIPLE, LocalizerNet, NetworkConfig

WEIGHTS, CONFIG = "localizer.safetensors", "config.yaml"


class LocalizerError(ValueError):
    """A localizer folder that cannot be used; the message names the file, what is wrong with it and the remedy."""


@dataclass(frozen=True)
class LocalizerSpec:
    """What `config.yaml` says.

    Attributes:
        input_size: pixels of a frame's longer side when the network sees it.
        threshold: least score of a person, unless the caller gives one.
    """

    name: str = "unnamed"
    input_size: int = 320
    threshold: float = 0.4
    network: NetworkConfig = field(default_factory=NetworkConfig)

    def __post_init__(self) -> None:
        if self.input_size <= 0 or self.input_size % MULTIPLE:
            raise ValueError(f"input_size = {self.input_size} is not a multiple of {MULTIPLE}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold = {self.threshold} is not between 0 and 1")


def save_localizer(folder: Path, net: LocalizerNet, spec: LocalizerSpec) -> None:
    """Writes a localizer folder, weights in half precision; a crash meanwhile leaves the old files whole."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.half().contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    partial = folder / (WEIGHTS + ".partial")
    save_file(weights, partial)
    os.replace(partial, folder / WEIGHTS)
    values = asdict(spec)
    values["network"] = {k: list(v) if isinstance(v, tuple) else v for k, v in values["network"].items()}
    (folder / CONFIG).write_text(yaml.safe_dump(values, sort_keys=False))


def load_localizer(folder: Path) -> tuple[LocalizerNet, LocalizerSpec]:
    """Reads a localizer folder: the network in float32 and evaluation mode, and its specification.

    Raises:
        LocalizerError: a file is missing or unreadable, or the weights are not those of the network described.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise LocalizerError(f"{folder} is not a localizer folder: {name} is missing")
    try:
        spec = spec_from_dict(yaml.safe_load((folder / CONFIG).read_text()))
        net = LocalizerNet(spec.network)
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise LocalizerError(f"{folder / CONFIG}: {error}; take the file that came with the weights") from error
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise LocalizerError(f"{folder / WEIGHTS} is not a whole safetensors file ({error}); copy it again") from error
    if not all(value.isfinite().all() for value in weights.values()):
        raise LocalizerError(f"{folder / WEIGHTS} holds NaN or infinite values; the training that wrote it failed")
    counters = {k: torch.zeros_like(v) for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")}
    try:
        net.load_state_dict({**counters, **{k: v.float() for k, v in weights.items()}})
    except RuntimeError as error:
        raise LocalizerError(f"{folder / WEIGHTS} does not fit {CONFIG}: {error}") from error
    return net.eval(), spec


def spec_from_dict(values: dict[str, Any]) -> LocalizerSpec:
    """What `config.yaml` holds as a specification; raises ValueError or TypeError naming what does not fit."""
    network: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.get("network", {}).items()}
    unknown = set(values) - {f.name for f in fields(LocalizerSpec)}
    unknown |= set(network) - {f.name for f in fields(NetworkConfig)}
    if unknown:
        raise ValueError(f"unknown entries {sorted(unknown)}")
    return LocalizerSpec(**{**values, "network": NetworkConfig(**network)})
