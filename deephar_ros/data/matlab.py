"""MATLAB files up to version 7, which is what the data sets were published in."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from deephar_ros.data.matlab_check import check_mat
from deephar_ros.data.samples import DatasetError
from deephar_ros.files import brief


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

    try:
        content = file.read_bytes()
        check_mat(content)
        found: dict[str, Any] = loadmat(
            BytesIO(content), variable_names=names, struct_as_record=not structs, squeeze_me=structs
        )
    except Exception as error:  # SciPy stumbles over a broken file in any way
        raise DatasetError(f"{file} is not a MATLAB file that can be read ({brief(error)}); take {source}") from error
    missing = set(names or ()) - set(found)
    if missing:
        raise DatasetError(f"{file} has no {', '.join(sorted(missing))}; take {source}")
    return found
