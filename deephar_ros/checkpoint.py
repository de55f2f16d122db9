"""Checkpoint folders: `weights.safetensors`, `config.yaml` and `MODEL_CARD.md`. Nothing in them can run code."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.skeleton import NETWORK_LAYOUTS, Layout

WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.yaml", "MODEL_CARD.md"


class CheckpointError(ValueError):
    """A checkpoint folder that cannot be used; the message names the file, what is wrong with it and the remedy."""


@dataclass(frozen=True)
class ModelSpec:
    """What `config.yaml` says: all that is needed to use the weights, besides the weights.

    Attributes:
        input_size: side of the square crops the network was trained on, pixels.
        labels: per action set, the action names in the order of the network's outputs.
        clip_frames: frames in a clip (T).
        clip_spacing: seconds between the frames of a clip, as in training.
        depth_trained, action_trained: False while these outputs are those of random weights.
    """

    network: SPNetConfig
    input_size: int = 256
    labels: tuple[tuple[str, ...], ...] = ()
    clip_frames: int = 8
    clip_spacing: float = 0.2
    depth_trained: bool = False
    action_trained: bool = False
    name: str = field(default="unnamed")

    def __post_init__(self) -> None:
        net = self.network
        checks = {
            "input_size": self.input_size > 0 and self.input_size % net.size_multiple == 0,
            "labels": tuple(len(names) for names in self.labels) == net.num_actions,
            "clip_frames": 2 <= self.clip_frames <= 64,
            "clip_spacing": self.clip_spacing > 0,
            "num_joints": net.num_joints in NETWORK_LAYOUTS,
        }
        for key, ok in checks.items():
            if not ok:
                raise ValueError(f"{key} = {getattr(self, key, net.num_joints)!r} does not fit the network")

    @property
    def layout(self) -> Layout:
        """Order of the network's joints."""
        return NETWORK_LAYOUTS[self.network.num_joints]


def spec_to_dict(spec: ModelSpec) -> dict[str, Any]:
    """Plain lists, numbers and strings, ready for YAML."""
    return _plain(asdict(spec))


def spec_from_dict(values: dict[str, Any]) -> ModelSpec:
    """The inverse of `spec_to_dict`; raises ValueError or TypeError naming the unknown or unfit entry."""
    values = dict(values)
    network = _known(SPNetConfig, values.pop("network", {}))
    labels = tuple(tuple(names) for names in values.pop("labels", ()))
    return ModelSpec(network=SPNetConfig(**network), labels=labels, **_known(ModelSpec, values))


def save_checkpoint(folder: Path, net: SPNet, spec: ModelSpec, card: str, half: bool = True) -> None:
    """Writes a checkpoint folder, weights in half or single precision; a crash meanwhile leaves the old files whole."""
    folder.mkdir(parents=True, exist_ok=True)
    precision = torch.float16 if half else torch.float32
    weights = {
        name: value.to(precision).contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    _write(folder / WEIGHTS, lambda path: save_file(weights, path))
    _write(folder / CONFIG, lambda path: path.write_text(yaml.safe_dump(spec_to_dict(spec), sort_keys=False)))
    _write(folder / CARD, lambda path: path.write_text(card))


def load_checkpoint(folder: Path) -> tuple[SPNet, ModelSpec]:
    """Reads a checkpoint folder.

    Returns:
        The network in float32 and evaluation mode, and its specification.

    Raises:
        CheckpointError: a file is missing or unreadable, or the weights are not those of the network described.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is not a checkpoint folder: {name} is missing")
    try:
        spec = spec_from_dict(yaml.safe_load((folder / CONFIG).read_text()))
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}; take the file that came with the weights") from error
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} is not a whole safetensors file ({error}); copy it again") from error
    net = SPNet(spec.network)
    _fill(net, weights, folder / WEIGHTS)
    return net.eval(), spec


def _fill(net: SPNet, weights: dict[str, torch.Tensor], path: Path) -> None:
    expected = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    missing, unused = sorted(expected.keys() - weights.keys()), sorted(weights.keys() - expected.keys())
    if missing or unused:
        raise CheckpointError(f"{path} does not fit {CONFIG}: missing {missing[:5]}, not used {unused[:5]}")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(value.shape)}, {CONFIG} asks for {tuple(expected[name].shape)}"
            )
        if not value.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinite values; the training that wrote it failed")
    net.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise ValueError(f"unknown entries {unknown}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _write(path: Path, write: Any) -> None:
    partial = path.with_name(path.name + ".partial")
    write(partial)
    os.replace(partial, path)
