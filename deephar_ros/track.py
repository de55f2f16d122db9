"""Who is who from frame to frame, and where to look in the next one.

The window for the next frame surrounds the last confident pose, so that following a person needs no detector. Our own,
because boxes come only when somebody asks for them: the trackers that exist (SORT, ByteTrack) want a detector's boxes
in every frame, and know nothing of joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from deephar_ros.geometry import Array, Box, Window, bounds, iou
from deephar_ros.people import State
from deephar_ros.search import Searcher

MIN_FILL = 0.2
"""Least extent of a pose over the side of its window. Training shows people from a quarter of the crop on; what looks
smaller is a pose that collapsed, and following it would shrink the window to nothing."""
SHRUNK = 0.5
"""Least extent of a pose over the person's size: who bends or crouches stays above, a pose that collapses step by step,
each time filling its window, does not."""
KEPT = 0.8
"""Share of the least confidence with which somebody who was seen twice is still followed: half-hidden people stay."""
HALF_LIFE = 1.0
"""Seconds in which a person's size may halve, who walks away."""
BOX_MARGIN = 1.25
"""Side of the window over the longer side of a detector's box, as in training."""
SAME = 0.5
"""Pose similarity from which two windows show one and the same person."""
SPREAD = 0.15
"""Distance of joints that counts as one standard deviation in similarity, over the person's size."""
REACH = 0.3
"""Least overlap (IoU or pose similarity) with where a hidden person should be by now."""
TRACKS_PER_LOOK = 4
"""Bound on the persons followed, over those looked at in one frame."""


@dataclass(frozen=True)
class TrackSettings:
    """
    Attributes:
        min_confidence: mean joint confidence from which a pose counts as a person, 0..1; at 0, everything does. Who was
            seen twice is followed down to `KEPT` of it.
        margin: side of the next window over the largest extent of the pose.
        patience: seconds without a confident pose after which the person is lost.
        max_persons: windows looked at in one frame. When there are more people, they take turns.
        search_period: seconds between two looks for more people while some are followed.
    """

    min_confidence: float
    margin: float
    patience: float
    max_persons: int = 1
    search_period: float = 0.5


@dataclass(eq=False)
class Track:
    """One person."""

    id: str
    joints: Array  # (J, 2) of the last confident pose
    box: Box
    window: Window
    seen: int  # stamp of the last confident pose, ns
    looked: int  # stamp of the last look, ns
    looks: int = 0  # confident poses so far
    velocity: Array = field(default_factory=lambda: np.zeros(2))  # of the box's centre, pixels per second
    size: float = 0.0  # largest extent of a pose lately, pixels

    def size_at(self, stamp: int) -> float:
        """The person's size, which fades with time."""
        return self.size * 0.5 ** (max(stamp - self.seen, 0) / (HALF_LIFE * 1e9))

    def offset(self, stamp: int) -> Array:
        """How far the person should have moved since the last confident pose."""
        return self.velocity * (stamp - self.seen) / 1e9

    def window_at(self, stamp: int) -> Window:
        """Where to look; a person who is hidden goes on moving."""
        if self.looked == self.seen:
            return self.window
        dx, dy = self.offset(stamp).round().astype(int).tolist()
        return Window(self.window.left + dx, self.window.top + dy, self.window.size)

    def overlap(self, joints: Array, box: Box, stamp: int) -> float:
        """How well a pose fits to where this person should be, 0..1: by the box or by the joints, whichever is more."""
        offset = self.offset(stamp)
        return max(iou(self.box.moved(*offset), box), similarity(self.joints + offset, joints, box))


class Look(NamedTuple):
    """A window, and the person expected in it (None: somebody new)."""

    window: Window
    track: Track | None = None


class Sighting(NamedTuple):
    """Row `row` of the poses given to `Tracker.update` is person `id`, who takes up `box`."""

    id: str
    state: State
    row: int
    box: Box


class Update(NamedTuple):
    """What one frame has shown."""

    seen: list[Sighting]
    lost: list[str]


class Tracker:
    """The people of one camera.

    A person keeps the id while poses stay confident, with gaps of up to `patience` seconds; a first sight that the
    second look does not confirm is given up at once.

    Args:
        prefix: of the ids, so that those of several cameras differ.
    """

    def __init__(self, settings: TrackSettings, prefix: str = "") -> None:
        self.settings = settings
        self._prefix = prefix
        self._count = 0
        self._tracks: list[Track] = []
        self._search = Searcher()
        self._turn = 0

    @property
    def boxes(self) -> list[Box]:
        """Where the people are who were seen in the last frame."""
        return [track.box for track in self._tracks if track.seen == track.looked]

    def reset(self) -> list[str]:
        """Forgets everybody; the ids of those who were followed."""
        lost = [track.id for track in self._tracks]
        self._tracks, self._search = [], Searcher()
        return lost

    def looks(self, width: int, height: int, stamp: int, boxes: Sequence[Box] | None = None) -> list[Look]:
        """Where to look in a frame of this size taken at `stamp` (ns).

        Args:
            boxes: where an outside detector sees people; None: people are searched for, window by window.
        """
        known = [Look(track.window_at(stamp), track) for track in self._tracks]
        if boxes is None:
            period = self.settings.search_period if known else 0.0
            if len(known) < self.settings.max_persons and self._search.is_due(stamp, period):
                known.append(Look(self._search.window(width, height, stamp)))
            return self._in_turn(known, [])
        return self._in_turn(*self._match(known, boxes, stamp))

    def look_at_whole(self, width: int, height: int) -> list[Look]:
        """The whole frame and nothing else: for cameras that show one person who fills the picture."""
        return [Look(Window.whole(width, height), self._tracks[0] if self._tracks else None)]

    def _match(self, known: list[Look], boxes: Sequence[Box], stamp: int) -> tuple[list[Look], list[Look]]:
        """Boxes that fit to a person give that person's window, best fit first; the others are somebody new."""
        fits = [
            (iou(look.track.box.moved(*look.track.offset(stamp)), box), i, j)
            for i, look in enumerate(known)
            for j, box in enumerate(boxes)
            if look.track is not None
        ]
        taken_by: dict[int, int] = {}
        for fit, i, j in sorted(fits, reverse=True):
            if fit >= REACH and i not in taken_by and j not in taken_by.values():
                taken_by[i] = j
        matched = [
            Look(box_window(boxes[taken_by[i]]), look.track) if i in taken_by else look for i, look in enumerate(known)
        ]
        rest = sorted((box for j, box in enumerate(boxes) if j not in taken_by.values()), key=lambda box: -box.score)
        return matched, [Look(box_window(box)) for box in rest]

    def _in_turn(self, known: list[Look], new: list[Look]) -> list[Look]:
        """At most `max_persons` looks: those who waited longest, and in turn one who is new."""
        limit = self.settings.max_persons
        room = max(limit - len(known), int(limit > 1))
        if len(known) >= TRACKS_PER_LOOK * limit:
            room = 0
        if len(new) > room:
            self._turn = (self._turn + room) % len(new)
            new = (new[self._turn :] + new[: self._turn])[:room]
        waited = sorted(known, key=lambda look: look.track.looked if look.track else -1)
        return waited[: limit - len(new)] + new

    def update(self, looks: Sequence[Look], joints: Sequence[Array], confidence: Array, stamp: int) -> Update:
        """Takes the poses found.

        Args:
            looks: what `looks` gave, N of them.
            joints: N times (J, 2) pixels of the image.
            confidence: (N, J) in [0, 1].
            stamp: time of the frame, ns.
        """
        seen: list[tuple[Track, Sighting]] = []
        # People who are known first: somebody new must not take their pose.
        for row in sorted(range(len(looks)), key=lambda i: looks[i].track is None):
            look, box = looks[row], _sure_box(joints[row], confidence[row])
            if look.track is not None:
                look.track.looked = stamp
            if not self._is_person(look, box, confidence[row], stamp):
                continue
            track = look.track or self._recognise(joints[row], box, stamp)
            if track is None:
                continue
            self._see(track, joints[row], box, stamp)
            seen.append((track, Sighting(track.id, State.NEW if track.looks == 1 else State.TRACKED, row, box)))
        gone = self._doubles([track for track, _ in seen]) + [t for t in self._tracks if self._is_lost(t, stamp)]
        self._tracks = [track for track in self._tracks if track not in gone]
        if gone and not self._tracks and any(track.looks > 1 for track in gone):
            self._search = Searcher()  # people come back where they were seen: the whole frame first
        return Update([sighting for track, sighting in seen if track not in gone], [track.id for track in gone])

    def _is_person(self, look: Look, box: Box, confidence: Array, stamp: int) -> bool:
        least = MIN_FILL * look.window.size
        if look.track is not None and self.settings.min_confidence > 0:
            least = max(least, SHRUNK * look.track.size_at(stamp))
        sure = self.settings.min_confidence
        if look.track is not None and look.track.looks > 1:
            sure *= KEPT
        return float(confidence.mean()) >= sure and _extent(box) >= least

    def _recognise(self, joints: Array, box: Box, stamp: int) -> Track | None:
        """The hidden person that this pose may belong to, else somebody new; None if it is one who is in plain view."""
        visible = [track for track in self._tracks if track.seen == stamp]
        if any(similarity(track.joints, joints, box) >= SAME or iou(track.box, box) >= SAME for track in visible):
            return None
        hidden = [(track.overlap(joints, box, stamp), track) for track in self._tracks if track not in visible]
        fit, best = max(hidden, key=lambda pair: pair[0], default=(0.0, None))
        if best is not None and fit >= REACH:
            return best
        self._count += 1
        track = Track(f"{self._prefix}{self._count}", joints, box, box_window(box), stamp, stamp)
        self._tracks.append(track)
        return track

    def _see(self, track: Track, joints: Array, box: Box, stamp: int) -> None:
        if stamp > track.seen:
            step = (np.array(box.centre) - track.box.centre) * 1e9 / (stamp - track.seen)
            track.velocity = 0.7 * track.velocity + 0.3 * step
        track.size = max(_extent(box), track.size_at(stamp))
        track.window = Window.to_look_at(*box.centre, self.settings.margin * _extent(box))
        track.joints, track.box, track.seen, track.looked = joints, box, stamp, stamp
        track.looks += 1

    def _doubles(self, seen: list[Track]) -> list[Track]:
        """Of two tracks that have come to follow one person, the shorter one."""
        longest = sorted(seen, key=lambda track: -track.looks)
        if len(longest) < 2:
            return []
        joints, sizes = np.stack([track.joints for track in longest]), np.array([_size(track.box) for track in longest])
        alike = _likeness(joints[:, None], joints, sizes[:, None]) >= SAME  # row: whose size counts
        return [track for i, track in enumerate(longest) if alike[i, :i].any()]

    def _is_lost(self, track: Track, stamp: int) -> bool:
        if track.looked <= track.seen:
            return False  # whoever waits for a turn is not lost
        return track.looks <= 1 or stamp - track.seen > self.settings.patience * 1e9


def box_window(box: Box) -> Window:
    """The window in which the network looks at a detected person."""
    return Window.to_look_at(*box.centre, BOX_MARGIN * _extent(box))


def similarity(a: Array, b: Array, box: Box) -> float:
    """Of two poses (J, 2) of people as large as `box`, 0..1: COCO's object keypoint similarity, simplified."""
    return float(_likeness(a, b, np.array(_size(box))))


def _likeness(a: Array, b: Array, sizes: Array) -> Array:
    """`similarity` of many poses (..., J, 2) and sizes (...) at once."""
    distances = np.linalg.norm(a - b, axis=-1) / (SPREAD * sizes)[..., None]
    return np.exp(-0.5 * distances**2).mean(-1)


def _size(box: Box) -> float:
    return max(_extent(box), 1.0)


def _extent(box: Box) -> float:
    return max(box.width, box.height)


def _sure_box(joints: Array, confidence: Array) -> Box:
    return Box(*bounds(joints[confidence >= np.median(confidence) / 2]))  # a stray joint must not blow the window up
