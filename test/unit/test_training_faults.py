"""Training is killed, runs out of disk, meets NaN and broken pictures: nothing is lost, and it says what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_accidents import chosen_run
from training_runs import Noise, make_run, make_trainer, same_weights, stage

from deephar_ros.checkpoint import load_checkpoint
from deephar_ros.train.monitor import cut_log
from deephar_ros.train.state import load_state

HERE = Path(__file__).resolve()


def accident(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(HERE.with_name("training_accidents.py")), *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


def lines(out: Path) -> list[dict[str, Any]]:
    """The log without what a clock says."""
    read = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "images_per_second"} for line in read]


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """SIGKILL at random moments: the state, the checkpoint and the log are to the bit those of a run left alone."""
    kills = os.environ.get("DEEPHAR_KILLS", "6")  # scripts/nightly tries more
    done = accident("kill", str(tmp_path), kills)
    killed = re.search(r"^killed (\d+) times$", done.stdout, re.MULTILINE)
    assert killed is not None
    assert int(killed[1]) >= 2
    whole, other = tmp_path / "whole", tmp_path / "killed"
    (ours, facts), (theirs, their_facts) = load_state(other), load_state(whole)
    assert facts == their_facts
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert (other / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert lines(other) == lines(whole)


def test_the_log_loses_what_came_after_the_state_and_half_a_line(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"images": 4}\n{"images": 8}\n{"images": 12}\n{"ima')
    cut_log(tmp_path, 8)
    assert log.read_text() == '{"images": 4}\n{"images": 8}\n'


def test_a_full_disk_leaves_the_last_checkpoint_and_state_whole(tmp_path: Path) -> None:
    torch.set_num_threads(1)  # as the accident has: sums of more differ in the last digits
    run, out = chosen_run(), tmp_path / "full"
    reason = accident("disk", str(out)).stdout.splitlines()[-1]
    assert re.search(r"(state|weights)\.safetensors cannot be written \(File too large\); make room", reason)
    assert not list(out.glob("*.partial"))  # a full disk gets its room back
    load_checkpoint(out)
    again = make_trainer(out, run)
    again.resume()
    assert 0 < again.images <= 10 * 12
    assert again.fit(Noise(run))
    straight = make_trainer(tmp_path / "straight", run)
    straight.fit(Noise(run))
    assert same_weights(again.net, straight.net)


FILES = """
import resource, signal, sys
from pathlib import Path
from deephar_ros.files import append_line, whole_file, write_together
folder = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
def whole():
    with whole_file(folder / "whole") as file:
        file.write(bytes(5000))
for act in (
    whole,
    lambda: write_together(folder, {"whole": b"new", "other": bytes(5000)}),
    lambda: append_line(folder / "log", "x" * 5000),
):
    try:
        act()
    except OSError as error:
        print(error)
"""


def test_a_file_that_cannot_be_written_is_as_before(tmp_path: Path) -> None:
    for name in ("whole", "other", "log"):
        (tmp_path / name).write_text("before\n")
    path = os.pathsep.join([str(HERE.parent), str(HERE.parents[2]), os.environ.get("PYTHONPATH", "")])
    said = subprocess.run(
        [sys.executable, "-c", FILES, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert [re.sub(".*/", "", line).split(" ")[0] for line in said] == ["whole", "other", "log"]
    assert all("cannot be written (File too large); make room" in line for line in said)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        ("whole", "other", "log"), "before\n"
    )


def test_a_broken_state_is_refused_in_a_sentence(tmp_path: Path) -> None:
    run = make_run(stage(epochs=1, epoch_steps=1))
    make_trainer(tmp_path, run).fit(Noise(run))
    file = tmp_path / "state.safetensors"
    content = file.read_bytes()
    for broken in (b"", content[:-9], b"\x80\x04pickle", content.replace(b'\\"stage\\"', b'\\"stagf\\"')):
        file.write_bytes(broken)
        with pytest.raises(ValueError, match=r"state") as error:
            make_trainer(tmp_path, run).resume()
        assert "\n" not in str(error.value)


def test_a_gradient_that_is_not_finite_stops_the_run_before_it_reaches_the_weights(tmp_path: Path) -> None:
    run = make_run(stage())
    trainer = make_trainer(tmp_path, run)
    weight = trainer.net.blocks["up2_pb0"].heatmaps_conv1.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    with pytest.raises(FloatingPointError, match=r"gradient is .*bad_pose_batch\.safetensors.*learning_rate"):
        trainer.fit(Noise(run))
    assert torch.equal(weight, before)


def test_a_batch_that_broke_the_loss_can_be_looked_at(tmp_path: Path) -> None:
    run = make_run(stage())
    trainer = make_trainer(tmp_path, run)
    with torch.no_grad():
        trainer.net.entry.conv1.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"bad_pose_batch\.png"):
        trainer.fit(Noise(run))
    batch = next(Noise(run).steps(0, 0))["pose"]
    assert torch.equal(load_file(tmp_path / "bad_pose_batch.safetensors")["pose"].isnan(), batch["pose"].isnan())
    picture = cv2.imread(str(tmp_path / "bad_pose_batch.png"))[..., ::-1]
    assert picture.shape == (32, 4 * 32, 3)
    corner = batch["images"][2, :, 0, 0].numpy()
    assert np.abs(picture[0, 64].astype(int) - corner).max() <= 1 or (picture[0, 64] != 0).any()
