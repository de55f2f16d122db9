"""Poses as the node's network would find them: annotated tracks become coordinates in crops that follow the person,
with the errors that such networks make, so that actions can be learned from poses without pictures.

Lengths are in sides of the crop unless units are named; the sizes of the errors were measured (docs/experiments.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.restage import film, pixel_ray, to_level, with_arms_of, with_legs_of
from deephar_ros.data.windows import DEPTH_RANGE
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout

Random = np.random.Generator
Mask = NDArray[np.bool_]

RESTLESS = {
    **{"wrist": 2.5, "hand": 2.7, "elbow": 2.0, "shoulder": 1.3, "head": 1.2},
    **{"ankle": 2.2, "foot": 2.4, "knee": 1.7, "hip": 1.4},
}
"""How much larger errors of these joints are than those of the trunk."""
OUTSIDE = 0.02
"""A joint that lies farther out of the crop is not seen."""
RUN = 0.5
"""Chance that a stray joint is astray in the next frame of the clip, too."""
ASTRAY, OTHER_SIDE = 0.08, 0.25
"""Standard deviation of where stray joints are, and the share of them that are about the other side's joint."""
FICKLE = (0.08, 0.03)
"""Relative standard deviation of confidence from joint to joint and from frame to frame."""
DOUBT = 0.2
"""Error at which confidence is half of what it is without."""
CERTAIN = (1.0, 0.5, 0.15)
"""Doubt (1 - confidence) over that at the finest level, level by level: few cells leave little to doubt about."""


@dataclass(frozen=True)
class SeenConfig:
    """How poses that are found differ from annotated ones. Ranges are drawn from once per clip.

    Attributes:
        error: standard deviation of a joint of the trunk (`RESTLESS` for others).
        steady: share of the error that stays the same in all frames of a clip, 0..1.
        stray: most frames in which a joint of the trunk is somewhere else altogether.
        swap: clips in which arms or legs change sides for a while.
        hidden: clips in which the lower part of the body is out of the picture or covered.
        confidence: of joints that are found where they are.
        block: deviation of what the blocks of the network find from each other, per level from the finest on.
        around: clips that are seen by another camera, from any side, where depth is known.
        depth_error: standard deviation of z, which spans 2 m.
        flat: clips without depth (z = 0.5), as those of 2D sources are.
        fixed: clips seen through one window, as whole pictures are, which is up to `loose` times the person's extent.
        unsteady: standard deviation of the window's place and size.
        turn: standard deviation of the camera's roll, degrees.
        stretch: standard deviation of the ratio of the picture's sides.
        flip: clips that are mirrored.
    """

    error: tuple[float, float] = (0.004, 0.022)
    steady: float = 0.7
    stray: float = 0.12
    swap: float = 0.15
    hidden: float = 0.12
    confidence: tuple[float, float] = (0.75, 0.98)
    block: tuple[float, ...] = (0.005, 0.012, 0.02)
    depth_error: float = 0.03
    flat: float = 0.5
    around: float = 0.8
    fixed: float = 0.2
    loose: float = 2.2
    unsteady: float = 0.03
    turn: float = 5.0
    stretch: float = 0.05
    flip: float = 0.5

    def __post_init__(self) -> None:
        for name in ("error", "confidence"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise ValueError(f"{name} = {[low, high]} should be two numbers from 0 to 1, in order")
        for name in ("steady", "stray", "swap", "hidden", "depth_error", "flat", "around", "fixed", "unsteady", "flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not between 0 and 1")
        if self.loose < 1:
            raise ValueError(f"loose = {self.loose} shows less than the person")


@dataclass(frozen=True)
class MixConfig:
    """Bodies put together of two tracks, so that no action is told by limbs that play no part in it.

    Attributes:
        actions: whose clips, under the same label, get limbs of others.
        part: which limbs.
        of: actions of those whom they are from.
        share: of the clips.
    """

    actions: tuple[str, ...]
    part: Literal["legs", "arms"]
    of: tuple[str, ...]
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share = {self.share} is not between 0 and 1")


class Track(NamedTuple):
    """A person in the frames of a video.

    Attributes:
        joints: (N, J, 3) pixels and mm, finite but for depth, which is NaN throughout if unknown.
        visible: (N, J) whether the place of a joint is known and not made up.
        elevation: of the camera over the horizon, radians; NaN if unknown.
        ray: what a pixel is at a depth of one; NaN without depth.
    """

    joints: Array
    visible: Mask
    elevation: float = float("nan")
    ray: float = float("nan")

    @property
    def is_level(self) -> bool:
        """Whether it can be staged anew (`restage`)."""
        return bool(np.isfinite(self.elevation) and np.isfinite(self.ray))


def completed(joints: Array, layout: Layout, elevation: float = float("nan")) -> Track:
    """A track without gaps: joints of the trunk come from hips, shoulders and head, the others from their neighbours in
    time, then from the other side of the body.

    Args:
        joints: (N, J, 3) pixels and mm, NaN where unknown; where nothing ever is known, everything is put at (0, 0).
    """
    filled = joints.astype(np.float64)
    never: Mask = np.asarray(~np.isfinite(filled[..., :2]).all(-1).any(0))
    for made, a, b in _BETWEEN:
        if made in layout.joints and never[layout.index(made)]:
            ends = filled[:, layout.index(a)], filled[:, layout.index(b)]
            filled[:, layout.index(made)] = (
                np.where(np.isnan(ends[0]), ends[1], ends[0]) + np.where(np.isnan(ends[1]), ends[0], ends[1])
            ) / 2
    visible: Mask = np.asarray(np.isfinite(filled[..., :2]).all(-1))
    for j in np.flatnonzero(visible.any(0) & ~visible.all(0)):
        at = np.flatnonzero(visible[:, j])
        for axis in range(2):
            filled[:, j, axis] = np.interp(np.arange(len(filled)), at, filled[at, j, axis])
    known: Mask = np.asarray(visible.any(0))
    middle = filled[:, known, :2].mean(1) if known.any() else np.zeros((len(filled), 2))
    for j in np.flatnonzero(~known):
        other = layout.flip[j]
        filled[:, j, :2] = filled[:, other, :2] if known[other] else middle
    if not np.isfinite(filled[..., 2]).all():
        filled[..., 2] = np.nan
        return Track(filled, visible)
    return Track(filled, visible, elevation, pixel_ray(filled, layout))


_BETWEEN = (
    ("pelvis", "left_hip", "right_hip"),
    ("thorax", "left_shoulder", "right_shoulder"),
    ("neck", "thorax", "head"),
    ("spine", "pelvis", "thorax"),
)
"""Joints that sets lack, and the two in the middle of which they lie."""


class Exchange(NamedTuple):
    """Limbs of somebody else, whose frames of the same numbers are taken."""

    track: Track
    part: Literal["legs", "arms"]


class Seen(NamedTuple):
    """What a network finds in T frames.

    Attributes:
        joints: (T, J, 3) in [0, 1].
        confidence: (T, J) in [0, 1].
    """

    joints: Array
    confidence: Array


class Eye:
    """Draws what the network would find of tracks.

    Args:
        margin: side of the crop over the largest extent of the last pose (`track.TrackSettings.margin`).
    """

    def __init__(self, cfg: SeenConfig, layout: Layout, margin: float) -> None:
        self.cfg, self.layout, self.margin = cfg, layout, margin
        self.restless = np.array([RESTLESS.get(name.rpartition("_")[2], 0.8) for name in layout.joints])
        self.limbs = [
            [i for i, name in enumerate(layout.joints) if name.rpartition("_")[2] in parts]
            for parts in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))
        ]
        self.flip = np.array(layout.flip)

    def see(
        self,
        track: Track,
        chosen: NDArray[np.intp],
        lag: int,
        rng: Random,
        varied: bool = True,
        exchange: Exchange | None = None,
    ) -> Seen:
        """The frames `chosen` (T,) of a track, whose windows come from the poses `lag` frames before.

        Args:
            varied: whether the camera is changed, too; else errors only.
            exchange: limbs of somebody else; both tracks then need depth and elevation.
        """
        cfg = self.cfg
        frames = np.concatenate([chosen, np.maximum(chosen - lag, 0)])
        points, visible = track.joints[frames], track.visible[frames]
        if exchange is not None:
            points, visible = film(self._exchanged(track, exchange, frames), rng), np.ones_like(visible)
        elif varied and track.is_level and rng.random() < cfg.around:
            points = film(to_level(points, track.elevation, track.ray), rng)
        if varied:
            points, visible = self._other_camera(points, visible, rng)
        visible = visible & self._not_hidden(points[..., :2], rng)
        windows = self._windows(points[..., :2], visible, rng)
        count = len(chosen)
        true = (points[:count, :, :2] - windows[:, None, :2]) / windows[:, None, 2:] + 0.5
        visible = visible[:count] & ((true > -OUTSIDE) & (true < 1 + OUTSIDE)).all(-1)
        found, confidence = self._found(true, visible, rng)
        depth = points[:count, :, 2] - points[:count, self.layout.index("pelvis"), 2][:, None]
        z = self._depth(depth, rng)
        joints = np.concatenate([found, z[..., None]], -1)
        if rng.random() < cfg.swap:
            self._swap(joints, confidence, rng)
        return Seen(joints.clip(0, 1), confidence)

    def _exchanged(self, track: Track, exchange: Exchange, frames: NDArray[np.intp]) -> Array:
        other, limbs = exchange
        rows = np.minimum(frames, len(other.joints) - 1)
        own = to_level(track.joints[frames], track.elevation, track.ray)
        theirs = to_level(other.joints[rows], other.elevation, other.ray)
        return (with_legs_of if limbs == "legs" else with_arms_of)(own, theirs, self.layout)

    def blocks(self, seen: Seen, levels: list[int], rng: Random) -> list[Array]:
        """(T, J, 3) coordinates times confidence as each of the network's action blocks, of these levels, sees them."""
        rows = []
        for level in levels:
            error = self.cfg.block[min(level, len(self.cfg.block)) - 1]
            sure = 1 - CERTAIN[min(level, len(CERTAIN)) - 1] * (1 - seen.confidence)
            moved = seen.joints + rng.normal(0, error, seen.joints.shape) if error else seen.joints
            rows.append(moved.clip(0, 1) * sure[..., None])
        return rows

    def _other_camera(self, points: Array, visible: Mask, rng: Random) -> tuple[Array, Mask]:
        cfg = self.cfg
        angle, stretch = np.radians(rng.normal(0, cfg.turn)), np.exp(rng.normal(0, cfg.stretch))
        sine, cosine = np.sin(angle), np.cos(angle)
        linear = np.array([[cosine, -sine], [sine, cosine]]) * [[stretch], [1.0]]
        points = np.concatenate([points[..., :2] @ linear.T, points[..., 2:]], -1)
        if rng.random() < cfg.flip:
            points, visible = points[:, self.flip] * [-1.0, 1.0, 1.0], visible[:, self.flip]
        return points, visible

    def _not_hidden(self, points: Array, rng: Random) -> Mask:
        """(T, J): below a line between hips and ankles nothing is seen in some clips."""
        if rng.random() >= self.cfg.hidden:
            return np.ones(points.shape[:2], bool)
        heights = points[..., 1]
        line = np.quantile(heights, rng.uniform(0.45, 0.9))
        return np.asarray(heights <= line)

    def _windows(self, points: Array, visible: Mask, rng: Random) -> Array:
        """(T, 3) centre and side, pixels, of the second half of the frames, which come before those of the first."""
        cfg, count = self.cfg, len(points) // 2
        seen = visible[..., None]
        low = np.where(seen, points, np.inf).min(1)
        high = np.where(seen, points, -np.inf).max(1)
        blind = ~visible.any(1)
        if blind.any():
            low[blind], high[blind] = points[blind].min(1), points[blind].max(1)
        if rng.random() < cfg.fixed:
            low, high = low.min(0), high.max(0)
            side = float((high - low).max()) * rng.uniform(1.1, cfg.loose)
            centre = (low + high) / 2 + rng.uniform(-0.5, 0.5, 2) * (side - (high - low))
            return np.tile(np.array([*centre, max(side, 1.0)]), (count, 1))
        low, high = low[count:], high[count:]
        extent = np.maximum((high - low).max(-1), 1.0) * np.exp(rng.normal(0, 1.5 * cfg.unsteady, count))
        centre = (low + high) / 2 + rng.normal(0, cfg.unsteady, (count, 2)) * extent[:, None]
        return np.column_stack([centre, self.margin * extent])

    def _found(self, true: Array, visible: Mask, rng: Random) -> tuple[Array, Array]:
        """Places (T, J, 2) with errors, and the confidence (T, J) that goes with them."""
        cfg, shape = self.cfg, true.shape[:2]
        size = np.exp(rng.uniform(*np.log(cfg.error))) * self.restless[:, None]
        lasting, passing = rng.normal(size=(1, *true.shape[1:])), rng.normal(size=true.shape)
        error = size * (np.sqrt(cfg.steady) * lasting + np.sqrt(1 - cfg.steady) * passing)
        astray = rng.random(shape) < rng.uniform(0, cfg.stray) * self.restless
        astray[1:] |= astray[:-1] & (rng.random((shape[0] - 1, shape[1])) < RUN)
        elsewhere = np.where(rng.random((*shape, 1)) < OTHER_SIDE, true[:, self.flip], true)
        found = np.where(astray[..., None], elsewhere + rng.normal(0, ASTRAY, true.shape), true) + error
        lost = true.clip(0.02, 0.98) + rng.normal(0, ASTRAY, (1, *true.shape[1:])) + 2 * error
        found = np.where(visible[..., None], found, lost)
        distance = np.linalg.norm(found - true, axis=-1)
        usual = rng.uniform(*cfg.confidence) * np.exp(rng.normal(0, FICKLE[0], shape[1]))
        sure = usual * np.exp(rng.normal(0, FICKLE[1], shape)) / (1 + (distance / DOUBT) ** 2)
        sure = sure / (1 + 0.08 * (self.restless - self.restless.min()))
        return found, np.where(visible, sure, sure * rng.uniform(0.35, 0.8, shape)).clip(0.05, 1)

    def _depth(self, depth: Array, rng: Random) -> Array:
        """z (T, J) in [0, 1] of depths in mm from the pelvis."""
        cfg = self.cfg
        flat = rng.random() < cfg.flat
        if flat or not np.isfinite(depth).all():
            return np.full(depth.shape, 0.5)
        error = cfg.depth_error * self.restless
        lasting, passing = rng.normal(size=(1, depth.shape[1])), rng.normal(size=depth.shape)
        z = 0.5 + depth / (2 * DEPTH_RANGE) * rng.uniform(0.6, 1.1)
        return np.asarray(z + error * (np.sqrt(cfg.steady) * lasting + np.sqrt(1 - cfg.steady) * passing))

    def _swap(self, joints: Array, confidence: Array, rng: Random) -> None:
        """Arms, legs or both change sides in some frames after one another."""
        count = len(joints)
        first = int(rng.integers(count))
        last = min(count, first + int(rng.integers(1, count // 2 + 1)))
        for limbs in (self.limbs[:1], self.limbs[1:], self.limbs)[int(rng.integers(3))]:
            joints[first:last, limbs] = joints[first:last, self.flip[limbs]]
            confidence[first:last, limbs] = confidence[first:last, self.flip[limbs]]
