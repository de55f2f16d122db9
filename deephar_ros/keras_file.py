"""Keras weights files (HDF5): nothing but arrays of finite numbers comes out of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from deephar_ros.files import brief

MOST_VALUES = 400_000_000
"""Of all weights of a file, as of the largest network; the authors' files hold up to 40 million."""

Weights = dict[str, NDArray[np.floating]]  # by "layer/weight", for instance "dp1_pb1_conv1/depthwise_kernel"


class KerasImportError(ValueError):
    """A Keras file that is not a whole SPNet; the message lists what is wrong with it."""


def read_weights(path: Path) -> Weights:
    """All weights of a weights file or of a whole saved model.

    Raises:
        KerasImportError: it is neither, or holds other than finite numbers of its own.
    """
    try:
        with h5py.File(path) as file:
            root = file.get("model_weights", file)  # a whole saved model keeps them one level down
            names = [
                (layer, name) for layer in _texts(root, "layer_names") for name in _texts(root[layer], "weight_names")
            ]
            found = {name.removesuffix(":0"): root[layer][name] for layer, name in names}
            if sum(dataset.size for dataset in found.values()) > MOST_VALUES:
                raise KerasImportError(f"{path} holds more than {MOST_VALUES} values; it is no SPNet")
            return {name: _values(dataset, file) for name, dataset in found.items()}
    except KerasImportError:
        raise
    except Exception as error:  # HDF5 stumbles over a broken file in any way
        raise KerasImportError(f"{path} is not a Keras weights file ({brief(error)}); copy it again") from error


def _values(dataset: h5py.Dataset, file: h5py.File) -> NDArray[np.floating]:
    """The values, if they are weights that lie in this file: HDF5 can link to others, which would be read unseen."""
    if dataset.file.filename != file.filename or dataset.external or dataset.is_virtual:
        raise KerasImportError(f"{file.filename}: {dataset.name} lies in another file; take the whole file")
    values = np.asarray(dataset[()])
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise KerasImportError(f"{file.filename}: {dataset.name} holds other than finite numbers; copy the file again")
    return values


def _texts(group: h5py.Group, attribute: str) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else text for text in group.attrs[attribute]]
