"""The command evaluate on tiny sets in the official formats."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import test_human36m
import test_mpii
import test_ntu
import test_utd_mhad
import torch
from scipy.io import savemat

from deephar_ros.checkpoint import ModelSpec, save_checkpoint
from deephar_ros.cli.evaluate import main
from deephar_ros.data import ntu, utd_mhad
from deephar_ros.data.human36m_metadata import CAMERAS
from deephar_ros.data.penn_action import LABELS
from deephar_ros.model.spnet import SPNet
from deephar_ros.skeleton import PA17

mpii = test_mpii.folder  # a fixture
BLOCKS = ["p1_l2", "p1_l3", "p2_l2", "p2_l1"]


@pytest.fixture
def lsp(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "data" / "lsp_train"
    (folder / "images").mkdir(parents=True)
    for number in range(1, 5):
        cv2.imwrite(str(folder / "images" / f"im{number:04d}.jpg"), rng.integers(0, 255, (120, 100, 3), np.uint8))
    np.savez(folder / "joints.npz", joints=np.dstack([rng.uniform(20, 80, (4, 14, 2)), np.zeros((4, 14))]))
    return folder.parent


def run(*arguments: object) -> int:
    return main([str(argument) for argument in (*arguments, "--device", "cpu")])


def test_the_command_on_lsp(tiny_checkpoint: Path, lsp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tiny_checkpoint, "--data", lsp, "--validation", 3) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[:18]] == [*PA17.joints, "mean"]
    assert "PCK@0.2 of the torso, %: lsp" in printed
    assert "PCKh@0.5, %: lsp" in printed
    assert "3 samples" in printed


def test_the_command_draws_the_worst_people_first(tiny_checkpoint: Path, lsp: Path, tmp_path: Path) -> None:
    assert run(tiny_checkpoint, "--data", lsp, "--validation", 5, "--worst", tmp_path / "worst.png") == 0
    sheet = cv2.imread(str(tmp_path / "worst.png"))
    assert sheet.shape[1] == 4 * 2 * 256
    assert sheet.std() > 1


def test_the_command_draws_the_curve_of_all_blocks(tiny_checkpoint: Path, lsp: Path, tmp_path: Path) -> None:
    assert run(tiny_checkpoint, "--data", lsp, "--curve", tmp_path / "curve", "--repeats", 3, "--threads", 1) == 0
    document = json.loads((tmp_path / "curve.json").read_text())
    assert [point["block"] for point in document["points"]] == BLOCKS
    assert all(point["milliseconds"] > 0 for point in document["points"])
    assert {"cpu", "threads"} <= document["machine"].keys()
    assert cv2.imread(str(tmp_path / "curve.png")).std() > 1


def network(tiny_net: SPNet, folder: Path, labels: tuple[str, ...], **changes: int) -> Path:
    """A checkpoint of a tiny network with these actions."""
    config = replace(tiny_net.config, num_actions=(len(labels),), pose_replica=False, **changes)
    torch.manual_seed(0)
    save_checkpoint(folder, SPNet(config), ModelSpec(config, 64, (labels,), clip_frames=4), "")
    return folder


@pytest.fixture
def penn(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two test videos and one for training, 12 frames each, as in the official archive."""
    folder = tmp_path / "Penn_Action"
    (folder / "labels").mkdir(parents=True)
    for number, (action, train) in enumerate([("bowl", -1), ("pullup", -1), ("squat", 1)], start=1):
        frames = folder / "frames" / f"{number:04d}"
        frames.mkdir(parents=True)
        for frame in range(1, 13):
            cv2.imwrite(str(frames / f"{frame:06d}.jpg"), rng.integers(0, 255, (60, 80, 3), np.uint8))
        label = {
            "action": action,
            "train": train,
            "x": rng.uniform(10, 70, (12, 13)),
            "y": rng.uniform(10, 50, (12, 13)),
            "visibility": np.ones((12, 13)),
            "dimensions": [60, 80, 12],
        }
        savemat(folder / "labels" / f"{number:04d}.mat", label)
    return folder


def test_the_command_on_penn_action(
    tiny_net: SPNet, penn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = network(tiny_net, tmp_path / "model", LABELS, num_joints=16, dim=2)
    out = tmp_path / "results"
    arguments = (model, "--set", "penn", "--data", penn, "--spacing", 2, "--out", out)
    assert run(*arguments, "--clips", "multi", "--protocol", "paper") == 0
    printed = capsys.readouterr().out
    assert "average over clips half a clip apart" in printed
    assert "product over the released code's clips" in printed
    document = json.loads((out / "penn.json").read_text())
    assert len(document["scores"]) == 2
    confusion = np.array(document["scores"][0]["confusion"])
    assert confusion.shape == (15, 15)
    assert confusion[[LABELS.index("bowling"), LABELS.index("pull_ups")]].sum() == confusion.sum() == 2
    assert cv2.imread(str(out / "penn_confusion.png")).std() > 1
    assert "ours, accuracy" in (out / "tables.md").read_text()
    assert [table["table"] for table in json.loads((out / "tables.json").read_text())] == [1, 2, 3, 7]


def test_the_command_says_what_is_wrong(
    tiny_checkpoint: Path, lsp: Path, penn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--data", lsp) == 1
    assert "not a checkpoint folder" in capsys.readouterr().err
    assert run(tiny_checkpoint, "--data", tmp_path / "nothing") == 1
    assert "joints" in capsys.readouterr().err
    assert run(tiny_checkpoint, "--data", penn, "--set", "penn") == 1
    assert "no set of actions of tiny is that of penn" in capsys.readouterr().err


@pytest.mark.parametrize(("protocol", "measure"), [("paper", "MPJPE, mm"), ("usual", "MPJPE (protocol 1), mm")])
def test_the_command_on_human36m(
    tiny_checkpoint: Path,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
    protocol: str,
    measure: str,
) -> None:
    data, take = tmp_path / "human36m", "Walking 1"
    test_human36m.write_metadata(data)
    world = rng.uniform((-500, -500, 0), (500, 500, 1800), (65, 32, 3)).astype(np.float32)
    test_human36m.write_positions(data / "S9" / "MyPoseFeatures" / "D3_Positions" / f"{take}.cdf", world)
    for number in (1, 65):
        path = data / "S9" / "Images" / f"{take}.{CAMERAS[0]}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 255, (1000, 1000, 3), np.uint8))
    arguments = (tiny_checkpoint, "--set", "human36m", "--data", data, "--protocol", protocol)
    assert run(*arguments, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert f"\n{measure}: human36m, protocol {protocol}, 17 joints" in printed
    assert "2 samples" in printed
    assert "Walking" in printed
    scores = json.loads((tmp_path / "out" / "human36m.json").read_text())["scores"]
    means = [score["blocks"][score["reported"]]["mean"] for score in scores]
    assert means[0] > means[1] > 50  # a random network, noise for people
    assert f"{means[0]:.1f}" in (tmp_path / "out" / "tables.md").read_text().split("## Table 2")[0]


def test_the_command_on_mpii(tiny_checkpoint: Path, mpii: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mpii / "images").mkdir()
    test_mpii.write_list(mpii, "validation.txt")
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(str(mpii / "images" / name), np.zeros((400, 600, 3), np.uint8))
    assert run(tiny_checkpoint, "--set", "mpii", "--data", mpii, "--protocol", "paper") == 0
    assert "PCKh@0.5, %: mpii, protocol paper" in capsys.readouterr().out


def test_the_command_on_ntu(tiny_net: SPNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (test_ntu.TEST, test_ntu.FIRST):  # subjects 3 and 1; both were taken by camera 1
        test_ntu.write_skeleton(tmp_path / "ntu", name, [[("7", test_ntu.body())]] * 7)
        test_ntu.write_video(tmp_path / "ntu", name, 7)
    model, out = network(tiny_net, tmp_path / "model", ntu.LABELS), tmp_path / "out"
    arguments = (model, "--set", "ntu", "--data", tmp_path / "ntu", "--out", out)
    assert run(*arguments) == 0
    assert run(*arguments, "--view") == 0
    printed = capsys.readouterr().out
    assert "accuracy, %: ntu, protocol usual, middle clip, block p2_l1, 1 samples" in printed
    assert "accuracy, %: ntu_cross_view, protocol usual, middle clip, block p2_l1, 2 samples" in printed
    assert (out / "tables.md").read_text().count("| ours, accuracy |") == 2


def test_the_command_on_utd_mhad(tiny_net: SPNet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "utd"
    data.mkdir()
    for name in ("a1_s1_t1", "a2_s2_t1", "a3_s7_t1"):
        test_utd_mhad.write_sequence(data, name, 10, 14)
    arguments = (network(tiny_net, tmp_path / "model", utd_mhad.LABELS), "--set", "utd_mhad", "--data", data)
    assert run(*arguments) == 0
    assert run(*arguments, "--split", "inner_validation") == 0
    printed = capsys.readouterr().out
    assert "middle clip, block p2_l1, 1 samples" in printed
    assert "middle clip, inner_validation, block p2_l1, 1 samples" in printed


def test_crops_of_another_size_are_scored(tiny_checkpoint: Path, lsp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tiny_checkpoint, "--data", lsp, "--validation", 3, "--input-size", 96) == 0
    assert "3 samples" in capsys.readouterr().out
    assert run(tiny_checkpoint, "--data", lsp, "--input-size", 90) == 1
    assert "input_size 90: tiny takes multiples of 32" in capsys.readouterr().err
