"""NTU RGB+D (Shahroudy et al., CVPR 2016), its 60 actions, as clips and as pictures for 3D pose.

The official data come from rose1.ntu.edu.sg/dataset/actionRecognition after registration: of "NTU RGB+D" the
skeletons (nturgbd_skeletons_s001_to_s017.zip) and the RGB videos (nturgbd_rgb_s001.zip to s017). The list of samples
without usable skeletons is in the authors' repository, github.com/shahroudy/NTURGB-D, folder Matlab. Then there are

    NTU_RGBD_samples_with_missing_skeletons.txt
    nturgb+d_skeletons/S001C001P001R001A001.skeleton
    nturgb+d_rgb/S001C001P001R001A001_rgb.avi             1920 x 1080, 30 per second, or, extracted:
    images-small/S001C001P001R001A001/00001.jpg           half that size, numbered from 1, every 2nd is enough
    nturgb+d_actors/S001C001P001R001A001.npy              written by `pack_actors`, optional: reading gets much faster
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from deephar_ros.data.joints import to_layout
from deephar_ros.data.ntu_skeleton import main_actor, read_skeleton
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.windows import clip_window
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17, Layout

Split = Literal["train", "test"]
Protocol = Literal["cross_subject", "cross_view"]

PAGE = "rose1.ntu.edu.sg/dataset/actionRecognition (registration needed)"
LIST_PAGE = "github.com/shahroudy/NTURGB-D, folder Matlab"

TRAIN_SUBJECTS = frozenset({1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38})
TRAIN_CAMERAS = frozenset({2, 3})

STEP = 2
"""Every 2nd frame is used, as in the released code, which counts clips' spacing in these."""

COLOUR_SIZE = (1920, 1080)
EXTRACTED_SCALE = 0.5
"""Of extracted pictures, against the videos."""

PACKED_SHAPE = (25, 3)

LABELS = (
    *("drink water", "eat meal", "brush teeth", "brush hair", "drop", "pick up", "throw", "sit down", "stand up"),
    *("clapping", "reading", "writing", "tear up paper", "put on jacket", "take off jacket", "put on a shoe"),
    *("take off a shoe", "put on glasses", "take off glasses", "put on a hat/cap", "take off a hat/cap", "cheer up"),
    *("hand waving", "kicking something", "reach into pocket", "hopping", "jump up", "phone call"),
    *("play with phone/tablet", "type on a keyboard", "point to something", "taking a selfie"),
    *("check time (from watch)", "rub two hands", "nod head/bow", "shake head", "wipe face", "salute"),
    *("put palms together", "cross hands in front", "sneeze/cough", "staggering", "falling down", "headache"),
    *("chest pain", "back pain", "neck pain", "nausea/vomiting", "fan self", "punch/slap", "kicking", "pushing"),
    *("pat on back", "point finger", "hugging", "giving object", "touch pocket", "shaking hands"),
    *("walking towards", "walking apart"),
)
"""A1 to A60; the same as config/actions/ntu60.txt."""

KINECT_SIDES = {"left": "right", "right": "left"}
"""What Kinect calls a side -> which side of the person it is in the picture.

The colour pictures are mirrored (a wall clock in them has its 11 to the right of the 12), Kinect's names are of the
real person: who faces the camera has the joints called left at the left of the picture, where anybody else's right is.
A network that sees other sets too must be told what the picture shows, so the sides are exchanged, as in the released
code. Checked on S001C001P001R001A001.
"""

_ARM, _LEG = ("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot")
JOINTS = (
    *("pelvis", "spine", "neck", "head"),
    *(f"{KINECT_SIDES[side]}_{part}" for limb in (_ARM, _LEG) for side in ("left", "right") for part in limb),
    "thorax",
)
"""Kinect 2's first 21 joints in its order; the others are the tips and thumbs of the hands. Its head is the centre of
the head, where other sets' is the top."""

_NAME = re.compile(r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R\d{3}A(?P<action>\d{3})")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Video:
    """A video that belongs to the split, by its name, with its person (N, 25, 3) as `main_actor` gives it."""

    name: str
    subject: int
    action: int
    actor: Array


def load_ntu_clips(
    folder: Path, split: Split, layout: Layout = PA17, protocol: Protocol = "cross_subject"
) -> list[Clip]:
    """Every 2nd frame of the videos of a split, with the person who acts (`ntu_skeleton.main_actor`).

    Joints are NaN in frames where Kinect saw nobody. `root_depth` is the mean depth of the pelvis, of all joints if
    that is never seen.

    Raises:
        DatasetError: skeletons or videos are missing altogether, or a file is not whole.
    """
    pictures = _Pictures(folder)
    clips = []
    for video in _videos(folder, split, protocol, pictures):
        numbers = range(0, len(video.actor), STEP)
        joints = _in_layout(video.actor[numbers], layout, pictures.scale)
        clips.append(
            Clip(
                name=video.name,
                frames=tuple(pictures.of(video.name, number) for number in numbers),
                joints=joints,
                layout=layout,
                size=pictures.size,
                label=video.action - 1,
                root_depth=_root_depth(joints, layout),
                subject=f"P{video.subject:03d}",
            )
        )
    return clips


def load_ntu(
    folder: Path, split: Split, layout: Layout = PA17, protocol: Protocol = "cross_subject", every: int = 32
) -> list[Sample]:
    """One frame of `every` of the videos, where somebody is seen, for 3D pose; errors as `load_ntu_clips`."""
    pictures = _Pictures(folder)
    samples = []
    for video in _videos(folder, split, protocol, pictures):
        numbers = [number for number in range(0, len(video.actor), every) if np.isfinite(video.actor[number]).any()]
        for number, joints in zip(numbers, _in_layout(video.actor[numbers], layout, pictures.scale), strict=True):
            samples.append(
                Sample(
                    name=f"{video.name}/{number + 1:05d}",
                    picture=pictures.of(video.name, number),
                    joints=joints,
                    layout=layout,
                    window=clip_window(joints[None, :, :2], pictures.size),
                    root_depth=_root_depth(joints[None], layout),
                    activity=LABELS[video.action - 1],
                    subject=f"P{video.subject:03d}",
                )
            )
    return samples


def pack_actors(folder: Path) -> Iterator[Path]:
    """Writes each skeleton file's person as a small array; yields what it wrote, goes on where it was stopped.

    Raises:
        DatasetError: as `ntu_skeleton.read_skeleton`.
    """
    packed = folder / "nturgb+d_actors"
    packed.mkdir(exist_ok=True)
    for path in sorted((folder / "nturgb+d_skeletons").glob("*.skeleton")):
        target = packed / f"{path.stem}.npy"
        if not target.exists():
            partial = target.with_suffix(".part")
            with partial.open("wb") as file:
                np.save(file, main_actor(read_skeleton(path)).astype(np.float32))
            partial.replace(target)
            yield target


class _Pictures:
    """Where the frames of the videos are: extracted pictures if the folder has any, else the videos."""

    def __init__(self, folder: Path) -> None:
        self.extracted = (folder / "images-small").is_dir()
        self.folder = folder / ("images-small" if self.extracted else "nturgb+d_rgb")
        self.scale = EXTRACTED_SCALE if self.extracted else 1.0
        self.size = (int(COLOUR_SIZE[0] * self.scale), int(COLOUR_SIZE[1] * self.scale))
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        self.names = {path.name.removesuffix("_rgb.avi") for path in found}

    def of(self, name: str, number: int) -> Picture:
        if self.extracted:
            return Picture(self.folder / name / f"{number + 1:05d}.jpg")
        return Picture(self.folder / f"{name}_rgb.avi", number)


def _videos(folder: Path, split: Split, protocol: Protocol, pictures: _Pictures) -> Iterator[_Video]:
    """Videos of a split that have pictures and a skeleton; says at the end what is missing."""
    unusable = _missing_skeletons(folder)
    found, unseen, without_picture = 0, [], []
    for path in sorted((folder / "nturgb+d_skeletons").glob("*.skeleton")):
        parts = _NAME.fullmatch(path.stem)
        if parts is None:
            raise DatasetError(f"{path} is not named like S001C001P001R001A001.skeleton; it does not belong there")
        camera, subject, action = (int(parts[part]) for part in ("camera", "subject", "action"))
        training = subject in TRAIN_SUBJECTS if protocol == "cross_subject" else camera in TRAIN_CAMERAS
        if training != (split == "train") or action > len(LABELS) or path.stem in unusable:
            continue
        found += 1
        if path.stem not in pictures.names:
            without_picture.append(path.stem)
            continue
        actor = _actor(folder, path)
        if not np.isfinite(actor).any():
            unseen.append(path.stem)
            continue
        yield _Video(path.stem, subject, action, actor)
    if not found or len(without_picture) == found:
        what = "videos" if found else f"skeletons of the {split} split ({protocol})"
        where = pictures.folder if found else folder / "nturgb+d_skeletons"
        raise DatasetError(f"{where} has no {what}; download them from {PAGE}")
    for names, problem in ((without_picture, "no video or pictures"), (unseen, "nobody in their skeleton files")):
        if names:
            _log.warning("NTU RGB+D in %s: %d samples have %s, as %s; %s", folder, len(names), problem, names[0], PAGE)


def _missing_skeletons(folder: Path) -> set[str]:
    lists = sorted(folder.glob("*samples_with_missing_skeletons.txt"))
    if not lists:
        _log.warning(
            "%s has no *samples_with_missing_skeletons.txt: samples without usable skeletons are not left out; take it"
            " from %s",
            *(folder, LIST_PAGE),
        )
    return {line.strip() for path in lists for line in path.read_text().splitlines() if _NAME.fullmatch(line.strip())}


def _actor(folder: Path, path: Path) -> Array:
    packed = folder / "nturgb+d_actors" / f"{path.stem}.npy"
    if not packed.is_file():
        return main_actor(read_skeleton(path))
    try:
        actor = np.asarray(np.load(packed))
        return actor.astype(np.float64).reshape(-1, *PACKED_SHAPE)
    except Exception as error:  # NumPy stumbles over a broken file in any way
        raise DatasetError(f"{packed} is not what pack_actors wrote ({brief(error)}); remove it") from error


def _in_layout(actor: Array, layout: Layout, scale: float) -> Array:
    return to_layout(actor[..., : len(JOINTS), :] * np.array([scale, scale, 1.0]), JOINTS, layout)


def _root_depth(joints: Array, layout: Layout) -> float:
    """Of (T, J, 3), mm."""
    pelvis = joints[:, layout.index("pelvis"), 2]
    return float(np.nanmean(pelvis if np.isfinite(pelvis).any() else joints[..., 2]))
