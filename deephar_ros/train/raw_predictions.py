"""Raw predictions for pictures and videos that nobody has annotated, for others to score."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deephar_ros.backend.base import Backend
from deephar_ros.clip import ClipBuffer
from deephar_ros.data.clip_indices import middle_clip
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.depth import locate
from deephar_ros.files import FileError, read_json
from deephar_ros.geometry import Array, Box, Window
from deephar_ros.people import Frame
from deephar_ros.pipeline import DEPTH_RANGE, Pipeline
from deephar_ros.settings import PipelineSettings
from deephar_ros.skeleton import MESSAGE_LAYOUTS
from deephar_ros.sources import SourceError, open_source
from deephar_ros.track import BOX_MARGIN

VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}
FAR = 100_000
"""Pixels; no box reaches as far."""

BATCH = 16
"""Crops that go through the network together."""


class BoxesError(ValueError):
    """A file of boxes that cannot be used, or does not fit to the pictures; the message says where."""


class Broken(NamedTuple):
    """A file that was skipped, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PicturePredictions:
    """One pose per picture.

    Attributes:
        names: (N,) paths relative to the folder.
        joints: (J,) names of the joints.
        kpts: (N, J, 2) pixels of the picture as it is stored: an orientation that EXIF tells is not applied.
        confidence: (N, J) in [0, 1].
        kpts3d: (N, J, 3) mm from the pelvis, axes of the camera (x right, y down, z forward), scaled to the size of an
            average body; z is NaN where the network's depth is untrained.
    """

    names: NDArray[np.str_]
    joints: NDArray[np.str_]
    kpts: NDArray[np.float32]
    confidence: NDArray[np.float32]
    kpts3d: NDArray[np.float32]


@dataclass(frozen=True)
class VideoPredictions:
    """One action per video.

    Attributes:
        names: (N,) paths relative to the folder.
        labels: (N,) the most probable label.
        label_names: (C,)
        distributions: (N, C) mean over the video's clips; rows sum to 1.
        clips: (N,) how many they were.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.str_]
    label_names: NDArray[np.str_]
    distributions: NDArray[np.float32]
    clips: NDArray[np.int64]


def find_files(folder: Path, suffixes: set[str]) -> list[str]:
    """Files of these kinds in the folder and below, as sorted paths relative to it.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    if not names:
        raise FileNotFoundError(f"{folder} holds no file that ends with {', '.join(sorted(suffixes))}")
    return names


def read_boxes(path: Path, names: Sequence[str]) -> dict[str, Box]:
    """The boxes of all pictures from a JSON object {name: [x1, y1, x2, y2]}, pixels.

    Raises:
        BoxesError: the file is not that, lacks a picture, or names one that is not there.
    """
    try:
        values = read_json(path)
    except FileError as error:
        raise BoxesError(f"{error}; give an object of picture names and boxes") from error
    if not isinstance(values, dict):
        raise BoxesError(f"{path} is not an object of picture names and boxes")
    missing, unknown = sorted(set(names) - values.keys()), sorted(values.keys() - set(names))
    if missing or unknown:
        found = f"no box for {reprlib.repr(missing)}, no picture for {reprlib.repr(unknown)}"
        raise BoxesError(f"{path} does not fit to the pictures: {found}")
    return {name: _box(values[name], f"{path}: {name}") for name in names}


def predict_pictures(
    backend: Backend, folder: Path, names: Sequence[str], boxes: Mapping[str, Box] | None, margin: float = BOX_MARGIN
) -> tuple[PicturePredictions, list[Broken]]:
    """The pose of one person in each picture.

    Args:
        names: of pictures, relative to the folder.
        boxes: where the persons are; None: what fills the picture is the person.
        margin: side of the square crop over the longer side of the box. The whole picture is taken as it is.

    Returns:
        The predictions for the pictures that could be read, and the others.
    """
    layout = MESSAGE_LAYOUTS[backend.spec.layout.name]
    order = backend.spec.layout.indices_of(layout)
    depth_range = DEPTH_RANGE if backend.spec.depth_trained else float("nan")
    broken: list[Broken] = []
    read_names, kpts, confidence, kpts3d = [], [], [], []
    for batch in _batches(_crops(folder, names, boxes, margin, backend.spec.input_size, broken)):
        poses = backend.predict(np.stack([crop.pixels for crop in batch])).poses[:, order]
        for crop, pose in zip(batch, poses, strict=True):
            joints, sure = crop.window.to_image(pose[:, :2]), pose[:, -1]
            z = depth_range * pose[:, 2] if pose.shape[-1] == 4 else np.full(len(pose), np.nan)
            read_names.append(crop.name)
            kpts.append(joints)
            confidence.append(sure)
            kpts3d.append(1000 * locate(joints, z, sure, layout, None, None, crop.picture_size)[0])
    count = len(layout)
    predictions = PicturePredictions(
        np.array(read_names, np.str_),
        np.array(layout.joints),
        np.array(kpts, np.float32).reshape(-1, count, 2),
        np.array(confidence, np.float32).reshape(-1, count),
        np.array(kpts3d, np.float32).reshape(-1, count, 3),
    )
    return predictions, broken


def predict_videos(
    backend: Backend, folder: Path, names: Sequence[str], settings: PipelineSettings | None, action_set: int = 0
) -> tuple[VideoPredictions, list[Broken]]:
    """The action in each video: the mean over all clips, one ending with each frame.

    Args:
        settings: how people are found and followed, as in the node; of several, the one counts who was seen in most
            clips. None: what fills the picture is the person. So it is, too, where no clip of anybody is found.
        action_set: which of the network's sets of actions, from 0.

    Returns:
        The predictions for the videos that could be read, and the others.
    """
    labels = backend.spec.labels[action_set]
    read_names, found, broken = [], [], []
    for name in tqdm(names, unit="video", desc="videos", leave=False):
        try:
            clips = [] if settings is None else _clips_of_person(backend, folder / name, settings, labels)
            found.append(clips or _clips_of_picture(backend, folder / name, action_set))
        except (SourceError, OSError) as error:
            broken.append(Broken(name, str(error)))
        else:
            read_names.append(name)
    distributions = np.array([np.mean(clips, 0) for clips in found], np.float32).reshape(-1, len(labels))
    predictions = VideoPredictions(
        np.array(read_names, np.str_),
        np.array(labels)[distributions.argmax(-1)],
        np.array(labels),
        distributions,
        np.array([len(clips) for clips in found], np.int64),
    )
    return predictions, broken


def agreement(predictions: VideoPredictions) -> list[str]:
    """How many videos are called as the folders that they lie in: lines for all together and for each label; none
    unless every video lies in a folder that bears a label's name."""
    wanted = [Path(name).parent.name for name in predictions.names]
    if not set(wanted) <= set(predictions.label_names.tolist()):
        return []
    right = predictions.labels == np.array(wanted)
    lines = [f"{right.sum()} of {len(right)} are called as their folders: {100 * right.mean():.1f} %"]
    for label in sorted(set(wanted)):
        found = predictions.labels[np.array(wanted) == label].tolist()
        others = sorted({(found.count(other), other) for other in found if other != label}, reverse=True)
        lines.append(
            f"  {label}: {found.count(label)} of {len(found)}"
            + "".join(f", {other} {count}" for count, other in others)
        )
    return lines


class _Crop(NamedTuple):
    name: str
    pixels: NDArray[np.uint8]
    window: Window
    picture_size: tuple[int, int]


def _crops(
    folder: Path,
    names: Sequence[str],
    boxes: Mapping[str, Box] | None,
    margin: float,
    size: int,
    broken: list[Broken],
) -> Iterator[_Crop]:
    """One crop per picture; what cannot be read goes to `broken`."""
    for name in tqdm(names, unit="picture", desc="pictures", leave=False):
        try:
            picture = read(Picture(folder / name))
        except DatasetError as error:
            broken.append(Broken(name, str(error)))
            continue
        height, width = picture.shape[:2]
        window = Window.whole(width, height)
        if boxes is not None:
            box = boxes[name]
            window = Window.around(*box.centre, margin * max(box.width, box.height))
        yield _Crop(name, window.cut(picture, size), window, (width, height))


def _batches(crops: Iterator[_Crop]) -> Iterator[list[_Crop]]:
    batch: list[_Crop] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _clips_of_person(backend: Backend, path: Path, settings: PipelineSettings, labels: tuple[str, ...]) -> list[Array]:
    """The probabilities (C,) of each clip of the person who was seen in most of them."""
    pipeline = Pipeline(backend, settings)
    people: dict[str, list[Array]] = {}
    for frame in open_source(str(path)).frames:
        for action in pipeline(Frame(frame.pixels, stamp=frame.stamp)).actions:
            if action.labels == labels:
                people.setdefault(action.id, []).append(action.probabilities)
    return max(people.values(), key=len, default=[])


def _clips_of_picture(backend: Backend, path: Path, action_set: int) -> list[Array]:
    """The probabilities (C,) of each clip of whole pictures; the frames of a video shorter than one stand closer."""
    spec = backend.spec
    buffer = ClipBuffer(spec.clip_frames, spec.clip_spacing)
    clips, before = [], []
    for frame in open_source(str(path)).frames:
        height, width = frame.pixels.shape[:2]
        crop = Window.whole(width, height).cut(frame.pixels, spec.input_size)
        features = backend.predict(crop[None]).features[0]
        buffer.push(frame.stamp, features)
        clip = buffer.clip()
        if clip is not None:
            clips.append(backend.classify(clip.features[None])[action_set][0])
        elif not clips:
            before.append(features)
    if clips:
        return clips
    if not before:
        raise SourceError(f"{path} has no frames")
    closer = np.stack([before[i] for i in middle_clip(len(before), spec.clip_frames, len(before))])
    return [backend.classify(closer[None])[action_set][0]]


def _box(values: object, where: str) -> Box:
    corners = values if isinstance(values, list) and len(values) == 4 else [float("nan")]
    # Written so that NaN, and numbers that floats cannot hold, do not pass.
    fits = all(isinstance(corner, (int, float)) and abs(corner) <= FAR for corner in corners)
    if not (fits and corners[2] > corners[0] and corners[3] > corners[1]):
        raise BoxesError(
            f"{where}: {reprlib.repr(values)} is not [x1, y1, x2, y2] with x1 < x2 and y1 < y2, up to {FAR}"
        )
    return Box(*map(float, corners))
