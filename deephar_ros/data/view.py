"""How a training crop sees a person: drawn by an augmentation, then applied to pictures and joints alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from deephar_ros.data.colour import Colour
from deephar_ros.data.crop import Order, crop, map_points, visible_targets
from deephar_ros.data.resample import Image, warp
from deephar_ros.data.windows import CropWindow, clip_window, depth_to_unit
from deephar_ros.geometry import Array
from deephar_ros.skeleton import Layout


@dataclass(frozen=True)
class Person:
    """One person in the frames of a clip, or in one picture (T = 1).

    Attributes:
        joints: (T, J, 3) columns and rows in pixels, depths in mm; NaN where unknown.
        image_size: width, height.
        window: the data set's evaluation window; None where the rule for clips gives it (SPNET.md section 3.3).
    """

    joints: Array
    image_size: tuple[int, int]
    window: CropWindow | None

    @property
    def evaluation_window(self) -> CropWindow:
        return clip_window(self.joints[..., :2], self.image_size) if self.window is None else self.window


class PillowCrop(NamedTuple):
    """Arguments of `crop` for a view that has to be made as the released code makes it."""

    window: CropWindow
    angle: float
    order: Order


@dataclass(frozen=True)
class View:
    """One random crop, the same for all frames of a clip.

    Attributes:
        matrix: (3, 3) from pixels of the picture to [0, 1], where 1 is the crop's right or bottom edge.
        mirrored: left and right joints change places; `matrix` mirrors already.
        depth_scale: how many times a metre [0, 1] spans on either side of the root.
        over_background: whether another picture fills what lies outside of the picture, if there is one.
        cover: whether something covers a part of the crop; joints behind it stay targets, as occluded ones are.
        faults: whether the picture is that of a bad camera.
        pillow: how Pillow makes the crop, where it shall; None for one affine resampling.
    """

    matrix: Array
    mirrored: bool
    depth_scale: float
    colour: Colour
    over_background: bool = False
    cover: bool = False
    faults: bool = False
    pillow: PillowCrop | None = None

    def targets(self, joints: Array, layout: Layout, root_depth: float) -> NDArray[np.float32]:
        """(..., J, 3) pixels and mm -> what the network shall put out, NaN where the loss must not look."""
        moved = map_points(self.matrix, joints)
        moved[..., 2] = depth_to_unit(joints[..., 2], root_depth, self.depth_scale)
        if self.mirrored:
            moved = moved[..., layout.flip, :]
        return visible_targets(moved).astype(np.float32)


class Reach(NamedTuple):
    """What views of a person can show.

    Attributes:
        least: side of the smallest crop, pixels of the picture.
        most: side of the square about the evaluation window's centre that holds all crops.
    """

    least: float
    most: float


class Augmentation(Protocol):
    """What draws views: `PaperConfig` as the authors do, `AugmentConfig` as we do."""

    def view(self, person: Person, size: int, rng: np.random.Generator) -> View: ...

    def colour(self, rng: np.random.Generator) -> Colour: ...

    def reach(self, window: CropWindow) -> Reach: ...


class Cut(NamedTuple):
    """A picture, or the part of it that a cache keeps.

    Attributes:
        pixels: (h, w, 3) RGB.
        matrix: (3, 3) from pixels of the whole picture to those of `pixels`.
        image_size: width and height of the whole picture.
    """

    pixels: Image
    matrix: Array
    image_size: tuple[int, int]

    @staticmethod
    def whole(pixels: Image) -> Cut:
        return Cut(pixels, np.eye(3), (pixels.shape[1], pixels.shape[0]))

    def to_crop(self, view: View, size: int) -> Array:
        """(2, 3) map from `pixels` to pixels of the view's crop."""
        return size * (view.matrix @ np.linalg.inv(self.matrix))[:2]


def render(cut: Cut, view: View, size: int) -> Image:
    """The view's crop (size, size, 3), its colours not yet changed.

    Raises:
        ValueError: Pillow shall crop what is not a whole picture.
    """
    if view.pillow is None:
        return warp(cut.pixels, cut.to_crop(view, size), size)
    if cut.pixels.shape[1::-1] != cut.image_size:
        raise ValueError("the released code's crops are made of whole pictures, not of a cache's: set exact to false")
    return crop(cut.pixels, view.pillow.window, size, view.pillow.angle, view.mirrored, view.pillow.order)[0]
