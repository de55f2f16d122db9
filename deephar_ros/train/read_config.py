"""Reads the YAML file of a training run."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deephar_ros.checkpoint import ModelSpec, spec_from_dict
from deephar_ros.files import MOST_YAML, FileError, parse_yaml, read_text, read_yaml
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.strict import ConfigError, build
from deephar_ros.train.config import RunConfig


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
    sets = values.pop("labels", ())
    labels = [read_text(folder / s, MOST_YAML).splitlines() if isinstance(s, str) else s for s in sets]
    unknown = sorted(set(values.get("network", {})) - set(asdict(SPNetConfig())))
    if unknown:
        raise ValueError(f"network.{unknown[0]} is unknown")
    spec = spec_from_dict({**values, "network": {**base, **values.get("network", {})}, "labels": labels})
    if spec.input_size < 2 * spec.network.size_multiple:
        raise ValueError(f"input_size = {spec.input_size} leaves one cell at the coarsest level; two are needed")
    return spec


def _read(path: Path, above: tuple[Path, ...] = ()) -> Any:
    """The values of a file and of those below it; `above` are the files that it is the base of."""
    try:
        values, place = read_yaml(path), path.resolve()
    except FileError as error:
        raise ConfigError(str(error)) from error
    if place in above:
        raise ConfigError(f"{path}: base: the file is based on itself")
    if isinstance(values, dict) and "base" in values:
        base = path.parent / str(values.pop("base"))
        return _merged(_read(base, (*above, place)), values)
    return values


def _merged(below: Any, above: Any) -> Any:
    """`above`, and of sections what only `below` has; lists are taken whole."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _change(values: Any, change: str) -> None:
    """Puts a value (YAML) at a path of keys and numbers."""
    shown = change if change.isprintable() and len(change) < 80 else reprlib.repr(change)
    key, equals, value = change.partition("=")
    *path, last = key.split(".")
    try:
        for part in path:
            values = values[int(part)] if isinstance(values, list) else values.setdefault(part, {})
        values[int(last) if isinstance(values, list) else last] = parse_yaml(value, key)
    except FileError as error:
        raise ConfigError(f"--set {shown}: {error}") from error
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"--set {shown}: there is no such key") from error
    if not equals:
        raise ConfigError(f"--set {shown}: should be KEY=VALUE")
