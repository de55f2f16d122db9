"""What has to be downloaded of each data set, and the frames of its videos as pictures, which train much faster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2

from deephar_ros.data import human36m, lsp, mpii, mpii_split, ntu, penn_action, utd_mhad
from deephar_ros.data.pictures import read, video_length
from deephar_ros.data.samples import DatasetError, Picture
from deephar_ros.draw import save_picture


class Needed(NamedTuple):
    """Files of a set: patterns of which one has to be met, how many there are at least, and where to get them."""

    patterns: tuple[str, ...]
    least: int
    source: str


def _human36m() -> list[Needed]:
    needed = [Needed(("metadata.xml", "camera-parameters.json"), 1, f"the code of {human36m.PAGE}")]
    for subject in (subject for part in human36m.SUBJECTS.values() for subject in part):
        tables = f"{subject}/MyPoseFeatures/D3_Positions/*.cdf"
        videos = (f"{subject}/Videos/*.mp4", f"{subject}/Images/*")
        needed.append(Needed((tables,), 30, f"Poses_D3_Positions_{subject}.tgz of {human36m.PAGE}"))
        needed.append(Needed(videos, 119, f"Videos_{subject}.tgz of {human36m.PAGE}"))
    return needed


NEEDED = {
    "mpii": [
        Needed((mpii.RELEASE, f"{mpii.ARCHIVE}/{mpii.RELEASE}"), 1, f"{mpii.ARCHIVE}.zip of {mpii.PAGE}"),
        Needed(("images/*.jpg",), 24984, f"mpii_human_pose_v1.tar.gz of {mpii.PAGE}"),
        Needed(mpii_split.FILES, 1, f"not in the release: {mpii_split.SOURCE}"),
    ],
    "lsp": [Needed(("joints.mat", "joints.npz"), 1, lsp.PAGE), Needed(("images/im*.[jp][pn]g",), 2000, lsp.PAGE)],
    "lspet": [Needed(("joints.mat", "joints.npz"), 1, lsp.PAGE), Needed(("images/im*.[jp][pn]g",), 10000, lsp.PAGE)],
    "penn": [
        Needed(("labels/*.mat",), 2326, penn_action.PAGE),
        Needed(("frames/[0-9]*",), 2326, penn_action.PAGE),
    ],
    "human36m": _human36m(),
    "ntu": [
        Needed(("*samples_with_missing_skeletons.txt",), 1, ntu.LIST_PAGE),
        Needed(("nturgb+d_skeletons/*.skeleton",), 56578, f"nturgbd_skeletons_s001_to_s017.zip of {ntu.PAGE}"),
        Needed(("nturgb+d_rgb/*_rgb.avi", "images-small/*"), 56578, f"nturgbd_rgb_s001.zip to s017 of {ntu.PAGE}"),
    ],
    "utd_mhad": [
        Needed(("Skeleton/*_skeleton.mat", "*.npz"), 861, f"Skeleton data of {utd_mhad.PAGE}"),
        Needed(("Depth/*_depth.mat", "*.npz"), 861, f"Depth data of {utd_mhad.PAGE}"),
    ],
}
"""By the names of `sets.SETS`; a folder of one's own needs nothing. Numbers are those of the official sets."""


def missing(name: str, folder: Path) -> list[str]:
    """A line for everything of the set that is not in the folder, or not in full, with where it is found."""
    lines = []
    for patterns, least, source in NEEDED.get(name, []):
        found = max(sum(1 for _ in folder.glob(pattern)) for pattern in patterns)
        if found < least:
            lines.append(f"{' or '.join(patterns)}: {found} of {least}; from {source}")
    return lines


class Extraction(NamedTuple):
    """Frames of a video to be written as `target/00001.jpg` and so on, numbered from 1, at `scale` of their size."""

    video: Path
    target: Path
    step: int
    scale: float

    @property
    def done(self) -> bool:
        return self.target.is_dir()


def extractions(name: str, folder: Path) -> list[Extraction]:
    """The videos of a set whose frames are better extracted, where its reader looks for them; none for other sets."""
    if name == "human36m":
        return [
            Extraction(video, folder / subject / "Images" / video.stem, human36m.STEPS[part], 1.0)
            for part, subjects in human36m.SUBJECTS.items()
            for subject in subjects
            for video in sorted((folder / subject / "Videos").glob("*.mp4"))
            if not video.stem.startswith("_ALL")  # a film of the whole session, which no table belongs to
        ]
    if name == "ntu":
        return [
            Extraction(video, folder / "images-small" / video.stem.removesuffix("_rgb"), ntu.STEP, ntu.EXTRACTED_SCALE)
            for video in sorted((folder / "nturgb+d_rgb").glob("*_rgb.avi"))
        ]
    return []


def extract(work: Extraction) -> str | None:
    """Writes the frames, all or none, so that it can be stopped anywhere. Returns what is wrong with the video."""
    partial = work.target.with_name(f".{work.target.name}.part")
    partial.mkdir(parents=True, exist_ok=True)
    try:
        for number in range(0, video_length(work.video), work.step):
            pixels = read(Picture(work.video, number))
            if work.scale != 1:
                pixels = cv2.resize(pixels, None, fx=work.scale, fy=work.scale, interpolation=cv2.INTER_AREA)
            save_picture(partial / f"{number + 1:05d}.jpg", pixels)
    except DatasetError as error:
        return str(error)
    partial.rename(work.target)
    return None


def extract_all(work: Sequence[Extraction], workers: int) -> Iterator[str | None]:
    """Extracts in `workers` processes; yields once a video, in their order, what `extract` returned."""
    if workers < 2:
        yield from map(extract, work)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(extract, work)


def link(name: str, folder: Path, out: Path) -> None:
    """Makes `out` a folder that the set's reader takes: what `folder` has is linked, not copied."""
    for entry in _top(name, folder):
        place = out / entry.relative_to(folder)
        if not (place.exists() or place.is_symlink()):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(entry.resolve(), target_is_directory=entry.is_dir())


def _top(name: str, folder: Path) -> Iterable[Path]:
    """What to link: for Human3.6M a level deeper, as pictures go into the subjects' folders."""
    for entry in sorted(folder.iterdir()):
        deeper = name == "human36m" and entry.is_dir()
        yield from sorted(entry.iterdir()) if deeper else [entry]
