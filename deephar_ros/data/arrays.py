"""Arrays of numbers from npz files, within limits and without pickle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.samples import DatasetError
from deephar_ros.files import brief

MOST_BYTES = 2**30
"""Of all arrays of a file together, uncompressed."""


def read_npz(path: Path, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """Arrays by name, all of them or those of `names`.

    Raises:
        DatasetError: one is missing, does not hold numbers, or the file is broken or too large.
    """
    try:
        with ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MOST_BYTES:
            raise DatasetError(f"{path} unpacks to {size} bytes, more than the {MOST_BYTES} that are read; divide it")
        with np.load(path) as file:
            found = {name: file[name] for name in names or file.files}
    except DatasetError:
        raise
    except Exception as error:  # zip, zlib and NumPy stumble over a broken file in any way
        raise DatasetError(
            f"{path} is not an npz file with {names or 'arrays'} ({brief(error)}); copy it again"
        ) from error
    for name, array in found.items():
        if array.dtype.kind not in "biuf":
            raise DatasetError(f"{path}: {name} holds {array.dtype}, not numbers; copy the file again")
    return found
