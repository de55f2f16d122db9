"""What PyTorch's and TensorRT's backends share: each cut is made ready once, and results come as packed rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from deephar_ros.backend.base import Crops, Prediction, Start, first_cuts, first_pyramids
from deephar_ros.backend.rows import split_action_rows, split_frame_rows
from deephar_ros.checkpoint import ModelSpec
from deephar_ros.geometry import Array
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet


class Cut(NamedTuple):
    """A network that ends after some of its pyramids, ready to be called.

    Attributes:
        frame: crops to rows of `rows.frame_rows`.
        actions: clips of features to rows of `rows.action_rows`; None without action blocks.
    """

    config: SPNetConfig
    frame: Callable[[Crops], Array]
    actions: Callable[[Array], Array] | None


class CutBackend(ABC):
    """The part of a `Backend` that does not depend on what runs the network.

    Attributes:
        spec, cut: see `Backend`.
    """

    spec: ModelSpec
    cut: int

    def _open(self, whole: SPNet, start: Start) -> None:
        """Makes ready what is to be quick from the first on; the end of a constructor."""
        self._whole, self._made = whole, dict[int, Cut]()
        for pyramids in first_cuts(start, self.spec):
            self.set_cut(pyramids)

    @abstractmethod
    def _make(self, net: SPNet) -> Cut:
        """Makes a network ready that ends after some of its pyramids."""

    def set_cut(self, pyramids: int) -> None:
        """See `Backend.set_cut`. A cut that is new is made ready first."""
        if pyramids not in self._made:
            self._made[pyramids] = self._make(first_pyramids(self._whole, pyramids))
        self.cut, self._ready = pyramids, self._made[pyramids]

    def predict(self, crops: Crops) -> Prediction:
        """See `Backend.predict`."""
        return split_frame_rows(self._ready.frame(crops), self._ready.config)

    def classify(self, clips: Array) -> list[Array]:
        """See `Backend.classify`; an empty list from a network without action blocks."""
        return [] if self._ready.actions is None else split_action_rows(self._ready.actions(clips), self._ready.config)
