"""The sheet that shows what a block sees: the crop with the poses read from it, and the maps of every joint over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from deephar_ros.draw import OUTLINE, Pixels, draw_skeleton, side_colour
from deephar_ros.geometry import Array
from deephar_ros.infer.panel import BACKGROUND, FAINT, TEXT

if TYPE_CHECKING:
    from deephar_ros.infer.explain import Explanation, Maps

TILE, GAP, LINE, COLUMNS = 104, 6, 18, 6
"""Pixels: side of a map, space between two, height of a line of text; and joints side by side."""
HEAD = 3 * LINE
SIZE = 0.42
"""Of the letters, as OpenCV counts it."""


@dataclass(frozen=True)
class Plan:
    """Where things stand on a sheet, pixels.

    Attributes:
        kinds: poses read by the block: 1, or 2 with that of the action path.
        wide: maps of a joint side by side: heat, and depth in a 3D network.
    """

    joints: int
    kinds: int
    wide: int

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of what is shown of one joint."""
        return self.wide * (TILE + GAP) + 2 * GAP, self.kinds * (TILE + GAP) + LINE

    @property
    def rows(self) -> int:
        return -(-self.joints // COLUMNS)

    @property
    def side(self) -> int:
        """Of the crops at the left."""
        return self.rows * self.cell[1] // self.kinds - LINE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        return self.side + 3 * GAP + COLUMNS * self.cell[0], HEAD + self.rows * self.cell[1] + GAP

    def corner(self, joint: int) -> tuple[int, int]:
        """x and y where a joint's cell begins."""
        row, column = divmod(joint, COLUMNS)
        return self.side + 3 * GAP + column * self.cell[0], HEAD + row * self.cell[1]


def draw_sheet(explanation: Explanation, title: str) -> Pixels:
    """The sheet (H, W, 3) RGB; see `Explainer.picture`."""
    kinds = [maps for maps in (explanation.pose, explanation.decoupled) if maps is not None]
    plan = Plan(len(explanation.layout), len(kinds), 1 if explanation.pose.depth is None else 2)
    width, height = plan.size
    sheet = np.full((height, width, 3), BACKGROUND, np.uint8)
    _write_head(sheet, explanation, title)
    for number, maps in enumerate(kinds):
        top = HEAD + number * (plan.side + LINE) + LINE
        _write(sheet, "decoupled: for the action path" if number else "predicted pose", GAP, top - 5)
        _put_pose(sheet[top : top + plan.side, GAP : GAP + plan.side], explanation, maps)
    for joint, name in enumerate(explanation.layout.joints):
        left, top = plan.corner(joint)
        confidences = " / ".join(f"{maps.pose[joint, -1]:.2f}" for maps in kinds)
        _write(sheet, f"{name} {confidences}", left, top + LINE - 5, side_colour(name))
        for row, maps in enumerate(kinds):
            y = top + LINE + row * (TILE + GAP)
            _put_maps(sheet[y : y + TILE, left : left + plan.cell[0]], explanation.crop, maps, joint)
    return sheet


def enlarge(values: Array, size: int) -> Array:
    """A map (H, W) over a crop of `size` pixels: the centres of the outermost cells lie on the crop's borders."""
    x, y = ((np.arange(size, dtype=np.float32) + 0.5) / size * (cells - 1) for cells in values.shape[::-1])
    columns, rows = np.meshgrid(x, y)
    return cv2.remap(values.astype(np.float32), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def heat_tile(crop: Pixels, heat: Array) -> Pixels:
    """The crop in grey; the more probable the place of the joint, the brighter the colour over it."""
    shown = enlarge(heat / max(float(heat.max()), 1e-9), len(crop))
    return _blend(crop, _coloured(shown, cv2.COLORMAP_INFERNO), np.sqrt(shown))


def depth_tile(crop: Pixels, depth: Array) -> Pixels:
    """The crop in grey, under the colours of the depth at which the joint would lie: dark is near, bright far."""
    return _blend(crop, _coloured(enlarge(depth, len(crop)), cv2.COLORMAP_CIVIDIS), np.full(crop.shape[:2], 0.7))


def _put_maps(part: Pixels, crop: Pixels, maps: Maps, joint: int) -> None:
    small = cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_AREA if len(crop) > TILE else cv2.INTER_LINEAR)
    tiles = [heat_tile(small, maps.heat[joint])]
    if maps.depth is not None:
        tiles.append(depth_tile(small, maps.depth[joint]))
    x, y = (int(at * TILE) for at in maps.pose[joint, :2].tolist())
    for number, tile in enumerate(tiles):
        for colour, thick in ((OUTLINE, 3), (TEXT, 1)):
            cv2.circle(tile, (x, y), TILE // 13, colour, thick, cv2.LINE_AA)
        part[:, number * (TILE + GAP // 2) :][:, :TILE] = tile


def _put_pose(part: Pixels, explanation: Explanation, maps: Maps) -> None:
    side = len(part)
    part[:] = cv2.resize(explanation.crop, (side, side), interpolation=cv2.INTER_LINEAR)
    draw_skeleton(part, explanation.layout, maps.pose[:, :2] * side, maps.pose[:, -1])


def _write_head(sheet: Pixels, explanation: Explanation, title: str) -> None:
    rows, columns = explanation.pose.heat.shape[1:]
    _write(sheet, f"{title}: maps of {rows} x {columns} cells; beside each joint's name its confidence", GAP, LINE - 4)
    heat = "heat maps: bright = probable, each over its own maximum; ring: their mean = the joint"
    depth = "; depth maps: dark = 1 m before the pelvis, bright = 1 m behind"
    _write(sheet, heat if explanation.pose.depth is None else heat + depth, GAP, 2 * LINE - 4, FAINT)
    if explanation.pose.depth is not None and not explanation.depth_trained:
        _write(sheet, "the depth is UNTRAINED: its maps mean nothing", GAP, 3 * LINE - 4)


def _coloured(values: Array, colours: int) -> Pixels:
    picture = cv2.applyColorMap((values.clip(0, 1) * 255).astype(np.uint8), colours)
    return picture[..., ::-1]


def _blend(crop: Pixels, colours: Pixels, weight: Array) -> Pixels:
    grey = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) * 0.6
    mixed = weight[..., None] * colours + (1 - weight[..., None]) * grey
    return np.ascontiguousarray(mixed.round().astype(np.uint8))


def _write(sheet: Pixels, text: str, x: int, y: int, colour: tuple[int, int, int] = TEXT) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, SIZE, colour, 1, cv2.LINE_AA)
