"""How far a person is away: from a depth image, or from the size of an average body."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class DepthSource(IntEnum):
    """As in Skeleton3D.msg: what the positions of a person rest on."""

    RELATIVE = 0
    PRIOR = 1
    SENSOR = 2


@dataclass(frozen=True)
class DepthMap:
    """Distances along the optical axis, registered to the picture (same camera, any resolution).

    Attributes:
        values: (H, W) uint16, float32 or float64, any strides; 0, NaN and infinity mean unknown.
        metres: metres per unit of `values` (0.001 for 16UC1).
    """

    values: NDArray[np.generic]
    metres: float
