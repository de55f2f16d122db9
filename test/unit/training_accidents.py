"""Trains in processes of its own, which are killed or run out of disk; see test_training_faults.py.

python training_accidents.py kill FOLDER KILLS leaves FOLDER/whole and FOLDER/killed. PyTorch is imported once, then
forked. python training_accidents.py disk FOLDER trains until no file may be written, and prints what it died of.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from training_runs import Noise, make_run, make_trainer, stage

from deephar_ros.data.batches import Batch
from deephar_ros.train.config import LoggingConfig, OptimizerConfig, RunConfig, ScheduleConfig


def chosen_run() -> RunConfig:
    """40 steps of both kinds in two stages, saved and evaluated out of step with each other."""
    both = {"pose": {"people": 1.0}, "action": {"videos": 1.0}}
    return make_run(
        stage(name="first", epochs=10, epoch_steps=2, **both),
        stage(name="second", epochs=5, epoch_steps=4, **both),
        optimizer=OptimizerConfig(learning_rate=1e-3, clip=1.0),
        schedule=ScheduleConfig("cosine", warm_up=1),
        average=0.9,
        logging=LoggingConfig(validate_epochs=3.5, save_images=50),
    )


class NoiseWithHoles(Noise):
    """Some pictures cannot be read."""

    def _batch(self, *args: Any) -> Batch:
        batch = super()._batch(*args)
        return {**batch, "broken": ("7.jpg",) if int(batch["images"][0, ..., 0, 0].sum()) % 3 == 0 else ()}


def start(out: Path) -> int:
    """Trains in a child, from the last state if there is one; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        torch.set_num_threads(1)
        trainer = make_trainer(out, chosen_run())
        if (out / "state.safetensors").is_file():
            trainer.resume()
        status = not trainer.fit(NoiseWithHoles(trainer.run))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def end(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill(folder: Path, kills: int) -> int:
    before = time.monotonic()
    if end(start(folder / "whole")):
        return 1
    seconds, killed = time.monotonic() - before, 0
    for _ in range(kills):
        child = start(folder / "killed")
        time.sleep(random.uniform(0, 2.5 * seconds / kills))
        os.kill(child, signal.SIGKILL)
        killed += end(child) == -signal.SIGKILL
    print(f"killed {killed} times")
    return end(start(folder / "killed"))


def limit_files(size: int) -> None:
    """No file of this process may be larger from now on: the kernel refuses to write, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Filling(Noise):
    """The disk is full before the eleventh step."""

    def steps(self, stage: int, first: int) -> Iterator[dict[str, Batch]]:
        for number, batch in enumerate(super().steps(stage, first)):
            if number == 10:
                limit_files(20_000)
            yield batch


def fill_disk(out: Path) -> int:
    trainer = make_trainer(out, chosen_run())
    try:
        trainer.fit(Filling(trainer.run))
    except OSError as error:
        print(error)
        return 0
    return 1


if __name__ == "__main__":
    place = Path(sys.argv[2])
    raise SystemExit(kill(place, int(sys.argv[3])) if sys.argv[1] == "kill" else fill_disk(place))
