"""How poses of data sets differ in the picture, and how well one set covers another; draws docs/synthetic.png."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from deephar_ros.data.samples import DatasetError, Sample
from deephar_ros.data.sets import SETS, load_set
from deephar_ros.geometry import Array
from deephar_ros.skeleton import LSP14, PA17

MOST = 3000
"""Poses of a set that are compared, drawn at random."""

_ANGLES = {
    "elbow": ("shoulder", "elbow", "wrist"),
    "knee": ("hip", "knee", "ankle"),
    "hip": ("shoulder", "hip", "knee"),
    "armpit": ("hip", "shoulder", "elbow"),
}


class Poses(NamedTuple):
    """Complete persons of a set.

    Attributes:
        points: (N, 14, 2) LSP's joints in pixels.
        share: of all persons of the set, who are complete.
    """

    points: Array
    share: float


def read_set(argument: str) -> tuple[str, Sequence[Sample]]:
    """Name and training part, or all, of a set given as SET:FOLDER.

    Raises:
        DatasetError: it is none of pictures.
    """
    name, _, folder = argument.partition(":")
    if not folder or name not in SETS:
        raise DatasetError(f"{argument} should be SET:FOLDER with one of {', '.join(SETS)}")
    found = load_set(name, Path(folder), "all")
    if not found or not isinstance(found[0], Sample):
        raise DatasetError(f"{argument} holds no pictures of single persons")
    return name, cast("Sequence[Sample]", found)


def complete_poses(samples: Sequence[Sample], rng: np.random.Generator) -> Poses:
    """At most `MOST` persons with all of LSP's joints, from samples in PA17 order."""
    points = np.stack([sample.joints for sample in samples])[:, PA17.indices_of(LSP14), :2].astype(float)
    complete = points[np.isfinite(points).all((1, 2))]
    chosen = rng.permutation(len(complete))[:MOST]
    return Poses(complete[chosen], len(complete) / len(points))


def lean(points: Array) -> Array:
    """(N,) degrees between up and the line from the middle of the hips to the neck: 0 upright, 180 upside down."""
    line = _at(points, "neck") - (_at(points, "left_hip") + _at(points, "right_hip")) / 2
    return np.degrees(np.abs(np.arctan2(line[:, 0], -line[:, 1])))


def facing(points: Array) -> Array:
    """(N,) how far the left shoulder is right of the right one in the person's own upright, in lengths of the trunk:
    positive for somebody who faces the camera."""
    trunk = _at(points, "neck") - (_at(points, "left_hip") + _at(points, "right_hip")) / 2
    length = np.linalg.norm(trunk, axis=1)
    right = np.stack([-trunk[:, 1], trunk[:, 0]], 1) / np.maximum(length, 1e-6)[:, None]
    across = _at(points, "left_shoulder") - _at(points, "right_shoulder")
    return np.asarray((across * right).sum(1) / np.maximum(length, 1e-6))


def bends(points: Array, joint: str) -> Array:
    """(2 N,) degrees in the picture at an elbow, a knee, a hip or an armpit of both sides: 180 is straight."""
    found = []
    for side in ("left", "right"):
        a, b, c = (_at(points, f"{side}_{part}") for part in _ANGLES[joint])
        first, second = a - b, c - b
        cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        found.append(np.degrees(np.abs(np.arctan2(cross, (first * second).sum(1)))))
    return np.concatenate(found)


def nearest(poses: Array, others: Array) -> Array:
    """(N,) mean distance of joints to the nearest of the other poses, both put on the same middle and size.

    The unit is the root mean square distance of a person's joints from their middle; a pose that is among the others
    itself is not its own neighbour.
    """
    a, b = _normal(poses), _normal(others)
    found = np.empty(len(a))
    for i, pose in enumerate(a):
        distance = np.linalg.norm(b - pose, axis=2).mean(1)
        found[i] = distance[distance > 1e-9].min()
    return found


def _normal(points: Array) -> Array:
    centred = points - points.mean(1, keepdims=True)
    size = np.sqrt((centred**2).sum(2).mean(1))
    return centred / size[:, None, None]


def _at(points: Array, joint: str) -> Array:
    return points[:, LSP14.index(joint)]


def summary(name: str, poses: Poses) -> str:
    """A line of figures."""
    upside = (lean(poses.points) > 120).mean()
    lying = ((lean(poses.points) > 60) & (lean(poses.points) <= 120)).mean()
    bent = {joint: float(np.median(bends(poses.points, joint))) for joint in _ANGLES}
    angles = ", ".join(f"{joint} {angle:.0f}" for joint, angle in bent.items())
    return (
        f"{name}: {len(poses.points)} poses ({poses.share:.0%} of the set complete), trunk level {lying:.1%}, upside "
        f"down {upside:.1%}, facing {(facing(poses.points) > 0).mean():.1%}; median angles: {angles}"
    )


def draw_comparison(sets: Mapping[str, Poses], nearest_of: Mapping[str, Array], path: Path) -> None:
    """Writes a drawing: densities of angles for each set, and how far poses are from their nearest neighbours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((11, 5.2), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    panels: dict[str, tuple[Callable[[Array], Array], tuple[float, float]]] = {
        "trunk from upright": (lean, (0, 180)),
        "shoulders across (1 trunk)": (facing, (-1.2, 1.2)),
        **{f"{joint} (180 straight)": (partial(bends, joint=joint), (0, 180)) for joint in _ANGLES},
    }
    for axis, (title, (measure, limits)) in zip(axes, panels.items(), strict=False):
        for name, poses in sets.items():
            axis.hist(measure(poses.points), 36, range=limits, density=True, histtype="step", label=name, linewidth=1.2)
        axis.set(title=title, yticks=[])
    for name, distances in nearest_of.items():
        axes[6].plot(np.sort(distances), np.linspace(0, 1, len(distances)), label=name, linewidth=1.2)
    axes[6].set(title="distance to the nearest pose", xlim=(0, 0.8))
    axes[7].axis("off")
    axes[7].legend(*axes[0].get_legend_handles_labels(), loc="upper left", frameon=False, title="sets")
    axes[6].legend(fontsize=7, frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")
