"""A pipeline whose network costs nothing: it knows where the people of a made-up picture are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deephar_ros.backend.base import Crops, Prediction
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.cutout import Cutout, cut_all
from deephar_ros.geometry import Array, Box, Window
from deephar_ros.model.features import section_sizes

SWING = 0.02
"""How far joints move, over the height of the person."""


class Crowd:
    """People who stand in rows and swing their limbs.

    Args:
        joints: of each person.
    """

    def __init__(self, persons: int, width: int, height: int, joints: int) -> None:
        columns = int(np.ceil(np.sqrt(persons * width / height)))
        rows = int(np.ceil(persons / columns))
        spots = [(column, row) for row in range(rows) for column in range(columns)][:persons]
        self.size = 0.6 * min(width / columns, height / rows)
        self._centres = np.array([((x + 0.5) * width / columns, (y + 0.5) * height / rows) for x, y in spots])
        self._body = np.random.default_rng(0).uniform(-0.5, 0.5, (joints, 2))

    def pixels(self, moment: int) -> NDArray[np.float32]:
        """(N, J, 2) of the people in the frame of that number."""
        swing = SWING * np.sin(0.3 * moment + np.arange(len(self._body)))[:, None]
        return (self._centres[:, None] + self.size * (self._body + swing)).astype(np.float32)

    def boxes(self, moment: int) -> tuple[Box, ...]:
        """Where a detector would see them."""
        return tuple(Box(*person.min(0), *person.max(0)) for person in self.pixels(moment))


class ScriptedBackend:
    """Finds in each crop whoever stands nearest to its middle. Crops are made as for a network on the CPU.

    Attributes:
        moment: number of the frame that is looked at.
    """

    name, device, precision = "scripted", "cpu", "float32"

    def __init__(self, spec: ModelSpec, crowd: Crowd) -> None:
        self.spec, self.cut, self.moment = spec, spec.network.num_pyramids, 0
        self._crowd = crowd
        self._windows: list[Window] = []
        self._features = sum(section_sizes(spec.network))

    def set_cut(self, pyramids: int) -> None:
        """Nothing gets smaller."""
        self.cut = pyramids

    def crop(self, cutouts: Sequence[Cutout]) -> Crops:
        """See `Backend.crop`."""
        self._windows = [cutout.window for cutout in cutouts]
        return cut_all(cutouts, self.spec.input_size)

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`; depths are those of the middle, confidences 0.9."""
        people = self._crowd.pixels(self.moment)
        network = self.spec.network
        poses = np.full((len(crops), network.num_joints, network.dim + 1), 0.5, np.float32)
        for pose, window in zip(poses, self._windows, strict=True):
            middle = window.to_image(np.full(2, 0.5))
            nearest = np.linalg.norm(people.mean(1) - middle, axis=1).argmin()
            pose[:, :2] = window.to_window(people[nearest])
        poses[..., -1] = 0.9
        return Prediction(poses, np.zeros((len(crops), self._features), np.float32))

    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`: everything is as probable as anything else."""
        return [np.full((len(clips), count), 1 / count, np.float32) for count in self.spec.network.num_actions]
