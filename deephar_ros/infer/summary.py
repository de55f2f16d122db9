"""One page about a whole session: what everybody did when, how surely each joint was seen, and key moments in 3D."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deephar_ros.draw import Pixels, save_picture
from deephar_ros.geometry import Array
from deephar_ros.infer.moments import MOMENTS, draw_moments
from deephar_ros.infer.parts import VIDEO
from deephar_ros.infer.story import Life, Story, key_sights, read_story, spans
from deephar_ros.infer.thumbnails import thumbnails

MOST, MOMENTS_OF = 6, 3
"""People on the page, and those of them of whom MOMENTS are shown in 3D."""
COLUMNS = 800
"""Most columns of a heat strip; what was seen in one is averaged."""
LETTERS = 110
"""Letters that fit into the whole time line."""
OTHER, SEEN = "#b0b0b0", "#e6e6e6"
PALETTE = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Okabe and Ito's colours, told apart with every kind of colour vision."""
WIDTH = 12.0
"""Inches; 100 pixels each."""


def write_summary(records: Path, out: Path) -> None:
    """Writes the page as one picture; if the overlay video lies beside the records, with small pictures from it.

    Args:
        records: JSON lines, see `deephar_ros.infer.records`.
        out: PNG file to write.

    Raises:
        RecordsError: the records cannot be used.
        OSError: a file cannot be read or written.
    """
    story = read_story(records)
    lives = story.lives[:MOST]
    page = _draw_page(story, lives)
    moments = [sight for life in lives[:MOMENTS_OF] for sight in key_sights(life, MOMENTS)]
    if moments:
        video = records.with_name(VIDEO)
        small = thumbnails(video, story, moments) if video.is_file() else {}
        page = np.vstack([page, draw_moments(moments, small, page.shape[1], story.header.depth_trained)])
    save_picture(out, page)


def _draw_page(story: Story, lives: Sequence[Life]) -> Pixels:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [0.9, sum(_heights(story, lives))]
    figure: Any = Figure(figsize=(WIDTH, sum(heights)), dpi=100, facecolor="white", layout="constrained")
    head, times = figure.subfigures(2, 1, height_ratios=heights)
    _write_head(head, story)
    _draw_times(times, story, lives)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _write_head(part: Any, story: Story) -> None:
    header, hidden = story.header, len(story.lives) - MOST
    counts = _count(len(story.seconds), "frame", "frames")
    counts += f", {story.end:.1f} s" if len(story.seconds) > 1 else ""
    lines = [
        f"{counts}, {_count(len(story.lives), 'person', 'people')}; model {header.checkpoint}",
        f"shown: the {MOST} people seen most often; {hidden} more are not on this page" if hidden > 0 else "",
        "; ".join(_warnings(story)),
    ]
    part.text(0.01, 0.95, Path(header.source).name, fontsize=15, weight="bold", va="top")
    part.text(0.01, 0.6, "\n".join(line for line in lines if line), fontsize=9, va="top")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _warnings(story: Story) -> list[str]:
    warnings = []
    if story.header.labels and not story.header.action_trained:
        warnings.append("ACTIONS ARE UNTRAINED: the labels below mean nothing")
    if not story.header.depth_trained:
        warnings.append("DEPTH IS UNTRAINED: skeletons are drawn flat")
    return warnings


def _lanes(story: Story, lives: Sequence[Life]) -> list[tuple[Life, int]]:
    """A lane for each person and set of actions."""
    return [(life, number) for life in lives for number in range(max(len(story.header.labels), 1))]


def _heights(story: Story, lives: Sequence[Life]) -> list[float]:
    """Inches of the time line and of each heat strip."""
    return [0.6 + 0.32 * max(len(_lanes(story, lives)), 1), *(1.55 for _ in lives)]


def _draw_times(part: Any, story: Story, lives: Sequence[Life]) -> None:
    """The time line, and below it, with the same seconds, a strip for each person."""
    axes = part.subplots(
        1 + len(lives), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": _heights(story, lives)}
    )[:, 0]
    _draw_actions(axes[0], story, lives)
    for row, life in zip(axes[1:], lives, strict=True):
        strip, edges = confidence_strip(life, story)
        joints = np.arange(len(strip) + 1)
        mesh = row.pcolormesh(edges, joints, strip, cmap="cividis", vmin=0, vmax=1, rasterized=True)
        row.set_yticks(joints[:-1] + 0.5, story.header.joints, fontsize=5)
        row.set_ylim(len(strip), 0)
        row.set_ylabel(life.id, fontsize=10, rotation=0, labelpad=12)
        row.tick_params(axis="x", labelsize=8)
        if row is axes[1]:
            row.set_title("how surely each joint was seen (white: not seen)", loc="left", fontsize=10)
            part.colorbar(mesh, ax=axes, label="confidence", pad=0.01, fraction=0.03, shrink=0.5, aspect=20)
    axes[-1].set_xlabel("seconds", fontsize=8)


def _draw_actions(axes: Any, story: Story, lives: Sequence[Life]) -> None:
    lanes, trained = _lanes(story, lives), story.header.action_trained
    title = "who does what" if trained else "who is there (hatched: actions, untrained)"
    axes.set_title(title, loc="left", fontsize=10)
    colours = _label_colours(lives)
    for row, (life, number) in enumerate(lanes):
        seen = spans([sight.seconds for sight in life.sights], [""] * len(life.sights), story.step)
        axes.broken_barh([(a, b - a) for a, b, _ in seen], (row - 0.36, 0.72), facecolors=SEEN)
        deeds = [deed for deed in life.deeds if deed.action_set == number]
        for begin, end, label in spans([d.seconds for d in deeds], [d.label for d in deeds], story.step):
            bar = axes.broken_barh([(begin, end - begin)], (row - 0.36, 0.72), facecolors=colours.get(label, OTHER))
            bar.set(hatch=None if trained else "////", edgecolor=SEEN)
            if (end - begin) / story.end * LETTERS > len(label):
                box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1}
                axes.text((begin + end) / 2, row, label, ha="center", va="center", fontsize=7, bbox=box)
    several = len(story.header.labels) > 1
    axes.set_yticks(range(len(lanes)), [f"{life.id} set {n + 1}" if several else life.id for life, n in lanes])
    axes.set(xlim=(0, story.end), ylim=(max(len(lanes), 1) - 0.5, -0.5))
    axes.tick_params(labelsize=8, labelbottom=True)
    if not lives:
        remark = f"nobody was seen in {_count(len(story.seconds), 'frame', 'frames')}"
        axes.text(story.end / 2, 0, remark, ha="center", va="center")
    _draw_legend(axes, colours, lives)


def _draw_legend(axes: Any, colours: Mapping[str, str], lives: Sequence[Life]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=SEEN, label="seen")] if lives else []
    handles += [Patch(color=colour, label=label) for label, colour in colours.items()]
    others = len({deed.label for life in lives for deed in life.deeds}) - len(colours)
    if others:
        handles.append(Patch(color=OTHER, label=f"{others} other labels"))
    if handles:
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncol=len(handles), fontsize=7)


def _label_colours(lives: Sequence[Life]) -> dict[str, str]:
    counts = Counter(deed.label for life in lives for deed in life.deeds)
    return dict(zip((label for label, _ in counts.most_common(len(PALETTE))), PALETTE, strict=False))


def confidence_strip(life: Life, story: Story) -> tuple[Array, Array]:
    """How surely somebody's joints were seen.

    Returns:
        (J, C) mean confidence of each joint in each of up to COLUMNS columns, NaN where the person was not seen, and
        (C + 1,) the seconds at which the columns begin and end. All columns hold equally many frames, give or take one.
    """
    frames = len(story.seconds)
    columns = min(COLUMNS, frames)
    sums, counts = np.zeros((columns, len(story.header.joints))), np.zeros(columns)
    for sight in life.sights:
        column = sight.frame * columns // frames
        sums[column] += sight.person.confidence
        counts[column] += 1
    begins = story.seconds[-(-np.arange(columns) * frames // columns)]
    with np.errstate(invalid="ignore"):
        return (sums / counts[:, None]).T, np.append(begins, story.end)
