"""One process of the run of test_distributed_training, started by torchrun: distributed_run.py OUT [STEP]

With STEP the second process, and only that, is asked to stop before this step.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from training_runs import Noise, make_run, make_trainer, stage

from deephar_ros.train.config import LoggingConfig, OptimizerConfig, RunConfig
from deephar_ros.train.distributed import join, leave


def the_run() -> RunConfig:
    """Pictures and clips; normalised by running statistics, as only then a divided batch gives the same."""
    both = stage(epochs=2, batch=4, clips=2, fixed_norm=True, pose={"people": 1.0}, action={"videos": 1.0})
    return make_run(both, optimizer=OptimizerConfig("sgd", 0.1, clip=1.0), logging=LoggingConfig(validate_epochs=1))


class Source(Noise):
    stop_before = -1

    def steps(self, stage, first):  # type: ignore[no-untyped-def]
        for step, batches in enumerate(super().steps(stage, first), start=first):
            if step == self.stop_before and self.group.rank == 1:
                os.kill(os.getpid(), signal.SIGINT)
            yield batches


def main() -> None:
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    group, device = join("cpu")
    run = the_run()
    trainer = make_trainer(out, run, device=device, group=group)
    source = Source(run, group)
    source.stop_before = int(sys.argv[2]) if len(sys.argv) > 2 else -1
    trainer.fit(source)
    weights = {name: value.contiguous() for name, value in trainer.net.state_dict().items()}
    save_file({"images": torch.tensor(trainer.images), **weights}, out / f"weights_{group.rank}.safetensors")
    leave(group)


if __name__ == "__main__":
    main()
