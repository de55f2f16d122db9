"""Own actions from clips without pose labels: the whole command, on a tiny network."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import threading
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deephar_ros.backend.torch_backend import TorchBackend
from deephar_ros.checkpoint import load_checkpoint, save_checkpoint
from deephar_ros.cli.train_actions import main
from deephar_ros.data.samples import DatasetError
from deephar_ros.draw import VideoWriter
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.own_actions import OwnActions, first_network, train_own_actions
from deephar_ros.train.own_actions_report import interval
from deephar_ros.train.raw_predictions import predict_videos
from deephar_ros.train.stages import is_action_weight

COLOURS = {"fall asleep": (30, 40, 200), "wake up": (220, 200, 40), "yawn": (40, 180, 60)}


def write_clip(path: Path, colour: tuple[int, int, int], seconds: float = 0.5) -> None:
    rng = np.random.default_rng(len(str(path.name)) + sum(path.name.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path) as video:
        for number in range(round(10 * seconds)):
            noise = rng.normal(0, 20, (48, 64, 3))
            video.add(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8), number / 10)


def write_actions(folder: Path) -> Path:
    """Six clips of each of three actions, which differ in colour."""
    for label, colour in COLOURS.items():
        for number in range(6):
            write_clip(folder / label / f"{'anna' if number < 4 else 'ben'}_{number}.mp4", colour)
    return folder


def wish(data: Path, base: Path, out: str = "model", **changes: object) -> OwnActions:
    chosen = {"cache": data.parent / "cache", "steps": 50, "patterns": ("ben*",), **changes}
    return OwnActions(data, data.parent / out, base, **chosen)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Trained:
    """What the command left, and what it printed."""

    wish: OwnActions
    printed: str


@pytest.fixture(scope="module")
def trained(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The command on clips of which two cannot be used."""
    folder = write_actions(tmp_path_factory.mktemp("own") / "actions")
    (folder / "yawn" / "broken.mp4").write_bytes(b"no video")
    write_clip(folder / "yawn" / "short.mp4", COLOURS["yawn"], 0.1)
    (folder / "nothing").mkdir()
    chosen, printed = wish(folder, tiny_checkpoint, "my_model"), io.StringIO()
    arguments = [folder, "--out", chosen.out, "--base", tiny_checkpoint, "--cache", chosen.cache, "--hold-out", "ben*"]
    with redirect_stdout(printed):
        assert main([*map(str, arguments), "--steps", str(chosen.steps), "--device", "cpu"]) == 0
    return Trained(chosen, printed.getvalue())


def test_the_command_makes_a_checkpoint_that_knows_the_new_actions(trained: Trained) -> None:
    net, spec = load_checkpoint(trained.wish.out)
    base, base_spec = load_checkpoint(trained.wish.base)
    assert (spec.name, spec.labels, spec.action_trained) == ("my_model", (tuple(COLOURS),), True)
    assert (spec.clip_spacing, spec.depth_trained) == (base_spec.clip_spacing, True)
    for name, value in base.state_dict().items():
        if not is_action_weight(name):
            assert torch.equal(net.state_dict()[name], value), name
    left = {"MODEL_CARD.md", "config.yaml", "weights.safetensors", "split.json", "log.jsonl"}
    left |= {"confusion.png", "held_out.csv", "held_out.json"}
    assert {path.name for path in trained.wish.out.iterdir()} == left
    with pytest.raises(FileExistsError, match="holds a run"):
        train_own_actions(trained.wish)


def test_the_report_says_how_good_it_is_and_on_what(trained: Trained) -> None:
    card = (trained.wish.out / "MODEL_CARD.md").read_text()
    for part in (
        "**100.0 %** of the clips held out are named rightly (6 of 6; 95 % interval 61 to 100 %). Chance: 33.3 %.",
        "Held out: as asked for: ben*.",
        "| wake up |  | 2 |  | 100 % of 2 |",
        "**Fewer than 5 clips held out**, so that the recall says little: fall asleep, wake up, yawn.",
        "that of tiny, unchanged",
        "| yawn | 3 | 1 | 2 |",
        "Folders without clips, left out: nothing.",
        "2 clips could not be used",
        "yawn/broken.mp4",
        "yawn/short.mp4",
        "seed 0",
        "python -m deephar_ros.cli.train_actions",
    ):
        assert part in card, part
        assert part in trained.printed, part
    assert f"model:={trained.wish.out}" in trained.printed
    scores = json.loads((trained.wish.out / "held_out.json").read_text())
    assert scores["confusion"] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
    assert (trained.wish.out / "confusion.png").stat().st_size > 5000


def test_the_figures_are_those_of_the_deployed_network_on_the_same_videos(trained: Trained) -> None:
    names = [f"{label}/ben_{number}.mp4" for label in COLOURS for number in (4, 5)]
    found, broken = predict_videos(TorchBackend(trained.wish.out, "cpu"), trained.wish.data, names, None)
    assert not broken
    with (trained.wish.out / "held_out.csv").open() as file:
        said = {row["clip"]: row for row in csv.DictReader(file)}
    assert set(said) == set(names)
    for name, label, probabilities in zip(names, found.labels, found.distributions, strict=True):
        assert (said[name]["label"], said[name]["said"]) == (name.split("/")[0], label)
        assert float(said[name]["probability"]) == pytest.approx(probabilities.max(), abs=0.01)


def test_an_interrupted_run_goes_on_to_the_same_weights(trained: Trained) -> None:
    cut = replace(trained.wish, out=trained.wish.out.with_name("cut"))

    def interrupt() -> None:
        while not (cut.out / "log.jsonl").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert train_own_actions(cut) is None
    assert (cut.out / "state.safetensors").is_file()
    with pytest.raises(FileExistsError, match="--resume goes on"):
        train_own_actions(cut)
    renamed = cut.data / "yawn" / "anna_9.mp4"
    (cut.data / "yawn" / "anna_0.mp4").rename(renamed)
    with pytest.raises(DatasetError, match=r"not those of .*split\.json"):
        train_own_actions(cut, resume=True)
    renamed.rename(cut.data / "yawn" / "anna_0.mp4")
    assert train_own_actions(cut, resume=True)
    weights = load_checkpoint(cut.out)[0].state_dict()
    for name, value in load_checkpoint(trained.wish.out)[0].state_dict().items():
        assert torch.equal(weights[name], value), name


def test_a_folders_own_split_counts_and_mirrored_pictures_are_left_out_where_names_tell_sides(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    folder = write_actions(tmp_path / "actions")
    (folder / "yawn").rename(folder / "yawn left")
    labels = [label.replace("yawn", "yawn left") for label in COLOURS]
    test = [f"{label}/anna_1.mp4" for label in labels]
    train = [f"{label}/{name}.mp4" for label in labels for name in ("anna_0", "ben_4")]
    (folder / "split.json").write_text(json.dumps({"train": train, "test": test}))
    made = wish(folder, tiny_checkpoint, patterns=(), steps=10)
    report = train_own_actions(made) or ""
    assert "Held out: as the folder says." in report
    assert "not mirrored" in report
    names = json.loads((made.out / "split.json").read_text())
    assert (sorted(names["train"]), names["test"]) == (sorted(train), test)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ((), "has no clips"),
        (("wave",), "has clips of 'wave' only"),
        (("wave", "Wave"), "'Wave' and 'wave' are one action or two"),
    ],
)
def test_folders_without_two_actions_are_refused(
    labels: tuple[str, ...], complaint: str, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    folder = tmp_path / "actions"
    folder.mkdir()
    for label in labels:
        write_clip(folder / label / "a.mp4", (0, 0, 0))
    with pytest.raises(ValueError, match=complaint):
        train_own_actions(wish(folder, tiny_checkpoint))
    assert not (tmp_path / "model").exists()


def test_an_action_without_a_clip_that_can_be_used_is_named(tmp_path: Path, tiny_checkpoint: Path) -> None:
    write_clip(tmp_path / "actions" / "wave" / "a.mp4", COLOURS["yawn"])
    (tmp_path / "actions" / "yawn").mkdir()
    (tmp_path / "actions" / "yawn" / "a.mp4").write_bytes(b"no video")
    with pytest.raises(DatasetError, match="no clip of 'yawn' can be used"):
        train_own_actions(wish(tmp_path / "actions", tiny_checkpoint))


def test_single_clips_are_learned_from_and_the_report_says_that_nothing_was_measured(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    for label, colour in COLOURS.items():
        write_clip(tmp_path / "actions" / label / "a.mp4", colour)
    report = train_own_actions(wish(tmp_path / "actions", tiny_checkpoint, patterns=(), steps=10))
    assert report is not None
    assert "**Not evaluated**: no clip was held out." in report


def test_the_action_path_starts_from_a_trained_one_and_is_made_where_there_is_none(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    base, spec = load_checkpoint(tiny_checkpoint)
    chosen = wish(tmp_path / "data", tiny_checkpoint)
    torch.manual_seed(0)
    net, new = first_network(chosen, ["a", "b"])
    assert new.network.num_actions == (2,)
    assert net.state_dict()["actions.act1.r2.conv1.weight"].equal(base.state_dict()["actions.act1.r2.conv1.weight"])

    untrained = tmp_path / "untrained"
    save_checkpoint(untrained, base, replace(spec, action_trained=False), "")
    net, _ = first_network(replace(chosen, base=untrained), ["a", "b"])
    assert not net.state_dict()["actions.act1.r2.conv1.weight"].equal(base.state_dict()["actions.act1.r2.conv1.weight"])

    config = replace(base.config, action_pyramids=(), num_actions=(), pose_replica=False)
    save_checkpoint(tmp_path / "pose", SPNet(config), replace(spec, network=config, labels=()), "")
    net, new = first_network(replace(chosen, base=tmp_path / "pose", clip_spacing=0.3), ["a", "b"])
    assert (new.network.action_pyramids, new.clip_spacing, new.action_trained) == ((2,), 0.3, False)


def test_the_interval_is_wilsons() -> None:
    assert interval(8, 10) == pytest.approx((49.0, 94.3), abs=0.1)  # textbook value
    assert interval(0, 4)[0] == 0
    assert interval(4, 4)[1] == 100
