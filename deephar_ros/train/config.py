"""What a training run is: a YAML file of config/train as frozen dataclasses. Lengths are in epochs of a stage."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field
from typing import Literal

from deephar_ros.checkpoint import ModelSpec
from deephar_ros.data.augment import AugmentConfig
from deephar_ros.data.seen import MixConfig, SeenConfig
from deephar_ros.model.blocks import BATCH_NORM_MOMENTUM
from deephar_ros.train.losses import CONFIDENCE_WEIGHT

MOST_ITEMS = 65536
"""In a batch."""

Reader = Literal[
    "lsp", "lspet", "mpii", "human36m", "penn", "ntu", "utd_mhad", "folder", "synthetic", "synthetic_tracks"
]  # fmt: skip


def _check(owner: object, **conditions: bool) -> None:
    for name, ok in conditions.items():
        if not ok:
            raise ValueError(f"{name} = {reprlib.repr(getattr(owner, name))} is out of range")


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
        teacher: file with depths of LSP's persons and with their sides put right (`data.lsp.read_teacher`).
        folds, use_folds: only the items whose number modulo `folds` is among `use_folds`.
        labels: the model's action for each of the set's; clips of others are left out. Empty: that of the same
            number; for synthetic tracks, and clips that `features.pose_network` looks at, of the same name.
        only, without: patterns (* and ?) of the names of clips that are taken, or left out.
        clips: of a video, evenly over its length, whose mean is its evaluation; from poses or features only.
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
    teacher: str | None = None
    folds: int = 1
    use_folds: tuple[int, ...] = (0,)
    labels: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ("*",)
    without: tuple[str, ...] = ()
    clips: int = 1

    def __post_init__(self) -> None:
        _check(
            self,
            action_set=self.action_set >= 0,
            spacing=all(spacing >= 1 for spacing in self.spacing) and bool(self.spacing),
            every=self.every >= 1,
            use_folds=all(0 <= fold < self.folds for fold in self.use_folds),
            clips=1 <= self.clips <= 100,
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
        kind: pictures; or, for the action path alone, `poses`: annotated poses without appearance; `seen`: the same as
            the node's network would find them; `network`: what the network of `start` sees, which stays as it is.
        cache: folder for what the network sees of every frame.
        pose_network: with `seen`: checkpoint that looks at the sets of one's own videos (reader `folder`) as the node
            does, so that a run learns from both.
        seen: the errors of poses that are found.
        mixes: bodies put together of two tracks, of sets with depth.
    """

    kind: Literal["pictures", "poses", "seen", "network"] = "pictures"
    cache: str | None = None
    pose_network: str | None = None
    seen: SeenConfig = field(default_factory=SeenConfig)
    mixes: tuple[MixConfig, ...] = ()

    def __post_init__(self) -> None:
        looks = self.kind == "network" or self.pose_network is not None
        seen = self.pose_network is None or self.kind == "seen"
        _check(self, cache=(self.cache is not None) == looks, pose_network=seen)


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
        norm_momentum: share of a batch in the running statistics. Short runs need more than the authors' 0.01.
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
    norm_momentum: float = BATCH_NORM_MOMENTUM
    separate_updates: bool = False
    copy_replica: bool = False
    optimizer: OptimizerConfig | None = None
    schedule: ScheduleConfig | None = None

    def __post_init__(self) -> None:
        _check(
            self,
            epochs=self.epochs > 0,
            epoch_steps=self.epoch_steps >= 1,
            norm_momentum=0 < self.norm_momentum <= 1,
            accumulate=1 <= self.accumulate <= MOST_ITEMS,
            batch=1 <= self.batch <= MOST_ITEMS and self.batch % max(1, self.accumulate) == 0,
            clips=1 <= self.clips <= MOST_ITEMS and self.clips % max(1, min(self.accumulate, self.clips)) == 0,
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
        maps: weight of the divergence between each joint's heat map and the map that says where it is; not in the
            paper (losses.heat_map_loss).
        depth: what an error in z counts as against one in x or y; 1 in the paper.
        coordinates: weight of the cross-entropy between coordinates: 0 in the paper, 0.01 in the released code.
        blocks: supervised prediction blocks: "all", "last", or such as "p1_l2" (pyramid, level).
    """

    confidence: float = CONFIDENCE_WEIGHT
    coordinates: float = 0.0
    maps: float = 0.0
    depth: float = 1.0
    action: float = 0.01
    blocks: tuple[str, ...] = ("all",)

    def __post_init__(self) -> None:
        _check(
            self,
            confidence=self.confidence >= 0,
            coordinates=self.coordinates >= 0,
            maps=self.maps >= 0,
            depth=self.depth >= 0,
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
            pictures=0 <= self.pictures <= 1000,
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
