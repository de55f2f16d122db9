"""Human3.6M (Ionescu et al., TPAMI 2014) as samples for 3D pose and clips with one of 15 activities.

The official data come from the set's own page, vision.imar.ro/human3.6m, after registration. For each subject download
"D3 Positions" (Poses_D3_Positions_S*.tgz) and "Videos" (Videos_S*.tgz), and the code (Release-v*.zip) for its
metadata.xml. The folder then holds, names with their blanks as in the archives:

    metadata.xml                                        or camera-parameters.json, see `human36m_metadata`
    S1/MyPoseFeatures/D3_Positions/Directions 1.cdf     32 joints in the world, mm, 50 per second
    S1/Videos/Directions 1.54138969.mp4                 or, extracted:
    S1/Images/Directions 1.54138969/00001.jpg           numbered from 1; the frames that are used are enough
    ... S5 S6 S7 S8 (training), S9 S11 (validation)

Left and right are the person's own; the pictures are not mirrored.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from deephar_ros.data.cdf_check import check_cdf
from deephar_ros.data.human36m_camera import Human36MCamera
from deephar_ros.data.human36m_metadata import CAMERAS, Cameras, read_cameras
from deephar_ros.data.joints import to_layout
from deephar_ros.data.pictures import read
from deephar_ros.data.samples import Clip, DatasetError, Picture, Sample
from deephar_ros.data.windows import human36m_window
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.skeleton import PA17, Layout

Split = Literal["train", "validation"]
Mapping = Literal["released", "usual"]

PAGE = "the download page of vision.imar.ro/human3.6m (registration needed)"

SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "validation": ("S9", "S11")}
STEPS = {"train": 5, "validation": 64}
"""One frame of so many is used, starting with the first."""

LABELS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown"),
    *("Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether"),
)
ALIASES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}
"""What some subjects' files call an activity."""

CORRUPT = {("S11", "Directions", "54138969")}
"""The one video that the official distribution lacks or has broken: 839 of 840 can be used."""

MISALIGNED = {("S9", "Greeting"), ("S9", "SittingDown 1"), ("S9", "Waiting 1")}
"""Takes in parts of which the positions have moved against the pictures. Scores in the literature mostly hold them."""

_LIMBS = {
    **{"right_hip": 1, "right_knee": 2, "right_ankle": 3, "right_foot": 4},
    **{"left_hip": 6, "left_knee": 7, "left_ankle": 8, "left_foot": 9},
    **{"left_shoulder": 17, "left_elbow": 18, "left_wrist": 19, "left_hand": 22},
    **{"right_shoulder": 25, "right_elbow": 26, "right_wrist": 27, "right_hand": 30},
}
JOINTS: dict[Mapping, dict[str, int]] = {
    "released": {**_LIMBS, "pelvis": 0, "spine": 11, "thorax": 12, "neck": 13, "head": 15},
    "usual": {**_LIMBS, "pelvis": 0, "spine": 12, "thorax": 13, "neck": 14, "head": 15},
}
"""Which of the 32 joints is which of ours.

`released` is the authors' code, needed to compare with their figures: its spine is a second pelvis (joint 11 stands on
joint 0), its thorax the middle of the spine, its neck the thorax. `usual` are the 17 joints of the field's tables.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Video:
    """What one camera saw of one take.

    Attributes:
        pictures: by number of the frame, from 0.
        size: width, height in pixels.
    """

    name: str
    subject: str
    activity: str
    camera: Human36MCamera
    pictures: dict[int, Picture]
    size: tuple[int, int]


def load_human36m(
    folder: Path, split: Split, layout: Layout = PA17, mapping: Mapping = "released", misaligned: bool = True
) -> list[Sample]:
    """Every 5th frame of the training subjects or every 64th of the validation subjects, from all four cameras.

    Args:
        misaligned: also the takes whose positions do not fit the pictures (`MISALIGNED`), as in the paper.

    Raises:
        DatasetError: the cameras, all positions or all pictures are missing, or a file is not what it should be.
    """
    samples = []
    for video, world in _videos(folder, split, misaligned):
        numbers = [number for number in range(0, len(world), STEPS[split]) if number in video.pictures]
        pixels = video.camera.project(world[numbers])
        joints = _in_layout(pixels, layout, mapping)
        for number, root, person in zip(numbers, pixels[:, 0], joints, strict=True):
            samples.append(
                Sample(
                    name=f"{video.name}/{number + 1:06d}",
                    picture=video.pictures[number],
                    joints=person,
                    layout=layout,
                    window=human36m_window(root, video.camera.focal, video.size),
                    root_depth=float(root[2]),
                    activity=video.activity,
                    subject=video.subject,
                )
            )
    return samples


def load_human36m_clips(
    folder: Path, split: Split, layout: Layout = PA17, mapping: Mapping = "released", misaligned: bool = True
) -> list[Clip]:
    """Whole videos, all frames that are there, labelled by activity; arguments and errors as `load_human36m`.

    A person walks metres within a video: take the depth of a part's first root, not `root_depth`, for its zero.
    """
    clips = []
    for video, world in _videos(folder, split, misaligned):
        numbers = [number for number in sorted(video.pictures) if number < len(world)]
        pixels = video.camera.project(world[numbers])
        clips.append(
            Clip(
                name=video.name,
                frames=tuple(video.pictures[number] for number in numbers),
                joints=_in_layout(pixels, layout, mapping),
                layout=layout,
                size=video.size,
                label=LABELS.index(video.activity),
                root_depth=float(pixels[:, 0, 2].mean()),
                subject=video.subject,
            )
        )
    return clips


def camera_of(sample: Sample, cameras: Cameras) -> Human36MCamera:
    """The camera that took a sample's picture, for errors in the world's millimetres."""
    subject, _, serial, _ = sample.name.split("/")
    return cameras[subject, serial]


def load_cameras(folder: Path) -> Cameras:
    """The cameras as they lie in the folder of the set; DatasetError if they do not."""
    for name in ("metadata.xml", "camera-parameters.json"):
        if (folder / name).is_file():
            return read_cameras(folder / name)
    raise DatasetError(f"{folder} has no metadata.xml: it is in the code's archive (Release-v*.zip) on {PAGE}")


def read_positions(path: Path) -> Array:
    """(N, 32, 3) mm in the world, one row per frame of the videos; DatasetError if the file is no D3_Positions CDF."""
    import cdflib  # only this set comes in this format

    try:
        check_cdf(path.read_bytes())
        pose = np.asarray(cdflib.CDF(str(path)).varget("Pose"), np.float64)
        return pose.reshape(-1, 32, 3)
    except Exception as error:  # cdflib stumbles over a broken file in any way
        raise DatasetError(
            f"{path} does not hold 32 joints per frame (D3 Positions of {PAGE}): {brief(error)}"
        ) from error


def _in_layout(pixels: Array, layout: Layout, mapping: Mapping) -> Array:
    joints = JOINTS[mapping]
    return to_layout(pixels[..., list(joints.values()), :], tuple(joints), layout)


def _videos(folder: Path, split: Split, misaligned: bool) -> Iterator[tuple[_Video, Array]]:
    """Videos with the positions (N, 32, 3) of their frames; says at the end what is missing."""
    cameras = load_cameras(folder)
    found, missing = 0, []
    for subject in SUBJECTS[split]:
        tables = sorted((folder / subject / "MyPoseFeatures" / "D3_Positions").glob("*.cdf"))
        if not tables:
            missing.append(f"all of {subject}/MyPoseFeatures/D3_Positions")
        for table in tables:
            take = table.stem
            if take.startswith("_ALL") or (not misaligned and (subject, take) in MISALIGNED):
                continue
            world = read_positions(table)
            for serial in CAMERAS:
                pictures, size = _pictures(folder / subject, f"{take}.{serial}")
                if (subject, take, serial) in CORRUPT:
                    _log.info("%s/%s.%s is broken in the official distribution and left out", subject, take, serial)
                elif not pictures:
                    missing.append(f"{subject}/Videos/{take}.{serial}.mp4")
                else:
                    found += 1
                    name = f"{subject}/{take}/{serial}"
                    yield _Video(name, subject, _activity(table), cameras[subject, serial], pictures, size), world
    if not found:
        raise DatasetError(f"{folder} has no video with positions; missing: {_first(missing)}; take them from {PAGE}")
    if missing:
        _log.warning("Human3.6M in %s: %d files are missing: %s; %s", folder, len(missing), _first(missing), PAGE)


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _activity(table: Path) -> str:
    name = re.sub(r" \d+$", "", table.stem)
    name = ALIASES.get(name, name)
    if name not in LABELS:
        raise DatasetError(f"{table}: {name} is none of the activities {', '.join(LABELS)}")
    return name


def _pictures(subject: Path, name: str) -> tuple[dict[int, Picture], tuple[int, int]]:
    """Extracted pictures if there are, else frames of the video; none if that is missing."""
    images = sorted((subject / "Images" / name).glob("*.jpg"))
    if images:
        height, width = read(Picture(images[0])).shape[:2]
        return {int(image.stem) - 1: Picture(image) for image in images if image.stem.isdecimal()}, (width, height)
    path = subject / "Videos" / f"{name}.mp4"
    if not path.is_file():
        return {}, (0, 0)
    import av  # not needed where pictures are extracted

    try:
        with av.open(str(path)) as container:  # the head only
            stream = container.streams.video[0]
            return {number: Picture(path, number) for number in range(stream.frames)}, (stream.width, stream.height)
    except (OSError, IndexError, av.FFmpegError) as error:
        raise DatasetError(f"{path} does not open as a video: {error}; download it again from {PAGE}") from error
