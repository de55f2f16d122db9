"""Crops from a cache are those from the files, and a cache can be made in several goes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn import natural_picture, write_clips, write_samples

from deephar_ros.data import crops_cache
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.batches import batches
from deephar_ros.data.clips import ActionClips
from deephar_ros.data.crops_cache import CropsCache, cut_out, make_cache, wanted_of_clips, wanted_of_samples
from deephar_ros.data.frames import PoseFrames
from deephar_ros.data.mix import MOST_BROKEN, Mix
from deephar_ros.data.paper_augment import HUMAN36M, MPII, NTU_CLIPS, PENN_CLIPS, PENN_FRAMES
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.data.view import Augmentation
from deephar_ros.data.windows import CropWindow


@pytest.mark.parametrize("augmentation", [MPII, HUMAN36M, PENN_FRAMES, AugmentConfig()])
def test_cached_pictures_give_the_crops_of_the_files(tmp_path: Path, augmentation: Augmentation) -> None:
    samples = write_samples(tmp_path, 3)
    cache = make_cache(tmp_path / "cache", wanted_of_samples(samples, augmentation), 96)
    plain, cached = PoseFrames(samples, 96, augmentation), PoseFrames(samples, 96, augmentation, cache=cache)
    for k in range(24):
        (images, target), (theirs, their_target) = cached[k], plain[k]
        torch.testing.assert_close(target, their_target, equal_nan=True)
        assert (images.int() - theirs.int()).abs().float().mean() < 1.5, k


def test_large_pictures_are_kept_no_larger_than_the_smallest_crop_needs(tmp_path: Path) -> None:
    sample = write_samples(tmp_path, 1)[0]
    window = CropWindow(500, 400, 300, 300)
    wanted = wanted_of_samples([sample], MPII)[0]._replace(window=window, reach=MPII.reach(window))
    assert wanted.reach.least == 210
    cut = cut_out(np.full((800, 900, 3), 255, np.uint8), wanted, 64)
    assert cut.pixels.shape[0] == pytest.approx(wanted.reach.most * 64 / 210, abs=3)
    assert cut.image_size == (900, 800)
    np.testing.assert_allclose(
        cut.matrix @ [500, 400, 1], [cut.pixels.shape[1] / 2, cut.pixels.shape[0] / 2, 1], atol=2
    )
    beside = cut_out(np.full((100, 100, 3), 255, np.uint8), wanted, 64)
    assert beside.pixels.max() == 0


@pytest.mark.parametrize("augmentation", [PENN_CLIPS, NTU_CLIPS])
def test_cached_clips_are_those_of_the_files(tmp_path: Path, augmentation: Augmentation) -> None:
    clips = write_clips(tmp_path, 2, 12)
    for clip in clips:
        for t, picture in enumerate(clip.frames):
            cv2.imwrite(str(picture.path), natural_picture(80, 60, seed=t))
    cache = make_cache(tmp_path / "cache", wanted_of_clips(clips, augmentation), 48)
    plain = ActionClips(clips, 4, (1, 2), 48, augmentation)
    cached = ActionClips(clips, 4, (1, 2), 48, augmentation, cache=cache)
    assert len(cache) == 24
    for k in range(10):
        assert (cached[k][0].int() - plain[k][0].int()).abs().float().mean() < 1.5
        torch.testing.assert_close(cached[k][1], plain[k][1], equal_nan=True)


def test_making_a_cache_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops_cache, "SHARD", 2)
    samples, folder = write_samples(tmp_path, 5), tmp_path / "cache"
    wanted = wanted_of_samples(samples, MPII)

    def stop(picture: Picture) -> np.ndarray:
        if picture == samples[3].picture:
            raise KeyboardInterrupt
        return read(picture)

    monkeypatch.setattr(crops_cache, "read", stop)
    with pytest.raises(KeyboardInterrupt):
        make_cache(folder, wanted, 64)
    monkeypatch.setattr(crops_cache, "read", read)
    with pytest.raises(DatasetError, match=r"is not finished, shards missing: [12]"):
        CropsCache(folder)
    os.utime(folder / "00000.npy", (0, 0))
    cache = make_cache(folder, wanted, 64)
    assert (folder / "00000.npy").stat().st_mtime == 0  # was not made again
    assert not list(folder.glob("*.partial"))
    for cut, sample in zip(cache, samples, strict=True):
        picture = cv2.imread(str(sample.picture.path))[..., ::-1]
        np.testing.assert_array_equal(cut.pixels, picture)  # all of it can be seen, at full resolution


def test_a_broken_picture_is_left_out_of_a_cache_and_named_also_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = write_samples(tmp_path, 4)
    broken = samples[2].picture.path
    broken.write_bytes(broken.read_bytes()[:200])
    cache = make_cache(tmp_path / "cache", wanted_of_samples(samples, MPII), 64)
    assert "1 of 4 pictures are left out" in capsys.readouterr().out
    assert cache[1].pixels.any()
    for again in (cache, CropsCache(tmp_path / "cache")):
        with pytest.raises(DatasetError, match=rf"{broken.name} does not decode"):
            again[2]
    mix = Mix([(PoseFrames(samples, 64, MPII, cache=cache), 1.0)], batch=4)
    batch = next(batches(mix))
    assert len(batch["images"]) == 4
    (reason,) = batch["broken"]
    assert str(broken) in reason


def test_a_cache_of_pictures_none_of_which_can_be_read_is_not_made(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, MOST_BROKEN)
    for sample in samples:
        sample.picture.path.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        make_cache(tmp_path / "cache", wanted_of_samples(samples, MPII), 64)


def test_several_threads_make_the_same_cache(tmp_path: Path) -> None:
    wanted = wanted_of_samples(write_samples(tmp_path, 4), MPII)
    one, two = make_cache(tmp_path / "one", wanted, 64), make_cache(tmp_path / "two", wanted, 64, threads=2)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    copied = pickle.dumps(one)  # as it goes to workers that are not forks
    assert len(copied) < 1000
    np.testing.assert_array_equal(pickle.loads(copied)[3].pixels, one[3].pixels)


def test_a_cache_of_other_crops_is_refused(tmp_path: Path) -> None:
    samples, folder = write_samples(tmp_path, 2), tmp_path / "cache"
    make_cache(folder, wanted_of_samples(samples, MPII), 64)
    for wanted, size in (
        (wanted_of_samples(samples, MPII), 96),
        (wanted_of_samples(samples, PENN_FRAMES), 64),
        (wanted_of_samples(samples[::-1], MPII), 64),
    ):
        with pytest.raises(DatasetError, match="a cache of other pictures"):
            make_cache(folder, wanted, size)
    with pytest.raises(DatasetError, match="holds no cache"):
        CropsCache(tmp_path)
