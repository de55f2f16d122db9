"""The state of a run that a later process goes on from: one safetensors file, nothing in it can run code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

FILE = "state.safetensors"


def save_state(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Writes tensors and, in the file's head as JSON, plain facts; a crash meanwhile leaves the old file whole."""
    partial = folder / (FILE + ".partial")
    separate = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(separate, partial, metadata={"state": json.dumps(facts)})
    os.replace(partial, folder / FILE)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `save_state`; FileNotFoundError if there is no state in `folder`."""
    if not (folder / FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no {FILE} to go on from")
    with safe_open(folder / FILE, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["state"])  # noqa: SIM118


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, under the rest of their names."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(prefix + ".")}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Moments and step counts as "<number of the weight>.<name>"."""
    moments = optimizer.state_dict()["state"]
    return {
        f"{n}.{name}": value for n, values in moments.items() for name, value in values.items() if value is not None
    }


def fill_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`."""
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        moments.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
