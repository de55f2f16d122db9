"""The authors' random changes, data set by data set (SPNET.md sections 2 and 3.2 to 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deephar_ros.data.colour import Colour
from deephar_ros.data.crop import Order, crop_map
from deephar_ros.data.view import Person, PillowCrop, Reach, View
from deephar_ros.data.windows import CropWindow, clip_window
from deephar_ros.geometry import Array


@dataclass(frozen=True)
class PaperConfig:
    """What is drawn from; every value of a range is as likely as any other.

    Attributes:
        angle: largest rotation to either side, degrees.
        angle_step: between the angles.
        scales: of the window's side.
        shift: largest shift along x and y to either side, pixels of the picture at scale 1.
        shift_step: between the shifts.
        flip: share of mirrored crops.
        power: least and largest exponent of a colour channel.
        power_step: between the exponents.
        smallest: side that takes the place of a shorter one, pixels.
        drop: pixels that the window moves down per unit of scale.
        order: what comes first, mirroring or resizing; of no consequence but for rounding.
        exact: let Pillow make the crops, as the released code does, bit by bit. Several times slower.
    """

    angle: float = 40.0
    angle_step: float = 5.0
    scales: tuple[float, ...] = (0.7, 1.0, 1.3)
    shift: tuple[float, float] = (0.0, 0.0)
    shift_step: tuple[float, float] = (5.0, 5.0)
    flip: float = 0.5
    power: tuple[float, float] = (0.90, 1.10)
    power_step: float = 0.02
    smallest: float = 0.0
    drop: float = 0.0
    order: Order = "resize_flip"
    exact: bool = False

    def view(self, person: Person, size: int, rng: np.random.Generator) -> View:
        """A random view of the person; the size of the crop plays no part."""
        return view_of(self, person, draw(self, rng))

    def colour(self, rng: np.random.Generator) -> Colour:
        red, green, blue = rng.choice(_range(*self.power, self.power_step), 3)
        return Colour((float(red), float(green), float(blue)))

    def reach(self, window: CropWindow) -> Reach:
        largest, side = max(self.scales), max(window.width, window.height, self.smallest)
        angle = np.deg2rad(min(self.angle, 45.0))
        return Reach(min(self.scales) * side, largest * (side * (np.cos(angle) + np.sin(angle)) + 2 * max(self.shift)))


MPII = PaperConfig()
HUMAN36M = PaperConfig(
    # The steps of the shifts are not in our sources; these fit the ranges.
    angle=10.0, scales=(0.8, 1.0, 1.2), shift=(20.0, 4.0), shift_step=(5.0, 1.0), drop=1.0, order="flip_resize"
)  # fmt: skip
PENN_FRAMES = PaperConfig(scales=(0.7, 1.0, 1.3, 2.0), shift=(40.0, 10.0), smallest=32.0)
PENN_CLIPS = PaperConfig(angle=30.0, shift=(40.0, 10.0), smallest=32.0)
NTU_FRAMES = replace(PENN_FRAMES, angle=10.0)
NTU_CLIPS = replace(PENN_CLIPS, angle=0.0)

PENN_SPACINGS = (4, 6, 8)
"""Frames of the video from one frame of a training clip to the next; 6 in evaluation."""
NTU_SPACINGS = (3, 4, 5)
"""The same for NTU, of whose frames every second one is kept; 4 in evaluation."""


@dataclass(frozen=True)
class Parameters:
    """One draw; the defaults are those of evaluation. Units as in `PaperConfig`, angles counter-clockwise."""

    angle: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False
    colour: Colour = field(default_factory=Colour)


def draw(config: PaperConfig, rng: np.random.Generator) -> Parameters:
    """Random parameters within the configured ranges."""
    x, y = (
        float(rng.choice(_range(-limit, limit, step)))
        for limit, step in zip(config.shift, config.shift_step, strict=True)
    )
    return Parameters(
        angle=float(rng.choice(_range(-config.angle, config.angle, config.angle_step))),
        scale=float(rng.choice(config.scales)),
        shift=(x, y),
        flip=bool(rng.random() < config.flip),
        colour=config.colour(rng),
    )


def view_of(config: PaperConfig, person: Person, parameters: Parameters) -> View:
    """What the released code does with these parameters: nothing is random here."""
    scale, (x, y) = parameters.scale, parameters.shift
    window = _window(config, person, scale).shifted(scale * x, scale * y)
    _, matrix = crop_map(person.image_size, window, parameters.angle, parameters.flip)
    pillow = PillowCrop(window, parameters.angle, config.order) if config.exact else None
    return View(matrix, parameters.flip, scale, parameters.colour, pillow=pillow)


def _window(config: PaperConfig, person: Person, scale: float) -> CropWindow:
    if person.window is None:
        return clip_window(person.joints[..., :2], person.image_size, scale)
    width, height = scale * person.window.width, scale * person.window.height
    if min(width, height) < config.smallest:
        width = height = config.smallest
    return CropWindow(person.window.x, person.window.y + (scale - 1) * config.drop, width, height)


def _range(first: float, last: float, step: float) -> Array:
    """`first`, `first + step`, ... up to `last`, which is among them if the steps lead there."""
    return first + step * np.arange(int((last - first) / step + 1e-6) + 1)
