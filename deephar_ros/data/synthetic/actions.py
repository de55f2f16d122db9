"""Actions as users describe them: a YAML file of ways to do them, by key poses or by recorded motion.

waving:
  - name: right_hand                    # key poses; angles as in `angles`, without a side for both
    seconds: [0.6, 1.2]                 # from the first key to the last
    loop: true
    base: {arm_abduct: 8, elbow: 12}    # what holds all the time
    keys:
      - {at: 0, pose: {right_arm_abduct: 75, right_arm_turn: -85, right_elbow: 70}}
      - {at: 0.5, pose: {right_arm_abduct: 85, right_arm_turn: -85, right_elbow: 115}}
  - name: recorded
    motions: ["bandai/byebye_*"]        # names in motions.npz; * and ? stand for anything
    part: [0.1, 0.9]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from deephar_ros.data.synthetic.angles import ANGLES, LIMB_ANGLES
from deephar_ros.data.synthetic.families import FAMILIES
from deephar_ros.data.synthetic.motions import Motion
from deephar_ros.files import FileError, read_yaml
from deephar_ros.strict import ConfigError, build

Support = Literal["feet", "toes", "knees", "hands", "seat", "bottom"]
"""What stays where it is: the feet on the ground, the toes or the knees with all else above, the hands on a bar, the
hips on a seat; or the hips above the ground, on which the lowest part lies."""


@dataclass(frozen=True)
class Target:
    """Where a wrist is, metres on the mean body: outward, forward, up, from a part of the body or, for `ground`, from
    the ground below what stays where it is."""

    part: Literal["pelvis", "chest", "head", "ground"]
    at: tuple[float, float, float]


@dataclass(frozen=True)
class Key:
    """A pose at a time.

    Attributes:
        at: 0 for the start, 1 for the end.
        pose: angles in degrees by name.
        hands: targets of `left`, `right` or `both`; hands without one go as the angles say.
        move: forward, to the left, up, in lengths of a leg, of what stays where it is.
    """

    at: float
    pose: dict[str, float] = field(default_factory=dict)
    hands: dict[str, Target] = field(default_factory=dict)
    move: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not 0 <= self.at <= 1:
            raise ValueError(f"at = {self.at} is not between 0, the start, and 1, the end")
        _check_angles(self.pose)
        for hand in self.hands:
            if hand not in ("left", "right", "both"):
                raise ValueError(f"hands.{hand} is unknown; there are left, right, both")


@dataclass(frozen=True)
class Way:
    """A way to do an action: one of `motions`, `keys` and `families`.

    Attributes:
        name: unique in its action.
        motions: names of recordings, with * and ?.
        part: of a recording, from 0 to 1.
        reverse: play it backwards.
        keys: poses in order of their time.
        families: still poses of these families (`families.FAMILIES`), one after the other.
        seconds: least and most of all keys; of `families`, from one pose to the next.
        base: angles of all keys that do not say otherwise.
        support: what stays where it is while keys are played.
        vary: degrees by which each performance's keys differ.
        loop: the end goes over into the start, again and again.
        hold: stay in one moment of the part.
        speed: least and most, relative to the recording.
        legs: recordings whose legs and path are put under the upper body.
        before, after: what the person does who waits for the start, or has come to the end; the action itself if empty.
        share: how often, relative to the action's other ways.
        held_out: only for testing (key poses; recordings are divided by their names).
    """

    name: str
    motions: tuple[str, ...] = ()
    part: tuple[float, float] = (0.0, 1.0)
    reverse: bool = False
    keys: tuple[Key, ...] = ()
    families: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.8, 2.0)
    base: dict[str, float] = field(default_factory=dict)
    support: Support = "feet"
    vary: float = 6.0
    loop: bool = False
    hold: bool = False
    speed: tuple[float, float] = (0.75, 1.35)
    legs: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    share: float = 1.0
    held_out: bool = False

    def __post_init__(self) -> None:
        if sum(map(bool, (self.motions, self.keys, self.families))) != 1:
            raise ValueError(f"way {self.name!r} needs one of motions, keys and families")
        times = [key.at for key in self.keys]
        if times != sorted(set(times)):
            raise ValueError(f"way {self.name!r}: the keys' times {times} are not in order")
        _check_angles(self.base)
        for name in self.families:
            if name not in FAMILIES:
                raise ValueError(f"family {name!r} is unknown; there are {', '.join(FAMILIES)}")
        for label, (low, high) in (("seconds", self.seconds), ("speed", self.speed)):
            if not 0 < low <= high:
                raise ValueError(f"way {self.name!r}: {label} = {[low, high]} should be two numbers above 0, in order")
        if not 0 <= self.part[0] < self.part[1] <= 1:
            raise ValueError(f"way {self.name!r}: part = {list(self.part)} should be within 0 and 1, in order")


@dataclass(frozen=True)
class Action:
    """A label and the ways to do it."""

    label: str
    ways: tuple[Way, ...]


def _check_angles(pose: dict[str, float]) -> None:
    for name in pose:
        if name not in ANGLES and name not in LIMB_ANGLES:
            raise ValueError(f"angle {name!r} is unknown; there are {', '.join(sorted({*ANGLES, *LIMB_ANGLES}))}")


@dataclass(frozen=True)
class _File:
    actions: dict[str, tuple[Way, ...]]


def read_actions(path: Path) -> tuple[Action, ...]:
    """Reads a YAML file, see the module.

    Raises:
        ConfigError: it cannot be read, or a value in it cannot be used; the message names it.
    """
    try:
        values = read_yaml(path)
    except FileError as error:
        raise ConfigError(str(error)) from error
    actions = build(_File, {"actions": values}, f"{path}:").actions
    for label, ways in actions.items():
        names = [way.name for way in ways]
        if not ways or len(set(names)) < len(names):
            raise ConfigError(f"{path}: {label}: {'there are no ways' if not ways else f'names {names} must differ'}")
        if not label.replace("_", "").isalnum():
            raise ConfigError(f"{path}: {label!r}: labels are made of letters, digits and _, as they name folders")
        for way in ways:
            for other in {way.before, way.after} - {"", *actions}:
                raise ConfigError(f"{path}: {label}: way {way.name}: {other!r} is no action of this file")
    if not actions:
        raise ConfigError(f"{path} has no actions")
    return tuple(Action(label, ways) for label, ways in actions.items())


def matching(motions: Sequence[Motion], patterns: Sequence[str]) -> list[Motion]:
    """Those whose name fits a pattern."""
    return [motion for motion in motions if any(fnmatchcase(motion.name, pattern) for pattern in patterns)]
