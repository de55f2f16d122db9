"""Plain values, as YAML gives them, into frozen dataclasses; whatever does not fit is refused by its full key."""

from __future__ import annotations

import reprlib
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

LARGEST = 1e15
"""Numbers are smaller; floats hold whole numbers below it exactly."""


class ConfigError(ValueError):
    """A setting that cannot be used; the message names the file, the key and what is wrong with it."""


def build(kind: type[T], values: object, where: str) -> T:
    """A dataclass `kind` from a mapping.

    Args:
        where: what precedes the keys in messages, such as "a.yaml: stages[0]".

    Raises:
        ConfigError: a key is unknown or missing, a value has the wrong type, or the dataclass refuses it (ValueError).
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where} should be a section with keys, not {_shown(values)}")
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{_join(where, key)} is unknown; there are {', '.join(names)}")
    chosen = {key: _value(hints[key], value, _join(where, key)) for key, value in values.items()}
    try:
        return kind(**chosen)
    except TypeError as error:  # "missing 1 required ..."
        raise ConfigError(f"{where.removesuffix(':')}: {str(error).partition(') ')[2] or error}") from error
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{where.removesuffix(':')}: {error}") from error


def _join(where: str, key: object) -> str:
    name = key if isinstance(key, str) and len(key) < 80 else _shown(key)
    return f"{where}{' ' if where.endswith(':') else '.'}{name}"


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _value(next(arg for arg in args if arg is not type(None)), value, where)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{where} is {_shown(value)}; there are {', '.join(map(str, args))}")
        return value
    if origin is tuple:
        items = value if isinstance(value, (list, tuple)) else [value]
        kinds = [args[0]] * len(items) if args[1:] == (...,) else args
        if len(items) != len(kinds):
            raise ConfigError(f"{where} should be {len(kinds)} values, not {_shown(value)}")
        return tuple(_value(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, items, strict=True)))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} should be a section with keys, not {_shown(value)}")
        return {str(key): _value(args[1], item, _join(where, key)) for key, item in value.items()}
    if is_dataclass(hint):
        if isinstance(value, hint):  # type: ignore[arg-type]
            return value  # made by the caller
        return build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int and abs(value) < LARGEST:
        value = float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where} should be of type {hint.__name__}, not {_shown(value)}")
    if hint in (int, float) and not abs(value) < LARGEST:  # nor NaN
        raise ConfigError(f"{where} is {_shown(value)}; numbers up to {LARGEST:g} can be used")
    return value


def _shown(value: object) -> str:
    """A value in a message: as Python writes it, but not at any length."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not write numbers of thousands of digits
        return f"a {type(value).__name__} with a huge number"
