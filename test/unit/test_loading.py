"""Batches of a run from data sets on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.io import savemat
from training_runs import NETWORK, make_run, stage

from deephar_ros.data.batches import Batch
from deephar_ros.model.spnet import SPNet
from deephar_ros.train.config import DataConfig, RunConfig, SetConfig
from deephar_ros.train.loading import Loader

PEOPLE = SetConfig("people", "lsp", ".")


def write_lsp(folder: Path, persons: int) -> None:
    """Smooth pictures, each with a person in the middle."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, persons + 1):
        picture = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "images" / f"im{number:04d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    joints = rng.uniform(30, 90, (persons, 14, 2))
    savemat(
        folder / "joints.mat", {"joints": np.concatenate([joints, np.zeros((persons, 14, 1))], -1).transpose(2, 1, 0)}
    )


def first_batch(run: RunConfig, data: Path) -> Batch:
    return next(Loader(run, data, torch.device("cpu"), SPNet(NETWORK)).steps(0, 0))["pose"]


def test_cached_pictures_give_the_same_batches_and_are_decoded_once(tmp_path: Path) -> None:
    write_lsp(tmp_path / "data", persons=6)
    run = replace(make_run(stage(batch=4, pose={"people": 1.0})), data=DataConfig(sets=(PEOPLE,)))
    cached = replace(run, data=replace(run.data, cache=str(tmp_path / "cache")))
    plain, first = first_batch(run, tmp_path / "data"), first_batch(cached, tmp_path / "data")
    torch.testing.assert_close(plain["pose"], first["pose"], equal_nan=True, atol=1e-4, rtol=0)
    assert (plain["images"].float() - first["images"].float()).abs().mean() < 2
    for picture in (tmp_path / "data" / "images").iterdir():
        picture.write_bytes(b"no longer a picture")
    again = first_batch(cached, tmp_path / "data")
    assert torch.equal(first["images"], again["images"])
