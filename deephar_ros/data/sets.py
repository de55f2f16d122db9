"""The data sets by name: which parts each has, and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast

from deephar_ros.data.samples import Clip, DatasetError, Sample
from deephar_ros.skeleton import PA17, Layout


@dataclass(frozen=True)
class DataSet:
    """A set.

    Attributes:
        module: of `deephar_ros.data`, imported where the set is used.
        loader: function there that gives persons, or clips where the set has actions.
        splits: its parts.
        options: further arguments of the loader.
    """

    module: str
    loader: str
    splits: tuple[str, ...]
    options: dict[str, bool] = field(default_factory=dict)


SETS = {
    "mpii": DataSet("mpii", "load_mpii", ("train", "validation", "all")),
    "lsp": DataSet("lsp", "load_lsp", ("train", "test", "all"), {"extended": False}),
    "lspet": DataSet("lsp", "load_lsp", ("train", "all"), {"extended": True}),
    "penn": DataSet("penn_action", "load_penn_action_clips", ("train", "test", "all"), {"pictures": False}),
    "human36m": DataSet("human36m", "load_human36m", ("train", "validation")),
    "ntu": DataSet("ntu", "load_ntu_clips", ("train", "test")),
    "utd_mhad": DataSet("utd_mhad", "load_utd_mhad_clips", ("train", "test")),
    "synthetic": DataSet("synthetic.reader", "load_synthetic", ("train", "test", "all")),
    "synthetic_tracks": DataSet("synthetic.reader_tracks", "load_synthetic_tracks", ("train", "test", "all")),
    "folder": DataSet("folder", "load_folder_clips", ("train", "validation", "test", "all")),
}


def load_set(name: str, folder: Path, split: str, layout: Layout = PA17) -> Sequence[Sample] | Sequence[Clip]:
    """Persons or clips of one part of a set of `SETS`, its loader's other arguments at their defaults.

    Raises:
        DatasetError: the set has no such part, or as its loader. FileNotFoundError: as its loader.
    """
    data_set = SETS[name]
    if split not in data_set.splits:
        raise DatasetError(f"{name} has no part {split}; it has {', '.join(data_set.splits)}")
    loader = getattr(import_module(f"deephar_ros.data.{data_set.module}"), data_set.loader)
    load = cast("Callable[..., Sequence[Sample] | Sequence[Clip]]", loader)
    return load(folder, split=split, layout=layout, **data_set.options)


def labels_of(name: str, folder: Path) -> tuple[str, ...]:
    """Names of the actions of a set, () for one without."""
    if name == "folder":
        from deephar_ros.data.folder import folder_labels

        return folder_labels(folder)
    if name == "synthetic_tracks":
        from deephar_ros.data.synthetic.reader_tracks import track_labels

        return track_labels(folder)
    return getattr(import_module(f"deephar_ros.data.{SETS[name].module}"), "LABELS", ())
