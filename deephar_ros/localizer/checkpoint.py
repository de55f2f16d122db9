"""Localizer folders: `localizer.safetensors` and `config.yaml`. Nothing in them can run code."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import yaml
from safetensors.torch import save

from deephar_ros.checkpoint import CheckpointError, fill, read_weights
from deephar_ros.files import read_yaml, write_together
from deephar_ros.localizer.network import MULTIPLE, LocalizerNet, NetworkConfig
from deephar_ros.strict import build

WEIGHTS, CONFIG = "localizer.safetensors", "config.yaml"

LARGEST_INPUT, MOST_CHANNELS, MOST_BLOCKS = 2048, 1024, 20
"""Of a localizer: pixels of the longer side, channels in any place, residual blocks at a stride."""


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
        if not 0 < self.input_size <= LARGEST_INPUT or self.input_size % MULTIPLE:
            raise ValueError(f"input_size = {self.input_size} is not a multiple of {MULTIPLE} up to {LARGEST_INPUT}")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold = {self.threshold} is not between 0 and 1")
        net = self.network
        if not all(1 <= channels <= MOST_CHANNELS for channels in (*net.channels, net.features)):
            raise ValueError(f"network.channels = {net.channels}, features = {net.features}: 1 to {MOST_CHANNELS} fit")
        if not all(0 <= blocks <= MOST_BLOCKS for blocks in net.blocks):
            raise ValueError(f"network.blocks = {net.blocks}: 0 to {MOST_BLOCKS} fit")


def save_localizer(folder: Path, net: LocalizerNet, spec: LocalizerSpec) -> None:
    """Writes a localizer folder, weights in half precision; a crash meanwhile leaves the old files whole."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.half().contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    values = asdict(spec)
    values["network"] = {k: list(v) if isinstance(v, tuple) else v for k, v in values["network"].items()}
    write_together(folder, {WEIGHTS: save(weights), CONFIG: yaml.safe_dump(values, sort_keys=False).encode()})


def load_localizer(folder: Path) -> tuple[LocalizerNet, LocalizerSpec]:
    """Reads a localizer folder: the network in float32 and evaluation mode, and its specification.

    Raises:
        LocalizerError: a file is missing or unreadable, or the weights are not those of the network described.
    """
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise LocalizerError(f"{folder} is not a localizer folder: {name} is missing")
    try:
        spec = spec_from_dict(read_yaml(folder / CONFIG), f"{folder / CONFIG}:")
    except ValueError as error:
        raise LocalizerError(f"{error}; take the file that came with the weights") from error
    with torch.device("meta"):  # takes no memory before the weights are known to fit
        net = LocalizerNet(spec.network)
    try:
        fill(net, read_weights(folder / WEIGHTS), f"{folder / WEIGHTS}", CONFIG)
    except CheckpointError as error:
        raise LocalizerError(str(error)) from error
    return net.eval(), spec


def spec_from_dict(values: object, where: str = "model") -> LocalizerSpec:
    """What `config.yaml` holds as a specification; ConfigError names what does not fit, `where` comes before it."""
    return build(LocalizerSpec, values, where)
