"""What one camera has seen so far: its people, their last poses, what smooths them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deephar_ros.cutout import Cutout
from deephar_ros.depth import locate
from deephar_ros.geometry import Array
from deephar_ros.people import Action, Frame, Person, Result, State
from deephar_ros.settings import PipelineSettings
from deephar_ros.sides import SteadySides
from deephar_ros.skeleton import Layout
from deephar_ros.smooth import PoseSmoother, SteadyLabel
from deephar_ros.track import Look, Sighting, Tracker


class View:
    """One camera.

    Args:
        name: of the camera; the ids of its people begin with it.
        layout: order of the joints of its people.
        depth_range: metres between z = 0 and z = 1 of the poses; NaN if their z means nothing.
    """

    def __init__(self, name: str, settings: PipelineSettings, layout: Layout, depth_range: float) -> None:
        self.tracker = Tracker(settings.track, f"{name}_" if name else "")
        self._smoother = PoseSmoother(settings.min_cutoff, settings.beta)
        self._steady = SteadyLabel(settings.label_margin)
        self._sides = SteadySides(layout, settings.side_patience)
        self._layout = layout
        self._depth_range = depth_range
        self._last: dict[str, Person] = {}
        self._stamp: int | None = None

    def use(self, settings: PipelineSettings) -> None:
        """Changes the settings; nothing is forgotten."""
        self.tracker.settings = settings.track
        if (settings.min_cutoff, settings.beta) != (self._smoother.min_cutoff, self._smoother.beta):
            self._smoother = PoseSmoother(settings.min_cutoff, settings.beta)
        self._steady.margin = settings.label_margin
        self._sides.patience = settings.side_patience

    def went_back(self, stamp: int) -> bool:
        """Whether time went backwards with the frame of this stamp (ns): a bag starts again, a simulator was reset."""
        back = self._stamp is not None and stamp < self._stamp
        self._stamp = stamp
        return back

    def reset(self) -> tuple[Person, ...]:
        """Forgets everybody; those who were followed, as LOST."""
        lost = self._lost(self.tracker.reset())
        self._smoother.reset()
        return lost

    def cutout(self, frame: Frame, look: Look) -> Cutout:
        """Where the network looks: those who are known are hidden from it when it searches for others."""
        known = tuple(self.tracker.boxes) if look.track is None else ()
        return Cutout(frame.pixels, frame.rgb, look.window, known)

    def update(self, frame: Frame, looks: list[Look], poses: Array) -> tuple[list[tuple[Person, int]], list[Person]]:
        """Takes the poses found.

        Args:
            looks: N windows of the frame.
            poses: (N, J, D+1) as `Prediction.poses`, joints in the order of the layout.

        Returns:
            The people seen, each with the row of `poses` that shows them, and those lost with this frame.
        """
        joints = [look.window.to_image(pose[:, :2]) for look, pose in zip(looks, poses, strict=True)]
        update = self.tracker.update(looks, joints, poses[..., -1], frame.stamp)
        seen = [(self._person(who, frame, joints[who.row], poses[who.row]), who.row) for who in update.seen]
        self._last.update({person.id: person for person, _ in seen})
        return seen, list(self._lost(update.lost))

    def result(self, people: tuple[Person, ...], actions: tuple[Action, ...], stamp: int, restarted: bool) -> Result:
        """Adds what is meant for human eyes: smoothed poses, labels that do not flicker."""
        steady = tuple(replace(a, steady_label=self._steady(a.id, a.labels, a.probabilities)) for a in actions)
        smooth = tuple(self._smoother(person, stamp) for person in people) if self._smoother.min_cutoff else people
        return Result(people, smooth, steady, restarted)

    def _person(self, who: Sighting, frame: Frame, joints: Array, pose: Array) -> Person:
        height, width = frame.pixels.shape[:2]
        order = self._sides(who.id, joints, frame.stamp)
        joints, pose = joints[order], pose[order]
        confidence = pose[:, -1]
        position, source = locate(
            joints, self._z(pose), confidence, self._layout, frame.camera, frame.depth, (width, height)
        )
        return Person(who.id, who.state, self._layout, joints, position, confidence, who.box, source)

    def _z(self, pose: Array) -> Array:
        """Metres relative to the pelvis (paper section 4: the middle of the range)."""
        if pose.shape[-1] == 3:
            return np.full(len(pose), np.nan, pose.dtype)
        return self._depth_range * (pose[:, 2] - pose[self._layout.index("pelvis"), 2])

    def _lost(self, ids: list[str]) -> tuple[Person, ...]:
        for who in ids:
            self._steady.forget(who)
            self._sides.forget(who)
        return tuple(replace(self._last.pop(who), state=State.LOST) for who in ids if who in self._last)
