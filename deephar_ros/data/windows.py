"""Which part of a picture the released code crops, and how it scales depth (SPNET.md sections 3.3 and 3.4).

`scale` is the augmentation's factor everywhere, 1 in evaluation. Unlike `geometry.Window` these windows are neither
whole pixels nor always square, because the authors' are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deephar_ros.geometry import Array, bounds

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in pixels."""

DEPTH_RANGE = 1000.0
"""Millimetres before and behind the root that [0, 1] spans at scale 1."""


@dataclass(frozen=True)
class CropWindow:
    """A rectangle by its centre and sides, in pixels of the picture."""

    x: float
    y: float
    width: float
    height: float

    @staticmethod
    def of_box(box: Box) -> CropWindow:
        x0, y0, x1, y1 = box
        return CropWindow((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)

    @property
    def box(self) -> Box:
        return (
            self.x - self.width / 2,
            self.y - self.height / 2,
            self.x + self.width / 2,
            self.y + self.height / 2,
        )

    def shifted(self, x: float, y: float) -> CropWindow:
        """Moved by pixels of the picture, for the random shift."""
        return replace(self, x=self.x + x, y=self.y + y)


def mpii_window(objpos: tuple[float, float], person_scale: float, scale: float = 1.0) -> CropWindow:
    """Window of an MPII person from the annotated centre (pixels) and scale (person's height over 200 pixels)."""
    enlarged = 1.25 * person_scale
    side = 200 * scale * enlarged
    return CropWindow(objpos[0], objpos[1] + 12 * enlarged, side, side)


def human36m_window(root: Array, focal: Array, image_size: tuple[int, int], scale: float = 1.0) -> CropWindow:
    """Window of 2.25 (times the picture's relative width) metres about the root.

    The focal length is in pixels already, so the factor `image_size` should not be there: the window is a thousand
    times 2.25 m only because the pictures are about 1000 pixels wide and depth is in millimetres.

    Args:
        root: (3,) column and row in pixels, depth in mm, of the first frame also in clips, as in the released code.
        focal: (2,) pixels.
        image_size: width, height.
    """
    side = 2.25 * scale * max(image_size[0] * focal[0] / root[2], image_size[1] * focal[1] / root[2])
    return CropWindow(root[0], root[1] + scale, side, side)  # the one pixel downwards has no reason but the code


def frame_box(joints: Array, image_size: tuple[int, int], scale: float = 1.0) -> Box:
    """Square of 1.5 times the larger extent of the joints (J, 2) that are not NaN; the whole picture without any."""
    if not np.isfinite(joints).all(-1).any():
        return 0.0, 0.0, float(image_size[0]), float(image_size[1])
    x0, y0, x1, y1 = bounds(joints)
    side = 1.5 * scale * max(x1 - x0, y1 - y0)
    return CropWindow((x0 + x1) / 2, (y0 + y1) / 2, side, side).box


def clip_box(joints: Array, image_size: tuple[int, int], scale: float = 1.0) -> Box:
    """What holds the squares of the first, the middle and the last frame; need not be square itself.

    Args:
        joints: (T, J, 2) pixels of Penn or NTU, NaN where not visible.
    """
    frames = len(joints)
    if frames == 0:
        raise ValueError("a clip of no frames has no box")
    chosen = (0, min(int(frames / 2 + 0.5), frames - 1), frames - 1)  # the middle of one frame would be past the end
    boxes = np.array([frame_box(joints[t], image_size, scale) for t in chosen])
    (x0, y0), (x1, y1) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    return float(x0), float(y0), float(x1), float(y1)


def clip_window(joints: Array, image_size: tuple[int, int], scale: float = 1.0) -> CropWindow:
    """Window of a Penn or NTU clip by its ground truth (T, J, 2); 32 x 32 if a side were shorter than that."""
    window = CropWindow.of_box(clip_box(joints, image_size, scale))
    return replace(window, width=32.0, height=32.0) if min(window.width, window.height) < 32 else window


def image_window(image_size: tuple[int, int], scale: float = 1.0) -> CropWindow:
    """Window of a Penn or NTU clip without boxes: the square about the whole picture."""
    side = scale * max(image_size)
    return CropWindow(image_size[0] / 2, image_size[1] / 2, side, side)


def depth_to_unit(depth: Array, root_depth: float, scale: float = 1.0) -> Array:
    """Camera depth in mm -> the network's z: root at 0.5, [0, 1] for one metre (times scale) on either side of it.

    A clip has one `root_depth`: the first frame's for H36M, the mean over the frames for NTU.
    """
    return (depth - (root_depth - DEPTH_RANGE * scale)) / (2 * DEPTH_RANGE * scale)


def unit_to_depth(z: Array, root_depth: float, scale: float = 1.0) -> Array:
    """Inverse of `depth_to_unit`, in mm."""
    return 2 * DEPTH_RANGE * scale * (z - 0.5) + root_depth
