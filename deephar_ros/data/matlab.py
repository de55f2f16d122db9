"""MATLAB files up to version 7, which is what the data sets were published in."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from deephar_ros.data.samples import DatasetError


def read_mat(file: Path, source: str, names: list[str] | None = None, structs: bool = False) -> dict[str, Any]:
    """Variables of a file.

    Args:
        source: where a good file is found, for the message.
        names: which variables; None for all.
        structs: structs become objects with fields, and dimensions of 1 vanish.

    Raises:
        DatasetError: it cannot be read.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: dict[str, Any] = loadmat(file, variable_names=names, struct_as_record=not structs, squeeze_me=structs)
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError, zlib.error) as error:
        raise DatasetError(f"{file} is not a MATLAB file that can be read ({error}); take {source}") from error
    missing = set(names or ()) - set(found)
    if missing:
        raise DatasetError(f"{file} has no {', '.join(sorted(missing))}; take {source}")
    return found
