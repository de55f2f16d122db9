"""Joint layouts as data: names, links and left/right pairs. Left and right are the person's own.

`PA16`, `PA17`, `PA20` are the orders in which the networks put out joints (the released code's "pose-action" layouts,
SPNET.md section 3.5); `MPII16` and `H36M17` are the orders the field knows and our messages carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True)
class Layout:
    """An ordered set of joints.

    Attributes:
        name: identifier, as in `Skeleton3D.layout`.
        joints: joint names in order.
        links: bones as pairs of joint names, parent first.
    """

    name: str
    joints: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of `joint`; raises ValueError if the layout has none of that name."""
        return self.joints.index(joint)

    def indices_of(self, target: Layout) -> list[int]:
        """For each joint of `target` its index here, so that `array[..., indices, :]` is in the order of `target`."""
        return [self.index(joint) for joint in target.joints]

    @cached_property
    def flip(self) -> list[int]:
        """Permutation that exchanges left and right joints."""
        return [self.index(_other_side(joint)) for joint in self.joints]

    @cached_property
    def link_indices(self) -> list[tuple[int, int]]:
        return [(self.index(a), self.index(b)) for a, b in self.links]


def _other_side(joint: str) -> str:
    if joint.startswith("left_"):
        return "right_" + joint.removeprefix("left_")
    if joint.startswith("right_"):
        return "left_" + joint.removeprefix("right_")
    return joint


def _pairs(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in ("right", "left"))


def _side(side: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts)


def _chains(*chains: str) -> tuple[tuple[str, str], ...]:
    """Links from chains such as "pelvis right_hip right_knee"."""
    return tuple(link for chain in chains for link in pairwise(chain.split()))


_LEGS = _chains("pelvis right_hip right_knee right_ankle", "pelvis left_hip left_knee left_ankle")
_ARMS = _chains(
    "thorax neck head", "thorax right_shoulder right_elbow right_wrist", "thorax left_shoulder left_elbow left_wrist"
)
_BODY16 = (*_LEGS, ("pelvis", "thorax"), *_ARMS)
_BODY17 = (*_LEGS, ("pelvis", "spine"), ("spine", "thorax"), *_ARMS)

_TRUNK = ("pelvis", "thorax", "neck", "head")
PA16 = Layout("pa16", _TRUNK + _pairs("shoulder", "elbow", "wrist", "hip", "knee", "ankle"), _BODY16)
PA17 = Layout("pa17", (*PA16.joints, "spine"), _BODY17)
PA20 = Layout(
    "pa20",
    _TRUNK + _pairs("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot"),
    (
        *_BODY16,
        *_chains("right_wrist right_hand", "left_wrist left_hand", "right_ankle right_foot", "left_ankle left_foot"),
    ),
)
MPII16 = Layout(
    "mpii16",
    (
        *_side("right", "ankle", "knee", "hip"),
        *_side("left", "hip", "knee", "ankle"),
        *_TRUNK,
        *_side("right", "wrist", "elbow", "shoulder"),
        *_side("left", "shoulder", "elbow", "wrist"),
    ),
    _BODY16,
)
H36M17 = Layout(
    "h36m17",
    (
        "pelvis",
        *_side("right", "hip", "knee", "ankle"),
        *_side("left", "hip", "knee", "ankle"),
        *("spine", "thorax", "neck", "head"),
        *_side("left", "shoulder", "elbow", "wrist"),
        *_side("right", "shoulder", "elbow", "wrist"),
    ),
    _BODY17,
)
LSP14 = Layout(
    "lsp14",
    (*MPII16.joints[:6], *MPII16.joints[10:], "neck", "head"),
    _chains(
        "right_hip right_knee right_ankle",
        "left_hip left_knee left_ankle",
        "neck right_shoulder right_elbow right_wrist",
        "neck left_shoulder left_elbow left_wrist",
        "neck head",
        "right_hip left_hip",
    ),
)

NETWORK_LAYOUTS = {len(layout): layout for layout in (PA16, PA17, PA20)}
"""The order in which a network with that many joints puts them out."""

MESSAGE_LAYOUTS = {PA16.name: MPII16, PA17.name: H36M17, PA20.name: PA20}
"""The order in which the joints of a network layout are given to users."""

_STATURE = 1.69
LIMB_LENGTHS = {
    (f"{side}_{upper}", f"{side}_{lower}"): ratio * _STATURE
    for side in ("left", "right")
    for upper, lower, ratio in (
        ("hip", "knee", 0.245),
        ("knee", "ankle", 0.246),
        ("shoulder", "elbow", 0.186),
        ("elbow", "wrist", 0.146),
        ("shoulder", "hip", 0.288),
    )
}
"""Metres between joints of an average adult: Drillis and Contini's ratios (Winter, Biomechanics of Human Movement,
figure 4.1) times a stature of 1.69 m."""
