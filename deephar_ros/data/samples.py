"""What every data set is read into: pictures with one annotated person, and clips of them with an action.

Readers give joints in the order of the network layout that is asked for (`skeleton.NETWORK_LAYOUTS`), NaN where the
set does not annotate a joint or a coordinate. Losses leave NaN out, so that sets can be mixed joint by joint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deephar_ros.camera import PinholeCamera
from deephar_ros.data.windows import CropWindow
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout


@dataclass(frozen=True)
class Picture:
    """Where a picture is: an image file, or one frame of a video.

    Attributes:
        number: of the frame, from 0; None for an image file.
    """

    path: Path
    number: int | None = None


@dataclass(frozen=True)
class Sample:
    """One person in one picture.

    Attributes:
        name: unique in its data set; what result files call it.
        joints: (J, 3) in the order of `layout`: column and row in pixels of the picture, depth from the camera in mm.
        window: what is cropped in evaluation, by the rule of the data set (SPNET.md section 3.3).
        root_depth: mm, for depth relative to the root; NaN if unknown.
        head: size of the head in pixels, for PCKh; NaN if unknown.
        activity: what the person does, where the set tells; for tables by activity.
        subject: who it is, where the set tells.
        camera: intrinsics of the picture, where the set tells.
    """

    name: str
    picture: Picture
    joints: Array
    layout: Layout
    window: CropWindow
    root_depth: float = float("nan")
    head: float = float("nan")
    activity: str = ""
    subject: str = ""
    camera: PinholeCamera | None = None


@dataclass(frozen=True)
class Clip:
    """One video of one person who does one thing.

    Attributes:
        name: unique in its data set.
        frames: N pictures in order of time.
        joints: (N, J, 3) as in `Sample`.
        size: width and height of the pictures, pixels.
        label: place of the action in the data set's `labels`.
        root_depth: mm, mean over the video; NaN if unknown.
        frame_labels: (N,) the action in each frame, -1 for none, where it is not the same all the time.
        elevation: of the camera over the horizon, degrees; NaN if unknown.
    """

    name: str
    frames: tuple[Picture, ...]
    joints: Array
    layout: Layout
    size: tuple[int, int]
    label: int
    root_depth: float = float("nan")
    subject: str = ""
    frame_labels: NDArray[np.int64] | None = None
    elevation: float = float("nan")


class DatasetError(ValueError):
    """A data set that cannot be read; the message names the file, what is wrong and where the right one is found."""
