"""The paper's Tables 1, 2, 3 and 7 with our rows under its own.

The tables themselves could not be read here: only the beginning of arXiv 1912.08077 is in the collections that were
searched, so which table shows what is from memory, and a published row stands here only if its number was found
somewhere, which the row says. All other rows of the paper are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deephar_ros.data.human36m import LABELS
from deephar_ros.train.protocols import Score

REPOSITORY = "README of github.com/dluvizon/deephar"
LISTING = "benchmark listing of the CVPR'18 paper at wizwand.com, second hand"
ISSUE = "the project's issue 4, which quotes the paper"
EARLIER = "Luvizon et al., CVPR'18"
PAPER = "Luvizon et al., TPAMI'20 (the paper)"


@dataclass(frozen=True)
class Row:
    """One method: `values` by column, and where they were read."""

    method: str
    values: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Table:
    """A table of the paper: its number, what it shows, and the rows of the paper whose numbers are known."""

    number: int
    title: str
    columns: tuple[str, ...]
    published: tuple[Row, ...]


TABLES = (
    Table(
        1,
        "3D pose on Human3.6M, mm",
        (*LABELS, "Average"),
        (
            Row(f"{EARLIER}, single crop", {"Average": 55.1}, REPOSITORY),
            Row(f"{EARLIER}, best", {"Directions": 49.2, "Average": 53.2}, LISTING),
        ),
    ),
    Table(
        2,
        "Action recognition on Penn Action, %",
        ("Accuracy",),
        (
            Row(EARLIER, {"Accuracy": 98.6}, LISTING),
            Row(f"{PAPER}, pose features alone", {"Accuracy": 97.7}, ISSUE),
            Row(PAPER, {"Accuracy": 98.7}, ISSUE),
        ),
    ),
    Table(
        3,
        "Action recognition on NTU RGB+D, %",
        ("Cross-subject", "Cross-view"),
        (Row(EARLIER, {"Cross-subject": 85.5}, LISTING),),
    ),
    Table(
        7,
        "All tasks: MPII PCKh@0.5 %, Human3.6M MPJPE mm, accuracy on Penn Action and NTU RGB+D (cross-subject) %",
        ("MPII", "Human3.6M", "Penn Action", "NTU RGB+D"),
        (Row(f"{EARLIER}, validation, single crop", {"MPII": 89.1, "Human3.6M": 55.1}, REPOSITORY),),
    ),
)


def our_rows(table: Table, scores: Sequence[Score]) -> list[Row]:
    """What of `scores` belongs into the table, a row for each measure and protocol; Table 7 has one row in all."""
    cells = [(score, _cells(table.number, score)) for score in scores]
    if table.number == 7:
        cells.sort(key=lambda cell: cell[0].protocol == "paper")  # of two scores for a column the paper's stays
        values = {column: value for _, found in cells for column, value in found.items()}
        used = [_rule(score) for score, found in cells if found and values == values | found]
        return [Row("ours", values, "; ".join(used))] if values else []
    return [Row(f"ours, {score.measure}", values, _rule(score)) for score, values in cells if values]


def to_markdown(scores: Sequence[Score]) -> str:
    """All four tables; `-` where a number is not known."""
    return "\n".join(_markdown(table, our_rows(table, scores)) for table in TABLES)


def to_dict(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """The same for JSON."""
    return [
        {
            "table": table.number,
            "title": table.title,
            "rows": [
                {"method": row.method, "values": _known(row.values), "source": row.source}
                for row in (*table.published, *our_rows(table, scores))
            ],
        }
        for table in TABLES
    ]


def score_table(score: Score) -> str:
    """What each block reached, by joint or class, then by activity; the block that counts is marked."""
    names = [f"{block.block}{'*' if block is score.best else ''}" for block in score.blocks]
    lines = [f"{'':24}" + "".join(f"{name:>9}" for name in names)] if len(names) > 1 else []
    for kind in ("parts", "activities"):
        columns = [getattr(block, kind) for block in score.blocks]
        lines += [f"{part:24}" + "".join(f"{column[part]:9.1f}" for column in columns) for part in columns[0]]
    lines.append(f"{'mean':24}" + "".join(f"{block.mean:9.1f}" for block in score.blocks))
    marked = "; * is reported" if len(names) > 1 else ""
    return "\n".join([*lines, f"{score.measure}, {score.unit}: {_rule(score)}{marked}"])


def _cells(number: int, score: Score) -> dict[str, float]:
    best = score.best
    usual_average = {"human36m": "Human3.6M", "mpii": "MPII", "penn": "Penn Action", "ntu": "NTU RGB+D"}
    if number == 7 and score.data in usual_average and not score.measure.startswith("PA-"):
        return {usual_average[score.data]: best.mean}
    if number == 1 and score.data == "human36m":
        return {**{name: best.activities[name] for name in LABELS if name in best.activities}, "Average": best.mean}
    if number == 2 and score.data == "penn":
        return {"Accuracy": best.mean}
    if number == 3 and score.data in ("ntu", "ntu_cross_view"):
        return {"Cross-subject" if score.data == "ntu" else "Cross-view": best.mean}
    return {}


def _known(values: Mapping[str, float]) -> dict[str, float]:
    return {column: value for column, value in values.items() if not math.isnan(value)}


def _rule(score: Score) -> str:
    return f"{score.data}, protocol {score.protocol}, {score.rule}, block {score.best.block}, {score.count} samples"


def _markdown(table: Table, ours: Sequence[Row]) -> str:
    lines = [
        f"## Table {table.number}: {table.title}",
        "",
        f"| method | {' | '.join(table.columns)} | from |",
        "|---" * (len(table.columns) + 2) + "|",
    ]
    for row in (*table.published, *ours):
        cells = [row.values.get(column, math.nan) for column in table.columns]
        text = " | ".join("-" if math.isnan(cell) else f"{cell:.1f}" for cell in cells)
        lines.append(f"| {row.method} | {text} | {row.source} |")
    return "\n".join([*lines, ""])
