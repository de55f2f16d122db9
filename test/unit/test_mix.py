"""Batches of several data sets: shares, order, resuming, processes, workers."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import torch
from drawn import write_clips, write_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.batches import Batch, batches
from deephar_ros.data.clips import ActionClips
from deephar_ros.data.frames import PoseFrames
from deephar_ros.data.mix import BatchKeys, Key, Mix, item_at
from deephar_ros.data.paper_augment import MPII, NTU_CLIPS, PENN_FRAMES
from deephar_ros.data.samples import DatasetError

SIZE = 32


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[PoseFrames]:
    """Three data sets of 7, 5 and 3 pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    samples = write_samples(folder, 15)
    parts = (samples[:7], samples[7:12], samples[12:])
    return [PoseFrames(part, SIZE, config) for part, config in zip(parts, (MPII, PENN_FRAMES, MPII), strict=True)]


def first_keys(mix: Mix, count: int, first: int = 0, rank: int = 0, world: int = 1) -> list[list[Key]]:
    return list(islice(BatchKeys(mix, first, rank, world), count))


def same(ours: Batch, theirs: Batch) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if name != "broken":
            torch.testing.assert_close(value, theirs[name], rtol=0, atol=0, equal_nan=True)


def test_the_papers_3d_mix_is_exact_in_every_batch(frames: list[PoseFrames]) -> None:
    mix = Mix([(frames[0], 0.5), (frames[1], 0.375), (frames[2], 0.125)], batch=32)
    for keys in first_keys(mix, 20):
        assert Counter(part for part, _ in keys) == {0: 16, 1: 12, 2: 4}


def test_the_papers_2d_mix_is_exact_in_every_five_batches(frames: list[PoseFrames]) -> None:
    mix = Mix([(frames[0], 0.8), (frames[1], 0.2)], batch=32)
    counts = [Counter(part for part, _ in keys)[0] for keys in first_keys(mix, 20)]
    assert set(counts) == {25, 26}
    assert all(sum(counts[i : i + 5]) == 128 for i in range(0, 20, 5))


@settings(deadline=None)
@given(shares=st.lists(st.integers(1, 9), min_size=1, max_size=3), spare=st.integers(0, 20), number=st.integers(0, 999))
def test_every_batch_is_full_and_shares_are_never_off_by_more_than_one(
    frames: list[PoseFrames], shares: list[int], spare: int, number: int
) -> None:
    batch = -(-sum(shares) // min(shares)) + spare
    mix = Mix(list(zip(frames, shares, strict=False)), batch)
    counts = Counter(part for part, _ in mix.keys(number))
    assert counts.total() == batch
    for part, share in enumerate(shares):
        assert abs(counts[part] - batch * share / sum(shares)) < 2
        drawn = mix._drawn(part, number)
        assert abs(drawn - number * batch * share / sum(shares)) < 1


def test_each_part_shows_all_its_samples_before_it_repeats_one(frames: list[PoseFrames]) -> None:
    mix = Mix([(frames[0], 3), (frames[1], 1)], batch=8)
    keys = [key for batch in first_keys(mix, 35) for key in batch]
    for part, length in ((0, 7), (1, 5)):
        items = [k for p, k in keys if p == part]
        for epoch in range(len(items) // length):
            assert sorted(items[epoch * length : (epoch + 1) * length]) == [epoch * length + i for i in range(length)]
    orders = {tuple(item_at(7 * epoch + i, 7, seed=1) % 7 for i in range(7)) for epoch in range(20)}
    assert len(orders) > 10


def test_training_resumes_with_the_batch_it_stopped_before(frames: list[PoseFrames]) -> None:
    mix = Mix([(frames[0], 0.8), (frames[1], 0.2)], batch=6, seed=4)
    whole = list(islice(batches(mix), 5))
    for ours, theirs in zip(islice(batches(mix, first=3), 2), whole[3:], strict=True):
        same(ours, theirs)
    assert not torch.equal(whole[0]["images"], whole[1]["images"])
    other = Mix([(frames[0], 0.8), (frames[1], 0.2)], batch=6, seed=5)
    assert first_keys(other, 5) != first_keys(mix, 5)


def test_two_processes_together_see_what_one_sees(frames: list[PoseFrames]) -> None:
    mix = Mix([(frames[0], 0.5), (frames[1], 0.375), (frames[2], 0.125)], batch=16)
    for number, whole in enumerate(islice(batches(mix), 3)):
        halves = [next(batches(mix, number, rank, 2)) for rank in (0, 1)]
        for rank, half in enumerate(halves):
            same(half, {name: value[rank::2] for name, value in whole.items()})
    for rank in (0, 1):
        assert Counter(part for part, _ in first_keys(mix, 1, 0, rank, 2)[0]) == {0: 4, 1: 3, 2: 1}
    with pytest.raises(ValueError, match="cannot be split evenly over 3"):
        BatchKeys(mix, 0, 0, 3)


@pytest.mark.parametrize("on_device", [False, True])
def test_workers_give_the_batches_that_the_process_itself_gives(frames: list[PoseFrames], on_device: bool) -> None:
    mix = Mix([(frames[0], 0.5), (frames[1], 0.5)], batch=4, on_device=on_device)
    for ours, theirs in zip(islice(batches(mix, 1, workers=2), 3), islice(batches(mix, 1), 3), strict=True):
        same(ours, theirs)


def test_rendering_on_the_device_gives_the_same_poses_and_nearly_the_same_pictures(
    frames: list[PoseFrames], tmp_path: Path
) -> None:
    clips = ActionClips(write_clips(tmp_path, 2, 9), 4, (1, 2), SIZE, NTU_CLIPS)
    for parts in ([(frames[0], 0.5), (frames[1], 0.5)], [(clips, 1.0)]):
        plain, device = (next(batches(Mix(parts, 4, on_device=on_device))) for on_device in (False, True))
        same({**device, "images": plain["images"]}, plain)
        assert device["images"].shape == plain["images"].shape
        assert (device["images"].int() - plain["images"].int()).abs().float().mean() < 1


def test_batches_of_clips_have_labels_for_every_action_set(tmp_path: Path) -> None:
    clips = write_clips(tmp_path, 3, 6)
    one = ActionClips(clips, 4, (1,), SIZE, NTU_CLIPS, action_sets=2)
    other = ActionClips(clips, 4, (1,), SIZE, NTU_CLIPS, action_set=1, action_sets=2)
    batch = next(batches(Mix([(one, 0.5), (other, 0.5)], 6)))
    assert batch["images"].shape == (6, 4, 3, SIZE, SIZE)
    assert batch["images"].dtype == torch.uint8
    assert batch["pose"].shape == (6, 4, 16, 3)
    assert sorted(batch["labels"].tolist()) == [[-1, 0], [-1, 1], [-1, 2], [0, -1], [1, -1], [2, -1]]


def test_an_unreadable_picture_is_told_and_replaced(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, 4)
    samples[2].picture.path.unlink()
    batch = next(batches(Mix([(PoseFrames(samples, SIZE, MPII), 1)], 4)))
    assert batch["images"].shape == (4, 3, SIZE, SIZE)
    assert len(batch["broken"]) == 1
    assert samples[2].picture.path.name in batch["broken"][0]
    for sample in samples[:2] + samples[3:]:
        sample.picture.path.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        next(batches(Mix([(PoseFrames(samples, SIZE, MPII), 1)], 4)))


def test_shares_that_a_batch_cannot_hold_are_refused(frames: list[PoseFrames]) -> None:
    with pytest.raises(ValueError, match="part 1: a batch of 4 has less than one item"):
        Mix([(frames[0], 0.8), (frames[1], 0.2)], batch=4)
    with pytest.raises(ValueError, match="part 0: the data set is empty"):
        Mix([(PoseFrames([], SIZE, MPII), 1)], batch=4)


def test_some_crops_show_no_person_but_another_picture(tmp_path: Path) -> None:
    samples = write_samples(tmp_path, 2)
    dataset = PoseFrames(samples, 64, AugmentConfig(), backgrounds=[samples[0].picture.path], empty=0.3)
    empty = sum(bool(dataset[k][1].isnan().all()) for k in range(100))
    assert 15 <= empty <= 45
    small = AugmentConfig(fill=(0.1, 0.2), gray=0, blur=0, contrast=0, background=1)
    black = PoseFrames(samples, 64, small)
    filled = PoseFrames(samples, 64, small, backgrounds=[samples[0].picture.path])
    assert (black[1][0] == 0).float().mean() > 0.3
    assert (filled[1][0] == 0).float().mean() < 0.1
    torch.testing.assert_close(filled[1][1], black[1][1], equal_nan=True)
