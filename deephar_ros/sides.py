"""Left and right do not flicker: what the network takes for the other arm or leg for a moment stays where it was.

From the side, and from behind, a network is often in doubt which leg is which. In one frame after another the legs of a
person then change places, which no person can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deephar_ros.clip import NANOSECONDS
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout

LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
"""Joints that change places together."""

CLEAR = 0.6
"""Sides count as exchanged if the limbs then move less than this share of what they would move otherwise."""

GAP = 0.2
"""Seconds after which the last place of a limb says nothing: a walker's legs change places in half a second."""


@dataclass
class _Memory:
    """Of one person.

    Attributes:
        joints: (J, 2) pixels as they were put out last, at `stamp` (ns).
        since: per limb, the stamp from which on the network has said that the sides are the other way round.
    """

    joints: Array
    stamp: int
    since: list[int | None]


class SteadySides:
    """Undoes exchanges of left and right limbs that last for less than `patience` seconds.

    An exchange that the network keeps to is followed after `patience`: then it was wrong before. People are known by
    their ids.
    """

    def __init__(self, layout: Layout, patience: float) -> None:
        self.patience = patience
        self._people: dict[str, _Memory] = {}
        sides = ("left", "right")
        self._limbs = [[[layout.index(f"{side}_{joint}") for joint in limb] for side in sides] for limb in LIMBS]

    def __call__(self, who: str, joints: Array, stamp: int) -> NDArray[np.intp]:
        """The order (J,) in which the joints of a frame are to be taken.

        Args:
            joints: (J, 2) pixels as the network has them.
            stamp: of the frame, ns.
        """
        order = np.arange(len(joints))
        memory = self._people.get(who)
        if memory is None or not 0 < stamp - memory.stamp <= GAP * NANOSECONDS:
            memory = _Memory(joints, stamp, [None] * len(self._limbs))
        for number, (left, right) in enumerate(self._limbs):
            if not self._exchanged(memory.joints, joints, left, right):
                memory.since[number] = None
                continue
            since = memory.since[number]
            since = stamp if since is None else since
            memory.since[number] = since
            if stamp - since < self.patience * NANOSECONDS:
                order[left + right] = right + left
            else:
                memory.since[number] = None
        self._people[who] = _Memory(joints[order], stamp, memory.since)
        return order

    def forget(self, who: str) -> None:
        """Somebody is gone."""
        self._people.pop(who, None)

    @staticmethod
    def _exchanged(before: Array, now: Array, left: list[int], right: list[int]) -> bool:
        def moved(there: list[int]) -> float:
            return float(np.linalg.norm(now[there] - before[left + right], axis=-1).sum())

        return moved(right + left) < CLEAR * moved(left + right)
