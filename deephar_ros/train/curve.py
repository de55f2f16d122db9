"""Accuracy against time when the network is cut after each prediction block (the paper's figure 9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from deephar_ros.model.spnet import SPNet
from deephar_ros.train.protocols import Score


@dataclass(frozen=True)
class Point:
    """One cut.

    Attributes:
        block: the last block kept.
        accuracy: of that block, in the score's unit.
        milliseconds: median per frame, of the network alone.
        quartiles: of the same.
        frames_per_second: at the median.
    """

    block: str
    accuracy: float
    milliseconds: float
    quartiles: tuple[float, float]
    frames_per_second: float


def cut_calls(
    net: SPNet, blocks: Sequence[str], size: int, batch: int, clip_frames: int, device: torch.device
) -> dict[str, Callable[[], object]]:
    """For each block a call that runs the network up to it, ready to be timed.

    Args:
        blocks: names such as p2_l1.
        size: side of the input, pixels.
        batch: frames per call, or clips if `clip_frames`.
        clip_frames: frames of a clip, to time actions; 0 to time poses of single frames.
    """
    shape = (batch, clip_frames, 3, size, size) if clip_frames else (batch, 3, size, size)
    images = torch.rand(shape, device=device) * 2 - 1
    net = net.eval().to(device)
    return {block: _call(net, block, images) for block in blocks}


def curve(score: Score, times: Mapping[str, Sequence[float]], frames: int) -> list[Point]:
    """Joins accuracy and time.

    Args:
        score: has every block that is in `times`.
        times: milliseconds of each call, by block.
        frames: that go through the network in one call.
    """
    means = {block.block: block.mean for block in score.blocks}
    points = []
    for block, milliseconds in times.items():
        low, middle, high = (float(value) for value in np.percentile(milliseconds, [25, 50, 75]) / frames)
        points.append(Point(block, means[block], middle, (low, high), 1000 / middle))
    return points


def curve_to_dict(points: Sequence[Point], score: Score, machine: Mapping[str, object]) -> dict[str, object]:
    """Ready for JSON."""
    return {
        "data": score.data,
        "measure": score.measure,
        "unit": score.unit,
        "machine": dict(machine),
        "points": [asdict(point) for point in points],
    }


def draw_curve(points: Sequence[Point], score: Score, machine: str, path: Path) -> None:
    """Writes the plot as PNG: time per frame to the right, accuracy upwards, a dot for each cut."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    times = np.array([point.milliseconds for point in points])
    spread = np.abs(np.array([point.quartiles for point in points]).T - times)
    axes.errorbar(times, [point.accuracy for point in points], xerr=spread, fmt="o-", capsize=3, linewidth=1)
    for point in points:
        place = (point.milliseconds, point.accuracy)
        axes.annotate(point.block, place, textcoords="offset points", xytext=(5, -10), fontsize=8)
    axes.set_xlabel("milliseconds per frame (median, quartiles), network only")
    axes.set_ylabel(f"{score.measure}, {score.unit}")
    axes.set_title(f"{score.data}, {score.count} samples; {machine}", fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def draw_confusion(score: Score, path: Path) -> None:
    """Writes the confusion matrix as PNG: rows are the true labels, each divided by its number of videos."""
    from matplotlib.figure import Figure

    counts = np.array(score.confusion, float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    labels = list(score.best.parts)
    side = 3 + 0.28 * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=6, color=colour)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{score.data}: {score.best.mean:.1f} % of {score.count}", fontsize=9)
    figure.savefig(path, dpi=150)


def _call(net: SPNet, block: str, images: torch.Tensor) -> Callable[[], object]:
    pyramid, level = (int(part[1:]) for part in block.split("_"))
    last = net.config.stages[-1]
    cut = net if (pyramid, level) == (last.pyramid, last.level) else net.cut(pyramid, level)

    @torch.inference_mode()
    def call() -> object:
        output = cut(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        return output

    return call
