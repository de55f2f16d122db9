#!/usr/bin/env python3
"""Draws the figures of docs/network.md from the network's own configuration.

Example:
    python scripts/draw_network.py              # writes docs/network/*.png, prints what was drawn
    python scripts/draw_network.py --preset penn --out out/figures
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet

POSE, ACTION, UNIT, DATA, GONE = "#56B4E9", "#E69F00", "#e8e8e8", "#ffffff", "#f6f6f6"
PATH, LATERAL, VISUAL, CUT = "#000000", "#0072B2", "#009E73", "#D55E00"
LEGEND = (
    (PATH, "solid", "features"),
    (LATERAL, "dashed", "added: features of the same level"),
    (VISUAL, "solid", "what the action path looks at, from pyramid 1"),
    (ACTION, "solid", "pose and what is seen at each joint"),
)
DPI = 120


class Block(NamedTuple):
    """A prediction block in the figure of the whole network: where it stands, and what kind it is."""

    name: str
    x: int
    level: int
    action: int


class Node(NamedTuple):
    """A box in a flow chart; `modules`: what in the code it stands for, by attribute names."""

    x: float
    y: float
    text: str
    modules: tuple[str, ...] = ()
    colour: str = UNIT


@dataclass(frozen=True)
class Chart:
    """Boxes by name, and arrows between them: "a b" points from box a to box b. `size`: inches."""

    size: tuple[float, float]
    nodes: dict[str, Node]
    arrows: tuple[str, ...]

    @property
    def modules(self) -> set[str]:
        return {module for node in self.nodes.values() for module in node.modules}


def blocks(config: SPNetConfig) -> list[Block]:
    """The prediction blocks in the order in which they run."""
    return [Block(s.block_name, x, s.level, s.action) for x, s in enumerate(config.stages, start=1)]


def laterals(config: SPNetConfig) -> list[tuple[str, str]]:
    """From where to where features of the same level are added; "entry" is the entry flow."""
    last, links = {1: "entry"}, []
    for stage in config.stages:
        if stage.level in last:
            links.append((last[stage.level], stage.block_name))
        last[stage.level] = stage.block_name
    return links


def draw_whole(config: SPNetConfig, input_size: int, kept: SPNetConfig | None = None) -> Figure:
    """Figure 2 of the paper, in our words; what is not in `kept`, a cut of the same network, is pale."""
    drawn = blocks(config)
    stay = {block.name for block in blocks(kept or config)}
    width, deepest = len(drawn) + 1, config.num_levels
    figure = Figure(figsize=(0.56 * width + 1.8, 0.75 * (deepest + 2)), layout="constrained")
    axes = _canvas(figure, (-2.6, width), (-deepest - 2.1, 0))
    for level in range(1, deepest + 1):
        side = input_size // config.image_div // 2 ** (level - 1)
        features = config.entry_channels + (level - 1) * config.growth
        axes.text(-2.5, -level, f"level {level}\n{side} x {side}\n{features} features", fontsize=7, va="center")
    place = {"entry": (0, -1)} | {block.name: (block.x, -block.level) for block in drawn}
    for a, b in laterals(config):
        _arrow(axes, place[a], place[b], LATERAL, pale=b not in stay, style="dashed")
    before = "entry"
    for block in drawn:
        _arrow(axes, place[before], place[block.name], PATH, pale=block.name not in stay)
        before = block.name
    _draw_action_path(axes, config, drawn, stay)
    _box(axes, 0, -1, "entry\nflow", UNIT, 0.8)
    for block in drawn:
        colour = ACTION if block.action else POSE
        _box(axes, block.x, -block.level, block.name, colour if block.name in stay else GONE, 0.84)
    for first, second in zip(drawn, [*drawn[1:], None], strict=True):
        pyramid = config.stages[first.x - 1].pyramid
        if second is None or config.stages[second.x - 1].pyramid != pyramid:
            axes.plot([first.x + 0.5] * 2, [-deepest - 0.4, -0.35], color=CUT, linewidth=0.8, linestyle="dotted")
            axes.text(first.x + 0.45, -0.25, f"cut: {pyramid}", fontsize=7, color=CUT, ha="right")
    for x, (colour, style, words) in enumerate(LEGEND):
        axes.plot([x * 6 - 2.5, x * 6 - 1.9], [-deepest - 1.85] * 2, color=colour, linestyle=style)
        axes.text(x * 6 - 1.7, -deepest - 1.85, words, fontsize=7, va="center")
    return figure


def _draw_action_path(axes: Any, config: SPNetConfig, drawn: list[Block], stay: set[str]) -> None:
    acting, row = [block for block in drawn if block.action], -config.num_levels - 1.3
    for level in {block.level for block in acting}:
        seers = [block for block in acting if block.level == level]
        first = next(block.x for block in drawn if block.level == level) if level > 1 else 0  # entry
        for pale, last in ((True, seers[-1].x), (False, max((b.x for b in seers if b.name in stay), default=first))):
            axes.plot([first, last], [-level - 0.36] * 2, color=VISUAL, linewidth=1, alpha=0.15 if pale else 1)
        for block in seers:
            x, pale = block.x - 0.15, block.name not in stay
            _arrow(axes, (x, -level - 0.36), (x, -level - 0.2), VISUAL, pale, shrink=0)
    for block in acting:
        pale = block.name not in stay
        _arrow(axes, (block.x, -block.level - 0.2), (block.x, row + 0.2), ACTION, pale, shrink=0)
        if block is not acting[0]:
            _arrow(axes, (acting[block.action - 2].x, row), (block.x, row), PATH, pale)
        _box(axes, block.x, row, f"act{block.action}", GONE if pale else ACTION, 0.84)
    if acting:
        axes.text(acting[0].x - 0.7, row, "action path: once per clip", fontsize=7, ha="right", va="center")


def prediction_block(config: SPNetConfig) -> Chart:
    """Figure 4 of the paper: a block in the middle of the action path, so that it has all parts."""
    nodes = {
        "x": Node(0, 0.6, "features x", colour=DATA),
        "r1": Node(1.3, 0.6, "residual unit\nr1", ("r1",)),
        "s1": Node(2.8, 0.6, "BN, ReLU, sep. conv\nbn1, conv1 = s1", ("bn1", "conv1")),
        "a": Node(4.3, 0.6, "BN, ReLU\nbn2 = a", ("bn2",)),
        "heat": Node(5.9, 1.5, "1x1 conv: heat logits\nheatmaps_conv1", ("heatmaps_conv1",), POSE),
        "free": Node(5.9, 2.7, "1x1 conv: free maps\nheatmaps_fw_maps", ("heatmaps_fw_maps",)),
        "read": Node(7.9, -0.4, "softmax, soft-argmax\nread", ("read",), POSE),
        "pose": Node(9.8, -0.4, "pose: x, y, z, confidence\nof this block", colour=DATA),
        "back": Node(7.9, 2.5, "ReLU, 1x1 conv\nheatmaps_conv2", ("heatmaps_conv2",)),
        "sum": Node(9.8, 1.8, "sum: r1 + s1 + both\n= features out", colour=DATA),
    }
    arrows = [
        "x r1",
        "r1 s1",
        "s1 a",
        "a heat",
        "a free",
        "heat read",
        "heat back",
        "free back",
        "read pose",
        "back sum",
    ]
    if config.dim == 3:
        nodes["depth"] = Node(5.9, 0.3, "1x1 conv: depth logits\ndepthmaps_conv1", ("depthmaps_conv1",), POSE)
        nodes["depth_back"] = Node(7.9, 1.2, "1x1 conv\ndepthmaps_conv2", ("depthmaps_conv2",))
        arrows += ["a depth", "depth read", "depth depth_back", "depth_back sum"]
    if config.pose_replica:
        names = ("heatmaps_conv1_replica", *(["depthmaps_conv1_replica"] if config.dim == 3 else []))
        nodes["replica"] = Node(5.9, -1.6, "the same once more\n*_conv1_replica", names, ACTION)
        nodes["reread"] = Node(7.9, -1.6, "softmax, soft-argmax\nread", ("read",), ACTION)
        arrows += ["a replica", "replica reread"]
    words = "for the action path:\npose x confidence,\nvisual features at each joint"
    nodes["features"] = Node(9.8, -1.6, words, colour=DATA)
    arrows.append("reread features" if config.pose_replica else "read features")
    return Chart((12.5, 4.6), nodes, tuple(arrows))


def action_block() -> Chart:
    """Figure 5 of the paper: a block in the middle of the action path."""
    nodes = {
        "pose": Node(0, 1, "pose x confidence\nT x J x 3", colour=DATA),
        "look": Node(0, -1, "visual features\nT x J x F", colour=DATA),
        "p": Node(1.9, 1, "conv 3x1, 3x3, 3x5\np_conv0a, b, c", ("p_conv0a", "p_conv0b", "p_conv0c")),
        "r1": Node(3.5, 1, "residual unit\nr1", ("r1",)),
        "v": Node(1.9, -1, "1x1 conv\nv_conv0", ("v_conv0",)),
        "p_pool": Node(4.9, 1, "max-pool\nshrink_clip"),
        "v_pool": Node(4.9, -1, "max-pool\nshrink_clip"),
        "before": Node(4.9, -2.2, "features of the\nblock before", colour=DATA),
        "r2": Node(6.5, 0, "join, residual unit\nr2 = f", ("r2",)),
        "u": Node(8.0, 0, "BN, ReLU, conv 3x3\nbn1, conv1 = u", ("pred.bn1", "pred.conv1")),
        "v2": Node(9.7, 0, "max+min pool, BN, ReLU\nbn2", ("pred.bn2",)),
        "maps": Node(11.4, 0, "conv 3x3: action maps\nconv2h, one per label set", ("pred.conv2h",), ACTION),
        "probs": Node(13.4, 0, "global max+min,\nsoftmax: probabilities", colour=DATA),
        "back": Node(11.4, -1.4, "upsample, ReLU, conv 3x3\nconv3", ("pred.conv3",)),
        "sum": Node(13.4, -1.4, "f + u + this: features\nfor the next block", colour=DATA),
    }
    arrows = "pose p,p r1,r1 p_pool,look v,v v_pool,p_pool r2,v_pool r2,before r2,r2 u,u v2,v2 maps,maps probs"
    return Chart((14.5, 3.6), nodes, (*arrows.split(","), "maps back", "back sum"))


def pyramid_step(down: bool) -> Chart:
    """Figure 3 of the paper: one step of a pyramid; the unit is a `DownUnit` or an `UpUnit`."""
    change = "max-pool 2x2" if down else "nearest\nneighbour x 2"
    way, unit = ("dp", "du") if down else ("up", "uu")
    nodes = {
        "x": Node(0, 0, f"features of\nlevel {'l - 1' if down else 'l + 1'}", colour=DATA),
        "size": Node(1.5, 0, change),
        "r0": Node(3.2, 0, f"residual unit\n{way}{{p}}_{unit}{{i}}: r0", ("r0",)),
        "sum": Node(4.7, 0, "sum", colour=DATA),
        "lateral": Node(4.7, 1.2, "last block's features\nof level l", colour=DATA),
        "pb": Node(6.4, 0, f"prediction block\n{way}{{p}}_pb{{i}}", colour=POSE),
        "out": Node(8.2, 0, "features of level l", colour=DATA),
    }
    arrows = ["x size", "size r0", "r0 sum", "lateral sum", "sum pb", "pb out"]
    if down:
        nodes["look"] = Node(3.2, -1.2, "kept once, in pyramid 1:\nwhat actions look at", colour=DATA)
        arrows.append("r0 look")
    return Chart((9.5, 2.6 if down else 2.0), nodes, tuple(arrows))


def draw_chart(chart: Chart) -> Figure:
    figure = Figure(figsize=chart.size, layout="constrained")
    xs, ys = [node.x for node in chart.nodes.values()], [node.y for node in chart.nodes.values()]
    axes = _canvas(figure, (min(xs) - 0.8, max(xs) + 1.0), (min(ys) - 0.6, max(ys) + 0.6))
    texts = {}
    for name, node in chart.nodes.items():
        box = {"boxstyle": "round,pad=0.4", "facecolor": node.colour, "edgecolor": "#606060", "linewidth": 0.8}
        if node.colour == DATA:
            box |= {"linestyle": "dashed"}
        texts[name] = axes.text(node.x, node.y, node.text, ha="center", va="center", fontsize=8, bbox=box, zorder=2)
    for arrow in chart.arrows:
        a, b = arrow.split()
        style = {"arrowstyle": "-|>", "color": PATH, "linewidth": 0.9}
        axes.annotate(
            "", (chart.nodes[b].x, chart.nodes[b].y), (chart.nodes[a].x, chart.nodes[a].y), zorder=1,
            arrowprops=style | {"patchA": texts[a].get_bbox_patch(), "patchB": texts[b].get_bbox_patch()},
        )  # fmt: skip
    return figure


def _canvas(figure: Figure, x: tuple[float, float], y: tuple[float, float]) -> Any:
    axes = figure.subplots()
    axes.set(xlim=x, ylim=y)
    axes.set_axis_off()
    return axes


def _box(axes: Any, x: float, y: float, text: str, colour: str, width: float) -> None:
    style = {"boxstyle": "round,pad=0,rounding_size=0.08", "edgecolor": "#606060", "linewidth": 0.8}
    axes.add_patch(FancyBboxPatch((x - width / 2, y - 0.2), width, 0.4, facecolor=colour, zorder=3, **style))
    grey = "#c0c0c0" if colour == GONE else "black"
    axes.text(x, y, text, ha="center", va="center", fontsize=6, color=grey, zorder=4)


def _arrow(
    axes: Any,
    a: tuple[float, float],
    b: tuple[float, float],
    colour: str,
    pale: bool = False,
    style: str = "solid",
    shrink: float = 12,
) -> None:
    kind = {"arrowstyle": "-|>", "color": colour, "linewidth": 1, "linestyle": style, "alpha": 0.15 if pale else 1}
    axes.annotate("", b, a, arrowprops=kind | {"shrinkA": shrink, "shrinkB": shrink}, zorder=2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="ntu", choices=sorted(PRESETS), help="network to draw (ntu)")
    parser.add_argument("--size", type=int, default=256, help="side of its input, pixels (256)")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "network")
    args = parser.parse_args()
    config = PRESETS[args.preset]
    with torch.device("meta"):
        parameters = sum(p.numel() for p in SPNet(config).parameters())
    args.out.mkdir(parents=True, exist_ok=True)
    figures = {
        "whole": draw_whole(config, args.size),
        "cut": draw_whole(config, args.size, replace(config, cut=(6, 1))),
        "prediction_block": draw_chart(prediction_block(config)),
        "action_block": draw_chart(action_block()),
        "down": draw_chart(pyramid_step(down=True)),
        "up": draw_chart(pyramid_step(down=False)),
    }
    for name, figure in figures.items():
        figure.savefig(args.out / f"{name}.png", dpi=DPI)
        print(args.out / f"{name}.png")
    print(f"{args.preset}: {len(config.stages)} prediction blocks, {parameters / 1e6:.2f} million trainable parameters")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
