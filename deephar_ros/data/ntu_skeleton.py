"""The .skeleton text files of NTU RGB+D: bodies as Kinect 2 tracked them, and which of them is the actor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deephar_ros.data.samples import DatasetError
from deephar_ros.files import brief, read_text
from deephar_ros.geometry import Array

JOINTS = 25
JOINT_NUMBERS = 12
"""For each joint: x y z in metres, x y in the depth picture, x y in the colour picture, four of orientation, state."""

BODY_NUMBERS = 10
"""Before the joints: identity, six states of hands and clipping, lean x y, state."""

NOT_TRACKED = 0
"""Of a joint's states (1 is inferred, 2 tracked); its numbers say nothing then."""

MOST_BYTES, MOST_FRAMES, MOST_BODIES = 64 * 1024**2, 5000, 100
"""Of a file; the set's have up to 5 million bytes, 300 frames and a few bodies."""

MIN_FRAMES = 11
"""What Kinect took for a body for fewer frames was mostly furniture."""


@dataclass(frozen=True)
class Bodies:
    """What one file holds.

    Attributes:
        world: by Kinect's identity: (N, 25, 3) metres in the camera's axes (x towards the picture's right, y up,
            z away), NaN where the body or the joint is not tracked.
        colour: the same keys: (N, 25, 2) pixels of the 1920 x 1080 colour picture, NaN likewise.
        frames: N, also where no body was seen.
    """

    world: dict[str, Array]
    colour: dict[str, Array]
    frames: int


def read_skeleton(path: Path) -> Bodies:
    """Reads a whole file.

    Raises:
        DatasetError: it ends early or late, or a body has not 25 joints.
    """
    try:
        return _parse(read_text(path, MOST_BYTES).split())
    except (IndexError, ValueError) as error:
        raise DatasetError(
            f"{path} is not a whole .skeleton file: {brief(error)}; unpack nturgbd_skeletons_s001_to_s017.zip anew"
        ) from error


def main_actor(bodies: Bodies) -> Array:
    """(N, 25, 3) column and row in pixels of the colour picture, depth in mm, of the person who acts; NaN if unseen.

    That is who moves most (largest variance over time, summed over joints), among those seen for 11 frames or more, of
    human proportions (taller than wide at some time) if any is. In actions of two people it is the one who punches,
    pushes or gives. Kinect gives a new identity to a person lost and found again, so frames without the actor are
    taken from other bodies that are never seen together with them.
    """
    joints = np.full((bodies.frames, JOINTS, 3), np.nan)
    free = np.ones(bodies.frames, bool)
    for name in sorted(bodies.world, key=lambda body: _rank(bodies.world[body]), reverse=True):
        seen = np.isfinite(bodies.world[name]).any((1, 2))
        if not seen.any() or (seen & ~free).any():
            continue
        joints[seen] = np.concatenate([bodies.colour[name], 1000 * bodies.world[name][..., 2:]], -1)[seen]
        free &= ~seen
    visible = (np.nan_to_num(joints) > 0).all(-1, keepdims=True)
    return np.where(visible, joints, np.nan)


def _rank(world: Array) -> tuple[bool, bool, float]:
    seen = world[np.isfinite(world).all((1, 2))]
    if not len(seen):
        return False, False, 0.0
    extent = np.ptp(seen, axis=1)
    upright = bool((extent[:, 1] > extent[:, 0]).any())
    return len(seen) >= MIN_FRAMES, upright, float(seen.var(0).sum())


def _parse(words: list[str]) -> Bodies:
    frames, at = int(words[0]), 1
    if not 0 <= frames <= MOST_FRAMES:
        raise ValueError(f"it has {frames} frames; up to {MOST_FRAMES} are read")
    world: dict[str, Array] = {}
    colour: dict[str, Array] = {}
    for frame in range(frames):
        count, at = int(words[at]), at + 1
        for _ in range(count):
            name, joints = words[at], int(words[at + BODY_NUMBERS])
            at += BODY_NUMBERS + 1
            if joints != JOINTS:
                raise ValueError(f"a body of frame {frame} has {joints} joints")
            if name not in world and len(world) == MOST_BODIES:
                raise ValueError(f"it has more than {MOST_BODIES} bodies")
            table = _numbers(words[at : at + JOINTS * JOINT_NUMBERS]).reshape(JOINTS, JOINT_NUMBERS)
            at += JOINTS * JOINT_NUMBERS
            table[table[:, -1] == NOT_TRACKED] = np.nan
            world.setdefault(name, np.full((frames, JOINTS, 3), np.nan))[frame] = table[:, :3]
            colour.setdefault(name, np.full((frames, JOINTS, 2), np.nan))[frame] = table[:, 5:7]
    if at != len(words):
        raise ValueError(f"{len(words) - at} numbers follow the last of {frames} frames")
    return Bodies(world, colour, frames)


def _numbers(words: list[str]) -> Array:
    """NaN for what is not finite, which Windows programs also write as -1.#IND and the like."""
    try:
        values = np.array(words, np.float64)
    except ValueError:
        values = np.array([np.nan if "#" in word else float(word) for word in words])
    values[~np.isfinite(values)] = np.nan
    return values
