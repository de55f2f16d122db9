"""Reads the calibration of Human3.6M's cameras: the set's own metadata.xml, or the public JSON table made from it."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import ParseError

import numpy as np

from deephar_ros.data.human36m_camera import Human36MCamera
from deephar_ros.data.samples import DatasetError
from deephar_ros.files import brief, read_json, read_text
from deephar_ros.geometry import Array
from deephar_ros.plain_xml import parse_xml

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
"""Serial numbers, as in the names of the videos, in the order of the file."""

SUBJECTS = tuple(f"S{number}" for number in range(1, 12))

MOST_BYTES = 2**20
"""Of metadata.xml; the set's has some ten thousand."""

POSE_NUMBERS, LENS_NUMBERS = 6, 9
"""Numbers for the place of a camera in the room of a subject, and for its lens, which all subjects share."""

Cameras = dict[tuple[str, str], Human36MCamera]
"""By subject and serial number."""


def read_cameras(path: Path) -> Cameras:
    """The four cameras of the eleven subjects.

    Args:
        path: `metadata.xml`, whose element `w0` holds 300 numbers (SPNET.md section 3.8), or a `.json` with
            `intrinsics` and `extrinsics` as in the public repository karfly/human36m-camera-parameters.

    Raises:
        DatasetError: the file is not one of them.
    """
    try:
        return _from_json(path) if path.suffix == ".json" else _from_xml(path)
    except (LookupError, TypeError, ValueError, OverflowError, ParseError) as error:
        raise DatasetError(f"{path} does not hold the cameras of Human3.6M: {brief(error)}") from error


def _from_xml(path: Path) -> Cameras:
    element = parse_xml(read_text(path, MOST_BYTES)).find(".//w0")
    numbers = np.array(element.text.strip(" []\n").split() if element is not None and element.text else [], np.float64)
    poses = len(CAMERAS) * len(SUBJECTS) * POSE_NUMBERS
    if len(numbers) != poses + len(CAMERAS) * LENS_NUMBERS:
        raise ValueError(f"its element w0 has {len(numbers)} numbers, not 300")
    place = numbers[:poses].reshape(len(CAMERAS), len(SUBJECTS), POSE_NUMBERS)
    lens = numbers[poses:].reshape(len(CAMERAS), LENS_NUMBERS)
    return {
        (subject, camera): _camera(_rotation(place[c, s, :3]), place[c, s, 3:], lens[c])
        for c, camera in enumerate(CAMERAS)
        for s, subject in enumerate(SUBJECTS)
    }


def _from_json(path: Path) -> Cameras:
    table = read_json(path)
    cameras = {}
    for subject in SUBJECTS:
        for camera in CAMERAS:
            matrix = np.array(table["intrinsics"][camera]["calibration_matrix"])
            k1, k2, p1, p2, k3 = table["intrinsics"][camera]["distortion"]  # OpenCV's order
            lens = np.array([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], k1, k2, k3, p1, p2])
            rotation = np.array(table["extrinsics"][subject][camera]["R"])
            shift = np.array(table["extrinsics"][subject][camera]["t"])[:, 0]
            cameras[subject, camera] = _camera(rotation, -rotation.T @ shift, lens)
    return cameras


def _camera(rotation: Array, translation: Array, lens: Array) -> Human36MCamera:
    if rotation.shape != (3, 3) or translation.shape != (3,) or lens.dtype.kind != "f":
        raise ValueError("a camera has not a rotation (3, 3), a place (3,) and a lens of numbers")
    if not all(np.isfinite(part).all() for part in (rotation, translation, lens)):
        raise ValueError("a camera has a number that is not finite")
    return Human36MCamera(rotation, translation, lens[:2], lens[2:4], lens[4:7], lens[7:9], crossed=True)


def _rotation(angles: Array) -> Array:
    """Rx Ry Rz of three angles in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)
