"""What everybody does, as bars: the most probable actions of each person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from deephar_ros.draw import Colour, Pixels
from deephar_ros.infer.panel import BACKGROUND, FAINT, LINE, TEXT, line_height, shorten, text_width, write
from deephar_ros.people import Action

BEST = 5
"""Actions shown of each person and label set, where there is room."""
BAR: Colour = (0, 158, 115)
UNTRAINED: Colour = (110, 112, 118)
WAITING = "clip not full yet"


class Row(NamedTuple):
    """One line of the panel; `probability` None: a remark, no bar. `chosen`: the label that is displayed elsewhere."""

    id: str
    label: str
    probability: float | None = None
    chosen: bool = False


def rows_of(ids: Sequence[str], actions: Sequence[Action], room: int) -> list[Row]:
    """At most `room` lines for these people: each one's most probable actions, the id on the first line alone."""
    blocks: list[tuple[str, Action | None]] = []
    for id in ids:
        blocks += [(id, action) for action in actions if action.id == id] or [(id, None)]
    if len(blocks) > room:
        kept = max(room - 1, 0)
        return [*rows_of_blocks(blocks[:kept], 1), Row("", f"+{len(blocks) - kept} more")][:room]
    return rows_of_blocks(blocks, min(max(room // max(len(blocks), 1), 1), BEST))


def rows_of_blocks(blocks: Sequence[tuple[str, Action | None]], each: int) -> list[Row]:
    """`each` lines for every pair of a person and what the person does."""
    rows = []
    for id, action in blocks:
        if action is None:
            rows.append(Row(id, WAITING))
            continue
        best = np.argsort(-action.probabilities, kind="stable")[:each]
        for rank, k in enumerate(best.tolist()):
            label = action.labels[k]
            rows.append(Row("" if rank else id, label, float(action.probabilities[k]), label == action.steady_label))
    return rows


def draw_bars(panel: Pixels, ids: Sequence[str], actions: Sequence[Action], trained: bool) -> None:
    """Draws the actions of the people `ids` into `panel` (H, W, 3) RGB; those of an untrained model in grey."""
    panel[:] = BACKGROUND
    height, width = panel.shape[:2]
    line = line_height(panel)
    panel[:1] = LINE
    write(panel, "actions" if trained else "actions: untrained, they mean nothing", 6, 0.8 * line)
    columns = (6, 6 + text_width(panel, "0000"), round(0.55 * width), width - 6 - text_width(panel, "0.00"))
    for number, row in enumerate(rows_of(ids, actions, (height - line) // line), start=1):
        _draw_row(panel, row, number * line, columns, BAR if trained else UNTRAINED)


def _draw_row(panel: Pixels, row: Row, top: int, columns: tuple[int, int, int, int], colour: Colour) -> None:
    line = line_height(panel)
    base, (id_at, label_at, bar_at, value_at) = top + 0.75 * line, columns
    if row.id:
        panel[top : top + 1, 6:-6] = LINE
        write(panel, shorten(panel, row.id, label_at - id_at), id_at, base)
    if row.probability is None:
        write(panel, row.label, label_at, base, FAINT)
        return
    shown = TEXT if row.chosen else FAINT
    write(panel, shorten(panel, row.label, bar_at - label_at - 6), label_at, base, shown)
    right, low, high = value_at - 6, round(top + 0.25 * line), round(top + 0.8 * line)
    cv2.rectangle(panel, (bar_at, low), (right, high), LINE, -1)
    filled = bar_at + round((right - bar_at) * row.probability)
    cv2.rectangle(panel, (bar_at, low), (filled, high), colour, -1)
    write(panel, f"{row.probability:.2f}", value_at, base, shown)
