"""Two processes on one machine train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from distributed_run import the_run
from safetensors.torch import load_file
from torch import Tensor
from training_runs import Noise, make_trainer

SCRIPT = Path(__file__).with_name("distributed_run.py")


def run_two(out: Path, *more: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of both processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*torchrun, str(SCRIPT), str(out), *more]
    sources = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=sources, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return load_file(out / "weights_0.safetensors"), load_file(out / "weights_1.safetensors")


def test_two_processes_give_what_one_gives_with_the_same_batch(tmp_path: Path) -> None:
    run = the_run()
    alone = make_trainer(tmp_path / "alone", run)
    start = {name: value.clone() for name, value in alone.net.state_dict().items()}
    alone.fit(Noise(run))
    first, second = run_two(tmp_path / "two")
    largest = 0.0
    for name, value in alone.net.state_dict().items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, atol=2e-6, rtol=1e-4)
        largest = max(largest, float((value - start[name]).abs().max()))
    assert largest > 1e-3  # it did train
    assert len((tmp_path / "two" / "log.jsonl").read_text().splitlines()) == 2  # written by one of them only


def test_all_processes_stop_after_the_same_step_when_one_is_asked_to(tmp_path: Path) -> None:
    first, second = run_two(tmp_path, "2")
    assert first["images"] == second["images"] == 3 * (4 + 2 * 4)
    assert (tmp_path / "state.safetensors").is_file()
