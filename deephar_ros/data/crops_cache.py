"""Decoded pictures kept on disk, cut down to what crops of a size can need.

A cache is a folder of shards: `00000.npy` holds the pixels of its pictures one after another, `00000_index.npy` where
they are. Both are read by memory mapping, so that all workers share them. A shard counts from when its index is there,
so that making a cache can be stopped and goes on with the next shard. Pictures that cannot be read are left out; why is
in `00000_broken.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, overload

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.data.mix import MOST_BROKEN
from deephar_ros.data.pictures import read
from deephar_ros.data.resample import Image
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.view import Augmentation, Cut, Reach
from deephar_ros.data.windows import CropWindow, clip_window, frame_box
from deephar_ros.files import FileError, read_json, whole_file

SHARD = 256
"""Pictures of a shard."""

INDEX = np.dtype([("offset", "i8"), ("shape", "i4", 2), ("matrix", "f8", (3, 3)), ("image_size", "i4", 2)])


class Wanted(NamedTuple):
    """One picture of a cache: what has to be kept of it."""

    picture: Picture
    window: CropWindow
    reach: Reach


def wanted_of_samples(samples: Sequence[Sample], augmentation: Augmentation) -> list[Wanted]:
    """For `PoseFrames`."""
    return [Wanted(sample.picture, sample.window, augmentation.reach(sample.window)) for sample in samples]


def wanted_of_clips(clips: Sequence[Clip], augmentation: Augmentation) -> list[Wanted]:
    """For `ActionClips`: of every frame what crops of any part of its video can need."""
    wanted = []
    for clip in clips:
        boxes = np.array([frame_box(joints[:, :2], clip.size) for joints in clip.joints])
        (x0, y0), (x1, y1) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        # A part's window lies in this one, and then so do its crops in this one's reach.
        all_parts = CropWindow.of_box((x0, y0, x1, y1))
        windows = [clip_window(joints[None, :, :2], clip.size) for joints in clip.joints]
        least = min(augmentation.reach(window).least for window in windows)
        reach = Reach(least, augmentation.reach(all_parts).most)
        wanted += [Wanted(picture, all_parts, reach) for picture in clip.frames]
    return wanted


class CropsCache(Sequence[Cut]):
    """The pictures of a finished cache, in the order in which they were wanted; DatasetError for one that was broken.

    Raises:
        DatasetError: the folder holds no finished cache.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.length = int(_description(folder).get("pictures", 0))
        missing = [number for number in range(_shards(self.length)) if not _index(folder, number).is_file()]
        if missing:
            raise DatasetError(f"{folder} is not finished, shards missing: {len(missing)}; make the cache again")
        self._open: dict[int, tuple[NDArray[np.uint8], NDArray[np.void]]] = {}

    def __len__(self) -> int:
        return self.length

    def __reduce__(self) -> tuple[type[CropsCache], tuple[Path]]:
        return CropsCache, (self.folder,)  # for workers that are not forks: not the pixels, but where they are

    @overload
    def __getitem__(self, number: int) -> Cut: ...

    @overload
    def __getitem__(self, number: slice) -> list[Cut]: ...

    def __getitem__(self, number: int | slice) -> Cut | list[Cut]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(self.length))]
        if not 0 <= number < self.length:
            raise IndexError(f"{number} is not one of the {self.length} pictures of {self.folder}")
        pixels, index = self._shard(number // SHARD)
        entry = index[number % SHARD]
        if not entry["shape"].any():
            raise DatasetError(broken_pictures(self.folder, number // SHARD)[number % SHARD])
        height, width = entry["shape"]
        start = entry["offset"]
        cut = pixels[start : start + 3 * height * width].reshape(height, width, 3)
        return Cut(cut, entry["matrix"], (int(entry["image_size"][0]), int(entry["image_size"][1])))

    def _shard(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
        if number not in self._open:
            try:
                pixels = np.load(_pixels(self.folder, number), mmap_mode="r")
                self._open[number] = np.asarray(pixels), np.load(_index(self.folder, number))
            except (OSError, ValueError, EOFError) as error:
                raise DatasetError(f"{self.folder} is broken ({error}): remove it, it is made again") from error
        return self._open[number]


def make_cache(folder: Path, wanted: Sequence[Wanted], size: int, threads: int = 1) -> CropsCache:
    """Makes or finishes the cache of the wanted pictures for crops of `size` pixels, with a progress bar.

    Raises:
        DatasetError: the folder holds a cache of other pictures, windows or crops, or 10 pictures after one another
            cannot be read. Single ones are left out, named and counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = {"pictures": len(wanted), "size": size, "shard": SHARD, "hash": _hash(wanted, size)}
    if (folder / "cache.json").is_file():
        if _description(folder) != description:
            raise DatasetError(f"{folder} is a cache of other pictures or crops: remove it or name another folder")
    else:
        with whole_file(folder / "cache.json") as file:
            file.write(json.dumps(description).encode())
    todo = [n for n in range(_shards(len(wanted))) if not _index(folder, n).is_file()]
    parts = [wanted[n * SHARD : (n + 1) * SHARD] for n in todo]
    done = len(wanted) - sum(map(len, parts))
    bar = tqdm(total=len(wanted), initial=done, unit="img", desc=folder.name)
    with bar, ThreadPoolExecutor(threads) as pool:
        try:
            for count in pool.map(partial(_write_shard, folder, size), todo, parts):
                bar.update(count)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    broken = [reason for n in todo for reason in broken_pictures(folder, n).values()]
    if broken:
        again = f"put them right and remove {folder} to take them in"
        tqdm.write(f"{len(broken)} of {len(wanted)} pictures are left out: {'; '.join(broken[:5])}; {again}")
    return CropsCache(folder)


def broken_pictures(folder: Path, number: int) -> dict[int, str]:
    """Why pictures of a shard were left out, by their place in it."""
    file = _broken(folder, number)
    try:
        return {int(place): str(reason) for place, reason in read_json(file).items()} if file.is_file() else {}
    except (FileError, AttributeError) as error:
        raise DatasetError(f"{folder} is broken ({error}): remove it") from error


def cut_out(pixels: Image, wanted: Wanted, size: int) -> Cut:
    """The part that crops can show, averaged down to what the smallest of them needs."""
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = CropWindow(wanted.window.x, wanted.window.y, wanted.reach.most, wanted.reach.most).box
    left, right = (int(np.clip(edge, 0, width)) for edge in (np.floor(x0) - 1, np.ceil(x1) + 1))
    top, bottom = (int(np.clip(edge, 0, height)) for edge in (np.floor(y0) - 1, np.ceil(y1) + 1))
    if left == right or top == bottom:  # a window beside the picture
        return Cut(np.zeros((1, 1, 3), np.uint8), np.eye(3), (width, height))
    part = pixels[top:bottom, left:right]
    factor = min(1.0, size / wanted.reach.least)
    target = max(1, round(factor * part.shape[1])), max(1, round(factor * part.shape[0]))
    matrix = np.diag([target[0] / part.shape[1], target[1] / part.shape[0], 1.0])
    if factor < 1:
        part = cv2.resize(part, target, interpolation=cv2.INTER_AREA)
    return Cut(part, matrix @ np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]]), (width, height))


def _write_shard(folder: Path, size: int, number: int, wanted: Sequence[Wanted]) -> int:
    """How many pictures were looked at."""
    cuts, broken = _cut_all(wanted, size)
    index = np.zeros(len(cuts), INDEX)
    ends = np.cumsum([cut.pixels.size for cut in cuts])
    for entry, cut, end in zip(index, cuts, ends, strict=True):
        entry["offset"], entry["shape"] = end - cut.pixels.size, cut.pixels.shape[:2]
        entry["matrix"], entry["image_size"] = cut.matrix, cut.image_size
    with whole_file(_pixels(folder, number)) as file:
        np.save(file, np.concatenate([cut.pixels.reshape(-1) for cut in cuts]))
    if broken:
        with whole_file(_broken(folder, number)) as file:
            file.write(json.dumps(broken).encode())
    with whole_file(_index(folder, number)) as file:
        np.save(file, index)
    return len(cuts)


def _cut_all(wanted: Sequence[Wanted], size: int) -> tuple[list[Cut], dict[int, str]]:
    """What is kept of the pictures, nothing of broken ones, and what is wrong with those by their place."""
    cuts: list[Cut] = []
    broken: dict[int, str] = {}
    for place, one in enumerate(wanted):
        try:
            cuts.append(cut_out(read(one.picture), one, size))
        except DatasetError as error:
            broken[place] = str(error)
            cuts.append(Cut(np.zeros((0, 0, 3), np.uint8), np.eye(3), (0, 0)))
            if all(before in broken for before in range(place - MOST_BROKEN + 1, place)):
                raise
    return cuts, broken


def _hash(wanted: Sequence[Wanted], size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    for one in wanted:
        digest.update(repr((str(one.picture.path), one.picture.number, one.window, one.reach)).encode())
    return digest.hexdigest()


def _description(folder: Path) -> dict[str, Any]:
    try:
        return dict(read_json(folder / "cache.json"))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{folder} holds no cache of crops: {error}") from error


def _shards(pictures: int) -> int:
    return -(-pictures // SHARD)


def _pixels(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.npy"


def _broken(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}_broken.json"


def _index(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}_index.npy"
