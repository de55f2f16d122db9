"""What predictions are worth, by the rules of each data set: the paper's own and the ones usual in the field.

| set | `paper` (SPNET.md section 3.7) | `usual` |
|---|---|---|
| all | the best block on the test data counts | the last block counts |
| MPII | PCKh@0.5 | PCKh@0.5 |
| LSP | not in the paper | PCK@0.2 of the torso |
| Human3.6M | MPJPE, PA-MPJPE; camera inverted in one step | protocols 1 (MPJPE), 2 (PA-MPJPE); exactly |
| actions | accuracy | accuracy |

Both protocols of Human3.6M give the network the true depth of the root. Their joints differ: the paper's 17 hold the
pelvis twice and lack the neck of the usual 17, so samples have to be read for the protocol (`human36m.JOINTS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.human36m_camera import Human36MCamera
from deephar_ros.data.samples import Sample
from deephar_ros.data.windows import unit_to_depth
from deephar_ros.depth import locate
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout
from deephar_ros.train.evaluate import Actions, Poses
from deephar_ros.train.metrics import (
    accuracy,
    aligned_errors,
    class_accuracy,
    confusion_matrix,
    joint_errors,
    pckh,
    pckh_by_joint,
    torso_pck,
)

Protocol = Literal["paper", "usual"]
INVERSION_STEPS = 4
"""Each takes the error of the camera's one-step inverse down by a factor of about a thousand."""


@dataclass(frozen=True)
class BlockScore:
    """What one prediction block reached.

    Attributes:
        parts: by joint or by class; NaN where nothing is annotated.
        activities: by activity, where the set tells.
    """

    block: str
    mean: float
    parts: dict[str, float]
    activities: dict[str, float]


@dataclass(frozen=True)
class Score:
    """One measure on one set.

    Attributes:
        unit: "%" (more is better) or "mm" (less is better).
        rule: how the numbers came about, in words.
        count: of persons or videos.
        reported: place in `blocks` of the one that counts by the protocol.
        confusion: (C, C) counts of the reported block, rows true; empty for poses.
    """

    data: str
    measure: str
    unit: str
    protocol: str
    rule: str
    count: int
    blocks: tuple[BlockScore, ...]
    reported: int
    confusion: tuple[tuple[int, ...], ...] = ()

    @property
    def best(self) -> BlockScore:
        """The block that counts."""
        return self.blocks[self.reported]


def score_torso_pck(poses: Poses, samples: Sequence[Sample], data: str) -> Score:
    """PCK@0.2 of the torso, mean over the joints."""
    truth, layout = _pixels(samples), samples[0].layout

    def block(joints: Array, name: str) -> BlockScore:
        parts = torso_pck(joints[..., :2], truth, layout)
        return BlockScore(name, float(np.nanmean(parts)), _named(layout, parts), {})

    return _score(poses, block, data, "PCK@0.2 of the torso", "%", "usual", "mean over joints", len(samples))


def score_pckh(poses: Poses, samples: Sequence[Sample], data: str, protocol: Protocol) -> Score:
    """PCKh@0.5 over all joints of all persons."""
    truth, layout, head = _pixels(samples), samples[0].layout, np.array([sample.head for sample in samples])

    def block(joints: Array, name: str) -> BlockScore:
        parts = pckh_by_joint(joints[..., :2], truth, head, layout)
        return BlockScore(name, pckh(joints[..., :2], truth, head, layout), _named(layout, parts), {})

    rule = "over all annotated joints but pelvis and thorax"
    return _score(poses, block, data, "PCKh@0.5", "%", protocol, rule, len(samples))


def score_camera_space(poses: Poses, samples: Sequence[Sample], data: str) -> list[Score]:
    """MPJPE and PA-MPJPE of persons all of whose joints are seen, and the error of their distance.

    Poses become metres as in the node: without calibration for the two errors (weak perspective, the size of an average
    body), with it for the distance of the pelvis.

    Args:
        samples: with camera and root depth.
    """
    layout = samples[0].layout
    whole = [i for i, sample in enumerate(samples) if np.isfinite(sample.joints).all()]
    chosen = [samples[i] for i in whole]
    truth = np.stack([_camera_millimetres(sample) for sample in chosen])

    def found(joints: Array, confidence: Array, calibrated: bool) -> Array:
        places = [
            locate(one[:, :2], 2 * one[:, 2], sure, layout, sample.camera if calibrated else None, None, (0, 0))[0]
            for one, sure, sample in zip(joints[whole], confidence[whole], chosen, strict=True)
        ]
        return 1000 * np.stack(places)

    def score(measure: str, unit: str, rule: str, errors: Callable[[Array, Array], Array]) -> Score:
        blocks = []
        for name, joints, confidence in zip(poses.blocks, poses.joints, poses.confidence, strict=True):
            each = errors(joints.astype(np.float64), confidence)
            parts = _named(layout, each.mean(0)) if each.ndim == 2 else {}
            blocks.append(BlockScore(name, float(each.mean() if each.ndim == 2 else np.median(each)), parts, {}))
        return Score(data, measure, unit, "usual", rule, len(chosen), tuple(blocks), len(blocks) - 1)

    def distance(joints: Array, confidence: Array) -> Array:
        there = truth[:, layout.index("pelvis"), 2]
        return 100 * np.abs(found(joints, confidence, True)[:, layout.index("pelvis"), 2] - there) / there

    plain = "persons seen whole, no calibration, size of an average body"
    return [
        score("MPJPE", "mm", plain, lambda j, c: joint_errors(found(j, c, False), truth, layout)),
        score("PA-MPJPE", "mm", plain, lambda j, c: aligned_errors(found(j, c, False), truth)),
        score("distance of the pelvis, median error", "% off", "calibrated, size of an average body", distance),
    ]


def _camera_millimetres(sample: Sample) -> Array:
    """(J, 3) from pixels and depth."""
    assert sample.camera is not None
    rays = sample.camera.rays(sample.joints[:, :2])
    return np.column_stack([rays * sample.joints[:, 2:], sample.joints[:, 2]])


def score_human36m(
    poses: Poses, samples: Sequence[Sample], cameras: Sequence[Human36MCamera], data: str, protocol: Protocol
) -> list[Score]:
    """MPJPE and PA-MPJPE by the protocol, per joint and per activity.

    Args:
        samples: of subjects S9 and S11, in the joints of the protocol (module docstring).
        cameras: of each sample.
    """
    layout = samples[0].layout
    roots = np.array([sample.root_depth for sample in samples])
    truth = np.stack([_exact(camera, sample.joints) for sample, camera in zip(samples, cameras, strict=True)])
    invert = Human36MCamera.unproject if protocol == "paper" else _exact
    joints = f"{len(layout)} joints of the {'released code' if protocol == 'paper' else 'field'}, root included"

    def world(found: Array) -> Array:
        pixels = found.astype(np.float64)
        pixels[..., 2] = unit_to_depth(pixels[..., 2], roots[:, None])  # type: ignore[arg-type]
        return np.stack([invert(camera, points) for camera, points in zip(cameras, pixels, strict=True)])

    def block(errors: Callable[[Array], Array]) -> Callable[[Array, str], BlockScore]:
        def score(found: Array, name: str) -> BlockScore:
            each = errors(world(found))
            return BlockScore(name, float(each.mean()), _named(layout, each.mean(0)), _by_activity(each, samples))

        return score

    def score(measure: str, errors: Callable[[Array], Array]) -> Score:
        rule = f"{joints}, true depth of the root"
        return _score(poses, block(errors), data, measure, "mm", protocol, rule, len(samples))

    numbers = ("", "") if protocol == "paper" else (" (protocol 1)", " (protocol 2)")
    return [
        score(f"MPJPE{numbers[0]}", lambda found: joint_errors(found, truth, layout)),
        score(f"PA-MPJPE{numbers[1]}", lambda found: aligned_errors(found, truth)),
    ]


def score_actions(
    actions: Actions, truth: Sequence[int], labels: Sequence[str], data: str, rule: str, protocol: Protocol
) -> Score:
    """Accuracy over all videos, per class, and the confusion matrix of the block that counts.

    Args:
        truth: per video its place in `labels`.
        rule: which clips of a video were looked at, in words.
    """

    def confusion(distributions: Array) -> NDArray[np.int64]:
        return confusion_matrix(np.array(truth, np.int64), distributions.argmax(-1), len(labels))

    blocks = []
    for name, distributions in zip(actions.blocks, actions.distributions, strict=True):
        counts = confusion(distributions)
        parts = dict(zip(labels, class_accuracy(counts).tolist(), strict=True))
        blocks.append(BlockScore(name, accuracy(counts), parts, {}))
    chosen = _choose(blocks, "%", protocol)
    matrix = tuple(tuple(row) for row in confusion(actions.distributions[chosen]).tolist())
    return Score(data, "accuracy", "%", protocol, rule, len(truth), tuple(blocks), chosen, matrix)


def score_to_dict(score: Score) -> dict[str, Any]:
    """Ready for JSON, NaN as None."""
    return _plain(asdict(score))


def score_from_dict(values: dict[str, Any]) -> Score:
    """The inverse of `score_to_dict`."""
    blocks = tuple(
        BlockScore(block["block"], _number(block["mean"]), _numbers(block["parts"]), _numbers(block["activities"]))
        for block in values["blocks"]
    )
    confusion = tuple(tuple(row) for row in values["confusion"])
    return Score(**{**values, "blocks": blocks, "confusion": confusion})


def _score(
    poses: Poses,
    block: Callable[[Array, str], BlockScore],
    data: str,
    measure: str,
    unit: str,
    protocol: Protocol,
    rule: str,
    count: int,
) -> Score:
    blocks = [block(joints, name) for joints, name in zip(poses.joints, poses.blocks, strict=True)]
    return Score(data, measure, unit, protocol, rule, count, tuple(blocks), _choose(blocks, unit, protocol))


def _choose(blocks: Sequence[BlockScore], unit: str, protocol: str) -> int:
    """Place of the block that is reported: the paper's is the best one on the test data itself."""
    if protocol == "usual":
        return len(blocks) - 1
    means = [block.mean for block in blocks]
    return int(np.nanargmin(means) if unit == "mm" else np.nanargmax(means))


def _exact(camera: Human36MCamera, pixels: Array) -> Array:
    """(..., 3) pixels and depth -> (..., 3) world mm that `camera.project` takes back to where they were."""
    world = camera.unproject(pixels)
    start = world
    for _ in range(INVERSION_STEPS):
        world = world + start - camera.unproject(camera.project(world))
    return world


def _pixels(samples: Sequence[Sample]) -> Array:
    return np.stack([sample.joints[:, :2] for sample in samples])


def _named(layout: Layout, values: Array) -> dict[str, float]:
    return dict(zip(layout.joints, values.tolist(), strict=True))


def _by_activity(errors: Array, samples: Sequence[Sample]) -> dict[str, float]:
    activities = np.array([sample.activity for sample in samples])
    return {name: float(errors[activities == name].mean()) for name in dict.fromkeys(activities.tolist()) if name}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _numbers(values: dict[str, float | None]) -> dict[str, float]:
    return {key: _number(value) for key, value in values.items()}
