"""What a training run is: a YAML file of config/train as frozen dataclasses. Lengths are in epochs of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from deephar_ros.checkpoint import ModelSpec, spec_from_dict
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.train.losses import CONFIDENCE_WEIGHT
from deephar_ros.train.strict import ConfigError, build

Reader = Literal["lsp", "lspet", "mpii", "human36m", "penn", "ntu", "utd_mhad", "folder"]


def _check(owner: object, **conditions: bool) -> None:
    for name, ok in conditions.items():
        if not ok:
            raise ValueError(f"{name} = {getattr(owner, name)!r} is out of range")


@dataclass(frozen=True)
class SetConfig:
    """A data set, or a part of one.

    Attributes:
        name: what the stages call it.
        folder: below the folder given as --data.
        split: as its reader understands it, such as "train" or "validation".
        action_set: which of the network's action sets its labels belong to.
        spacing: frames of the video from one frame of a clip to the next, one of them drawn for each clip.
        every: of the frames of videos that become pictures for pose training.
        pictures: whether Penn Action's pictures have to be there; not so for poses alone.
        least_joints: persons with fewer annotated joints are left out.
        rows: only these, as a slice of Python; 0 as the end is the end.
        protocol: which of NTU's splits.
        folds, use_folds: only the items whose number modulo `folds` is among `use_folds`.
    """

    name: str
    reader: Reader
    folder: str
    split: str = "train"
    action_set: int = 0
    spacing: tuple[int, ...] = (6,)
    every: int = 1
    pictures: bool = True
    least_joints: int = 1
    rows: tuple[int, int] = (0, 0)
    protocol: Literal["cross_subject", "cross_view"] = "cross_subject"
    folds: int = 1
    use_folds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        _check(
            self,
            action_set=self.action_set >= 0,
            spacing=all(spacing >= 1 for spacing in self.spacing) and bool(self.spacing),
            every=self.every >= 1,
            use_folds=all(0 <= fold < self.folds for fold in self.use_folds),
        )


@dataclass(frozen=True)
class AugmentSection:
    """How crops vary: as the authors' did for each data set, or by ranges of our own.

    Attributes:
        exact: the authors' crops bit by bit, by Pillow; slower.
        on_device: render whole batches on the device that trains, instead of in the workers. Not with `exact`, gray or
            blur.
    """

    kind: Literal["paper", "ours"] = "paper"
    exact: bool = False
    on_device: bool = False
    ours: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True)
class DataConfig:
    """Data sets by name; `validation` names those that are evaluated while training.

    Attributes:
        backgrounds: folder with pictures without people, below --data.
        empty: share of pose items that are such pictures, for the confidence.
        cache: folder for decoded pictures, cut down to what crops need: made once, read by mapping; None: decode anew.
    """

    sets: tuple[SetConfig, ...] = ()
    validation: tuple[str, ...] = ()
    backgrounds: str | None = None
    empty: float = 0.0
    cache: str | None = None

    def __post_init__(self) -> None:
        names = [s.name for s in self.sets]
        _check(self, empty=0 <= self.empty < 1, validation=set(self.validation) <= set(names))
        if len(set(names)) < len(names):
            raise ValueError(f"sets: names {names} must differ")


@dataclass(frozen=True)
class FeaturesConfig:
    """What action batches are made of.

    Attributes:
        kind: pictures; or, for the action path alone, `poses`: annotated poses without appearance; `network`: what the
            network of `start` sees, which stays as it is.
        cache: folder for what the network sees of every frame.
    """

    kind: Literal["pictures", "poses", "network"] = "pictures"
    cache: str | None = None

    def __post_init__(self) -> None:
        _check(self, cache=(self.cache is not None) == (self.kind == "network"))


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights are moved. The paper's are `rmsprop` and `sgd` (Nesterov, momentum 0.9), without the rest.

    Attributes:
        clip: largest norm of the gradient; 0: any.
    """

    kind: Literal["adamw", "rmsprop", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        _check(
            self,
            learning_rate=self.learning_rate > 0,
            weight_decay=self.weight_decay >= 0,
            clip=self.clip >= 0,
        )


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate changes: in `steps` times `factor` at each of `drops`, or as a cosine to zero.

    Attributes:
        warm_up: epochs in which the rate rises linearly from nothing.
    """

    kind: Literal["constant", "steps", "cosine"] = "constant"
    warm_up: float = 0.0
    drops: tuple[float, ...] = ()
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check(
            self,
            warm_up=self.warm_up >= 0,
            drops=list(self.drops) == sorted(self.drops) and bool(self.drops) == (self.kind == "steps"),
            factor=0 < self.factor <= 1,
        )


@dataclass(frozen=True)
class StageConfig:
    """One stage of training. A step takes one batch of pictures, one of clips, or one of each.

    Attributes:
        pose: what the pictures of a pose batch are: shares by name of set; none: no pose batches.
        action: the same for the clips of an action batch.
        batch, clips: pictures in a pose batch, clips in an action batch; of all processes together.
        accumulate: parts in which a batch goes through the network, to save memory. Batch normalisation sees a part.
        train: which weights. `action`: the action path only, as in the released code without the replica poses.
        frozen_norm: how the batch normalisation of weights that are not trained works. `running`: by its running
            statistics, as in use. `batch`: by the batch's, without changing the running ones, as Keras 2.1.4 did.
        fixed_norm: all batch normalisation by running statistics: exact with small or divided batches.
        separate_updates: first an update by the pose loss and then one by the action loss, each with moments of its
            own, as in the released code; else one update by their sum.
        copy_replica: begin by copying the heat and depth maps' weights to the replicas that the action path reads.
        optimizer, schedule: instead of the run's own.
    """

    name: str
    epochs: float
    epoch_steps: int
    pose: dict[str, float] = field(default_factory=dict)
    action: dict[str, float] = field(default_factory=dict)
    batch: int = 32
    clips: int = 4
    accumulate: int = 1
    train: Literal["all", "action"] = "all"
    frozen_norm: Literal["running", "batch"] = "running"
    fixed_norm: bool = False
    separate_updates: bool = False
    copy_replica: bool = False
    optimizer: OptimizerConfig | None = None
    schedule: ScheduleConfig | None = None

    def __post_init__(self) -> None:
        _check(
            self,
            epochs=self.epochs > 0,
            epoch_steps=self.epoch_steps >= 1,
            batch=self.batch >= 1 and self.batch % self.accumulate == 0,
            clips=self.clips >= 1 and self.clips % min(self.accumulate, self.clips) == 0,
            accumulate=self.accumulate >= 1,
            pose=all(share > 0 for share in self.pose.values()),
            action=all(share > 0 for share in self.action.values()) and bool(self.pose or self.action),
            train=self.train == "all" or not self.pose,
        )

    @property
    def steps(self) -> int:
        return round(self.epochs * self.epoch_steps)


@dataclass(frozen=True)
class LossConfig:
    """What is minimised (SPNET.md section 3.6).

    Attributes:
        coordinates: weight of the cross-entropy between coordinates: 0 in the paper, 0.01 in the released code.
        blocks: supervised prediction blocks: "all", "last", or such as "p1_l2" (pyramid, level).
    """

    confidence: float = CONFIDENCE_WEIGHT
    coordinates: float = 0.0
    action: float = 0.01
    blocks: tuple[str, ...] = ("all",)

    def __post_init__(self) -> None:
        _check(
            self,
            confidence=self.confidence >= 0,
            coordinates=self.coordinates >= 0,
            action=self.action > 0,
            blocks=bool(self.blocks),
        )


@dataclass(frozen=True)
class RuntimeConfig:
    """What changes speed more than results.

    Attributes:
        bfloat16: convolutions in bfloat16 (autocast); losses, weights and their updates stay in float32.
        synchronise_norm: batch statistics over all GPUs; without it each process normalises by its own part.
        workers: processes that load pictures, for each process that trains.
    """

    bfloat16: bool = True
    channels_last: bool = True
    compile: bool = False
    synchronise_norm: bool = False
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self, workers=0 <= self.workers <= 256, seed=self.seed >= 0)


@dataclass(frozen=True)
class LoggingConfig:
    """When to look and save. The state is saved every so many minutes, every so many images, and at a stage's end.

    Attributes:
        validate_epochs: epochs between two evaluations, each with a line in the log and a checkpoint.
        pictures: how many pictures with predictions TensorBoard gets each time.
    """

    validate_epochs: float = 1.0
    save_minutes: float = 10.0
    save_images: int = 0
    tensorboard: bool = False
    pictures: int = 8

    def __post_init__(self) -> None:
        _check(
            self,
            validate_epochs=self.validate_epochs > 0,
            save_minutes=self.save_minutes > 0,
            save_images=self.save_images >= 0,
            pictures=self.pictures >= 0,
        )


@dataclass(frozen=True)
class RunConfig:
    """All of a run.

    Attributes:
        average: decay of the running average of the weights, which then is what is evaluated and saved; 0: none.
        start: checkpoint folder whose weights, where names and shapes agree, are the first weights.
    """

    model: ModelSpec
    stages: tuple[StageConfig, ...]
    data: DataConfig = field(default_factory=DataConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    augment: AugmentSection = field(default_factory=AugmentSection)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    average: float = 0.0
    start: str | None = None

    def __post_init__(self) -> None:
        _check(self, average=0 <= self.average < 1, stages=bool(self.stages))
        known = {s.name for s in self.data.sets}
        for stage in self.stages:
            unknown = sorted((set(stage.pose) | set(stage.action)) - known)
            if unknown:
                raise ValueError(f"stage {stage.name} names data sets {unknown}; there are {sorted(known)}")
            if stage.action and not self.model.network.num_actions:
                raise ValueError(f"stage {stage.name} trains actions, which the network does not have")
            if self.features.kind != "pictures" and stage.train != "action":
                raise ValueError(f"stage {stage.name}: from {self.features.kind} only train: action is possible")
        if self.features.kind == "network" and self.start is None:
            raise ValueError("features.kind is network, but start names no checkpoint")


def load_config(path: Path, changes: Sequence[str] = ()) -> RunConfig:
    """Reads a YAML file, and first the one that its entry `base` names, whose values it changes key by key.

    Args:
        changes: values put in place of the file's, such as "model.network.growth=32" or "stages.0.epochs=2".

    Raises:
        ConfigError: as `strict.build`; also for YAML that cannot be parsed.
    """
    values = _read(path)
    for change in changes:
        _change(values, change)
    if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
        raise ConfigError(f"{path}: section model is missing")
    try:
        values["model"] = read_model(values["model"], path.parent)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"{path}: model: {error}") from error
    return build(RunConfig, values, f"{path}:")


def read_model(values: dict[str, Any], folder: Path) -> ModelSpec:
    """A model section: as in a checkpoint's config.yaml, but `preset` names a network that `network` changes, and a
    set of labels may be a text file (path from `folder`) with a name per line."""
    values = dict(values)
    preset = values.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is unknown; there are {', '.join(PRESETS)}")
    base = {} if preset is None else asdict(PRESETS[preset])
    labels = [(folder / s).read_text().splitlines() if isinstance(s, str) else s for s in values.pop("labels", ())]
    unknown = sorted(set(values.get("network", {})) - set(asdict(SPNetConfig())))
    if unknown:
        raise ValueError(f"network.{unknown[0]} is unknown")
    spec = spec_from_dict({**values, "network": {**base, **values.get("network", {})}, "labels": labels})
    if spec.input_size < 2 * spec.network.size_multiple:
        raise ValueError(f"input_size = {spec.input_size} leaves one cell at the coarsest level; two are needed")
    return spec


def _read(path: Path) -> Any:
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if isinstance(values, dict) and "base" in values:
        return _merged(_read(path.parent / str(values.pop("base"))), values)
    return values


def _merged(below: Any, above: Any) -> Any:
    """`above`, and of sections what only `below` has; lists are taken whole."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _change(values: Any, change: str) -> None:
    """Puts a value (YAML) at a path of keys and numbers."""
    key, equals, value = change.partition("=")
    *path, last = key.split(".")
    try:
        for part in path:
            values = values[int(part)] if isinstance(values, list) else values.setdefault(part, {})
        values[int(last) if isinstance(values, list) else last] = yaml.safe_load(value)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"--set {change}: there is no such key") from error
    if not equals:
        raise ConfigError(f"--set {change}: should be KEY=VALUE")
