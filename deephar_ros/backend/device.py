"""Where a network runs, by name."""

from __future__ import annotations

import torch


def find_device(name: str) -> torch.device:
    """The device "cpu", "cuda", "cuda:1", or for "auto" the first CUDA device if there is one, else the CPU.

    Raises:
        ValueError: the device does not work here; the message says why.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        return torch.zeros(1, device=device).device  # "cuda" gets its number
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} does not work here ({reason}); use 'cpu' or 'auto'") from error
