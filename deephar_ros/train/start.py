"""The first weights of a run, from another network."""

from __future__ import annotations

from pathlib import Path

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.model.spnet import SPNet


def first_weights(net: SPNet, folder: Path) -> str:
    """Copies a checkpoint's weights into `net` where name and shape agree, so that a 3D pose network can start an
    action network.

    Returns:
        What was taken, in words.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ValueError: nothing in it fits.
    """
    there = load_checkpoint(folder)[0].state_dict()
    here = net.state_dict()
    fitting = {name: value for name, value in there.items() if name in here and here[name].shape == value.shape}
    if not fitting:
        raise ValueError(f"{folder} holds no weight that fits this network")
    net.load_state_dict(fitting, strict=False)
    return f"{len(fitting)} of {len(here)} weights are those of {folder}, the others random"
