"""Windows of action: a way of doing something, at some speed, over some time, in the style of somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.synthetic.actions import Action, Way, matching
from deephar_ros.data.synthetic.keyposes import SOURCE, perform
from deephar_ros.data.synthetic.motions import Motion
from deephar_ros.data.synthetic.poses import CARRIED, LEGS
from deephar_ros.data.synthetic.rig import SEGMENT, Rig, mirror_pose
from deephar_ros.data.synthetic.rotations import from_rotvec, slerp
from deephar_ros.geometry import Array
from deephar_ros.strict import ConfigError

SEAM = 0.25
"""Seconds in which the end of what is repeated goes over into its start."""

WAIT = 0.35
"""Most of a window, at either end, that is spent before or after an action."""

STYLE, SWAY = 4.0, 2.0
"""Degrees by which all turns of a performance are off, and by which they come and go."""


class Performance(NamedTuple):
    """What somebody does over T frames.

    Attributes:
        turns, root: (T, 19, 3, 3) and (T, 3), see `Motion`.
        labels: (T,) places in the actions' list.
        label: what the whole is called.
        source, way, motion: who recorded it, how it is done ("ACTION/WAY"), and the recording.
    """

    turns: Array
    root: Array
    labels: NDArray[np.int64]
    label: int
    source: str
    way: str
    motion: str


@dataclass(frozen=True)
class _Choice:
    """A way, and for recordings those of the part that it can be done by."""

    way: Way
    recordings: tuple[Motion, ...]


class Stage:
    """Draws performances of one part: for training, or held out.

    Args:
        motions: recordings of all parts.
        rig: of the mean body.

    Raises:
        ConfigError: a way names recordings that are not there, or an action cannot be done in this part at all.
    """

    def __init__(self, actions: Sequence[Action], motions: Sequence[Motion], rig: Rig, held_out: bool) -> None:
        self.actions, self.rig, self.held_out = actions, rig, held_out
        self.place = {action.label: i for i, action in enumerate(actions)}
        part = [motion for motion in motions if motion.held_out == held_out]
        self._choices = [self._ways(action, motions, part) for action in actions]
        self._legs = {way.legs: matching(part, way.legs) for action in actions for way in action.ways if way.legs}

    def _ways(self, action: Action, motions: Sequence[Motion], part: Sequence[Motion]) -> list[_Choice]:
        found = []
        for way in action.ways:
            for patterns in (way.motions, way.legs):
                if patterns and motions and not matching(motions, patterns):
                    raise ConfigError(f"{action.label}: way {way.name}: no recording is called {', '.join(patterns)}")
            recordings = tuple(matching(part, way.motions))
            if (way.motions and not recordings) or (way.legs and not matching(part, way.legs)):
                continue
            found.append(_Choice(way, recordings))
        made = [choice for choice in found if choice.way.held_out == self.held_out and not choice.recordings]
        if made or not self.held_out:  # where no way is held out, other performances are
            found = [choice for choice in found if choice.recordings or choice.way.held_out == self.held_out]
        if not found:
            what = "held out for testing" if self.held_out else "for training"
            raise ConfigError(f"{action.label}: none of its ways can be done with the recordings that are {what}")
        return found

    def ways_of(self, label: int) -> list[str]:
        """Names of the ways to do an action in this part."""
        return [choice.way.name for choice in self._choices[label]]

    def sources(self) -> dict[str, list[str]]:
        """Who recorded or made the ways of each action in this part."""
        return {
            action.label: sorted(
                {m.source for c in choices for m in c.recordings} | {SOURCE for c in choices if not c.recordings}
            )
            for action, choices in zip(self.actions, self._choices, strict=True)
        }

    def perform(self, label: int, frames: int, fps: float, rng: np.random.Generator) -> Performance:
        """Somebody does action `label` for `frames` frames."""
        action, choices = self.actions[label], self._choices[label]
        shares = np.array([choice.way.share for choice in choices])
        choice = choices[int(rng.choice(len(choices), p=shares / shares.sum()))]
        way, recordings = choice.way, choice.recordings
        name = f"{action.label}/{way.name}"
        if recordings:
            motion = _cut(recordings[int(rng.integers(len(recordings)))], way)
        else:
            motion = perform(way, f"keys/{name}", self.rig, rng)
        if way.legs:
            motion = self._on_legs(motion, way, rng)
        if way.hold:
            motion = _held(motion, rng)
        turns, root, phase = _window(motion, way, frames, fps, rng)
        labels = np.full(frames, label)
        labels[phase < 0] = self.place.get(way.before, label)
        labels[phase > 0] = self.place.get(way.after, label)
        turns = styled(turns, fps, rng)
        if rng.random() < 0.5:
            turns, root = mirror_pose(turns, root)
        return Performance(turns, root, labels, label, motion.source, name, motion.name)

    def _on_legs(self, motion: Motion, way: Way, rng: np.random.Generator) -> Motion:
        """The upper body of one motion on the legs of a recorded one."""
        choices = self._legs[way.legs]
        legs = choices[int(rng.integers(len(choices)))]
        seconds = len(motion) / motion.fps
        start = rng.uniform(0, max(0.0, len(legs) / legs.fps - seconds))
        turns, root = legs.at(start + np.arange(len(motion)) / motion.fps)
        hips = turns[:, SEGMENT["pelvis"]]
        relative = np.swapaxes(motion.turns[:, SEGMENT["pelvis"]], -1, -2)[:, None] @ motion.turns
        upper = [i for i in range(turns.shape[1]) if i not in (SEGMENT["pelvis"], *LEGS)]
        turns[:, upper] = hips[:, None] @ relative[:, upper]
        return Motion(motion.name, motion.source, turns, root, motion.fps)


def _cut(motion: Motion, way: Way) -> Motion:
    """The part of a recording that shows the action, in the direction that is wanted."""
    first, last = (round(share * (len(motion) - 1)) for share in way.part)
    rows = slice(first, max(last, first + 1) + 1)
    turns, root = motion.turns[rows], motion.root[rows]
    if way.reverse:
        turns, root = turns[::-1], root[::-1]
    return Motion(motion.name, motion.source, turns, root, motion.fps)


def _held(motion: Motion, rng: np.random.Generator) -> Motion:
    """One moment of it, for ever."""
    i = int(rng.integers(len(motion)))
    rows = np.full(2, i)
    return Motion(motion.name, motion.source, motion.turns[rows], motion.root[rows], motion.fps)


def _window(
    motion: Motion, way: Way, frames: int, fps: float, rng: np.random.Generator
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Turns, root and whether a frame is before (-1), in (0) or after (1) what the motion shows."""
    speed = float(np.exp(rng.uniform(*np.log(way.speed))))
    clock = _warped(frames, fps, rng) * speed
    length = (len(motion) - 1) / motion.fps
    span = float(clock[-1])
    if way.hold:
        return *motion.at(np.zeros(frames)), np.zeros(frames, int)
    if way.loop:
        return *_repeat(motion, clock + rng.uniform(0, length)), np.zeros(frames, int)
    if length >= span:
        return *motion.at(clock + rng.uniform(0, length - span)), np.zeros(frames, int)
    if span * (1 - WAIT) > length:  # too short for the window: slower, as far as waiting does not fill the rest
        clock = clock * length / (span * (1 - WAIT))
        span = float(clock[-1])
    seconds = clock - rng.uniform(0, span - length)
    phase = np.where(seconds < 0, -1, np.where(seconds > length, 1, 0))
    return *motion.at(seconds), phase


def _warped(frames: int, fps: float, rng: np.random.Generator) -> Array:
    """Seconds (frames,) from 0, of a clock that goes faster and slower by a tenth or two."""
    t = np.arange(frames) / fps
    waves = sum(a * np.sin(2 * np.pi * (f * t + p)) for a, f, p in zip(*_waves(rng, 0.12), strict=True))
    rate = np.clip(1 + waves, 0.6, 1.5)
    return np.concatenate([[0], np.cumsum(rate[:-1])]) / fps


def _waves(rng: np.random.Generator, height: float) -> tuple[Array, Array, Array]:
    """Heights, frequencies in Hz and phases of three slow waves."""
    return rng.normal(0, height, 3), rng.uniform(0.1, 1.2, 3), rng.random(3)


def _repeat(motion: Motion, seconds: Array) -> tuple[Array, Array]:
    """The motion again and again; that of keys closes by itself."""
    if motion.source == SOURCE:
        return motion.at(seconds % (len(motion) / motion.fps))
    length = (len(motion) - 1) / motion.fps
    seam = min(SEAM, length / 3)
    cycle, within = np.divmod(seconds, length - seam)
    turns, root = motion.at(within)
    stride = (motion.root[-1] - motion.root[0]) * [1, 1, 0]
    near = within < seam  # what was the end of the round before fades out
    old_turns, old_root = motion.at(within[near] + length - seam)
    share = (within[near] / seam)[:, None]
    turns[near] = slerp(old_turns, turns[near], share)
    root[near] = (old_root - stride) * (1 - share) + root[near] * share
    return turns, root + cycle[:, None] * stride


def styled(turns: Array, fps: float, rng: np.random.Generator) -> Array:
    """Turns (T, 19, 3, 3) of somebody who holds every limb a little differently, and is never quite still."""
    t = np.arange(len(turns)) / fps
    moved = turns.copy()
    amount = rng.uniform(0, 1)
    for name, carried in CARRIED.items():
        heights, frequencies, phases = rng.normal(0, SWAY / 2, (3, 3)), rng.uniform(0.1, 1.5, 3), rng.random((3, 3))
        waves = np.sin(2 * np.pi * (frequencies * t[:, None])[:, :, None] + 2 * np.pi * phases)  # (T, wave, axis)
        vector = rng.normal(0, STYLE, 3) + (heights * waves).sum(1)
        if name.startswith(("forearm", "shank")):  # about the hinge only
            axis = moved[:, SEGMENT[name]][..., 2 if name.startswith("forearm") else 0]
            vector = axis * vector[:, :1]
        ids = [SEGMENT[child] for child in carried]
        moved[:, ids] = from_rotvec(np.radians(amount * vector))[:, None] @ moved[:, ids]
    return moved
