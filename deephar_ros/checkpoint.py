"""Checkpoint folders: `weights.safetensors`, `config.yaml` and `MODEL_CARD.md`. Nothing in them can run code."""

from __future__ import annotations

import reprlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load, save

from deephar_ros.files import brief, read_yaml, write_together
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet
from deephar_ros.settings import LARGEST_INPUT
from deephar_ros.skeleton import NETWORK_LAYOUTS, Layout
from deephar_ros.strict import build

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
            "input_size": 0 < self.input_size <= LARGEST_INPUT and self.input_size % net.size_multiple == 0,
            "labels": tuple(len(names) for names in self.labels) == net.num_actions,
            "clip_frames": 2 <= self.clip_frames <= 64,
            "clip_spacing": 0 < self.clip_spacing <= 60,
            "num_joints": net.num_joints in NETWORK_LAYOUTS,
        }
        for key, ok in checks.items():
            if not ok:
                raise ValueError(f"{key} = {reprlib.repr(getattr(self, key, net.num_joints))} does not fit the network")

    @property
    def layout(self) -> Layout:
        """Order of the network's joints."""
        return NETWORK_LAYOUTS[self.network.num_joints]


def spec_to_dict(spec: ModelSpec) -> dict[str, Any]:
    """Plain lists, numbers and strings, ready for YAML."""
    return _plain(asdict(spec))


def spec_from_dict(values: object, where: str = "model") -> ModelSpec:
    """The inverse of `spec_to_dict`; ConfigError names the unknown or unfit entry, `where` comes before it."""
    return build(ModelSpec, {"network": {}, **values} if isinstance(values, dict) else values, where)


def save_checkpoint(folder: Path, net: SPNet, spec: ModelSpec, card: str, half: bool = True) -> None:
    """Writes a checkpoint folder, weights in half or single precision; a crash meanwhile leaves the old files whole."""
    folder.mkdir(parents=True, exist_ok=True)
    precision = torch.float16 if half else torch.float32
    weights = {
        name: value.to(precision).contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    config = yaml.safe_dump(spec_to_dict(spec), sort_keys=False)
    write_together(folder, {WEIGHTS: save(weights), CONFIG: config.encode(), CARD: card.encode()})


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
        spec = spec_from_dict(read_yaml(folder / CONFIG), f"{folder / CONFIG}:")
    except ValueError as error:
        raise CheckpointError(f"{error}; take the file that came with the weights") from error
    with torch.device("meta"):  # takes no memory before the weights are known to fit
        net = SPNet(spec.network)
    fill(net, read_weights(folder / WEIGHTS), f"{folder / WEIGHTS}", CONFIG)
    return net.eval(), spec


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Weights by name, in float32 and finite; CheckpointError if the file is broken or holds others."""
    try:
        weights = load(path.read_bytes())  # load_file (seen in 0.8) leaks 60 bytes for each tensor
    except (SafetensorError, OSError, ValueError, MemoryError) as error:
        raise CheckpointError(f"{path} is not a whole safetensors file ({brief(error)}); copy it again") from error
    for name, value in weights.items():
        if value.dtype not in (torch.float16, torch.bfloat16, torch.float32):
            raise CheckpointError(f"{path}: {name} holds {value.dtype}, not weights; take the file that was published")
        weights[name] = value.to(torch.float32, copy=True)
        if not weights[name].isfinite().all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinite values; the training that wrote it failed")
        if name.endswith("running_var") and (weights[name] < 0).any():
            raise CheckpointError(f"{path}: {name} holds negative variances; copy the file again")
    return weights


def fill(net: torch.nn.Module, weights: dict[str, torch.Tensor], file: str, described: str) -> None:
    """Puts weights into a network without memory (device meta), whose layers `described` tells.

    Raises:
        CheckpointError: names or shapes are not those of the network.
    """
    state = net.state_dict()
    counters = {k: torch.zeros((), dtype=torch.long) for k in state if k.endswith("num_batches_tracked")}
    expected = state.keys() - counters.keys()
    missing, unused = sorted(expected - weights.keys()), sorted(weights.keys() - expected)
    if missing or unused:
        raise CheckpointError(f"{file} does not fit {described}: missing {missing[:5]}, not used {unused[:5]}")
    for name in sorted(expected):  # files come in any order, and the first fault is the one that is told
        shape, wanted = tuple(weights[name].shape), tuple(state[name].shape)
        if shape != wanted:
            raise CheckpointError(f"{file}: {name} has shape {shape}, {described} asks for {wanted}")
    net.load_state_dict({**weights, **counters}, assign=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
