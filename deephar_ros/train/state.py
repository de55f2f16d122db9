"""The state of a run that a later process goes on from: one safetensors file, nothing in it can run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from deephar_ros.files import brief, whole_file

FILE = "state.safetensors"


def save_state(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Writes tensors and, in the file's head as JSON, plain facts; after a crash, also of the machine, or on a full
    disk (OSError) the old file is whole."""
    separate = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    content = save(separate, metadata={"state": json.dumps(facts)})
    with whole_file(folder / FILE) as file:
        file.write(content)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `save_state`.

    Raises:
        FileNotFoundError: there is no state in `folder`.
        ValueError: it is broken.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {FILE} to go on from; start without --resume")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(json.loads((file.metadata() or {})["state"]))
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"{path} is not the state of a run ({brief(error)}); remove it and start without --resume"
        ) from error


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
