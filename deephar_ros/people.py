"""What goes into the pipeline and what comes out of it: frames, people, actions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from deephar_ros.camera import PinholeCamera
from deephar_ros.depth import DepthMap, DepthSource
from deephar_ros.geometry import Array, Box
from deephar_ros.skeleton import Layout


class State(IntEnum):
    """As in Skeleton3D.msg."""

    NEW = 0
    TRACKED = 1
    LOST = 2


@dataclass(frozen=True)
class Frame:
    """One picture of one camera.

    Attributes:
        pixels: (H, W, C) uint8, any row stride.
        rgb: which of the C channels are red, green and blue.
        stamp: time at which it was taken, nanoseconds.
        camera: how pixels become rays; None: uncalibrated.
        depth: distances registered to this picture; None: there are none.
        boxes: where an outside detector saw people; None: the pipeline finds them itself.
    """

    pixels: NDArray[np.uint8]
    rgb: tuple[int, int, int] = (0, 1, 2)
    stamp: int = 0
    camera: PinholeCamera | None = None
    depth: DepthMap | None = None
    boxes: tuple[Box, ...] | None = None


@dataclass(frozen=True)
class Person:
    """One person in one frame; joints in the order of `layout`.

    Attributes:
        id: stable while the person is followed.
        joints: (J, 2) pixels of the image.
        position: (J, 3) metres, optical axes (x right, y down, z forward); NaN where unknown. The origin is the pelvis
            if `depth_source` is RELATIVE, else the camera.
        confidence: (J,) in [0, 1].
        box: the part of the image that the person takes up.
    """

    id: str
    state: State
    layout: Layout
    joints: Array
    position: Array
    confidence: Array
    box: Box
    depth_source: DepthSource = DepthSource.RELATIVE

    @property
    def score(self) -> float:
        """Confidence in the whole person: mean over the joints."""
        return float(self.confidence.mean())


@dataclass(frozen=True)
class Action:
    """What one person did in one clip.

    Attributes:
        id: that of the person.
        start: stamp of the clip's first frame, ns.
        probabilities: one per label; they sum to 1.
        steady_label: the label to show to people: it changes only when another one is clearly ahead.
    """

    id: str
    start: int
    frames: int
    labels: tuple[str, ...]
    probabilities: Array
    steady_label: str = ""


@dataclass(frozen=True)
class Result:
    """All that was found in one frame of one camera.

    Attributes:
        people: as the network saw them; nothing smoothed.
        display: the same people, smoothed for human eyes.
        restarted: time went backwards before this frame, and everybody was forgotten.
    """

    people: tuple[Person, ...] = ()
    display: tuple[Person, ...] = ()
    actions: tuple[Action, ...] = ()
    restarted: bool = False
