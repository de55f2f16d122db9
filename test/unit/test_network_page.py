"""The figures of docs/network.md name what is in the real network."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from deephar_ros.model.blocks import DownUnit, UpUnit
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.presets import PRESETS
from deephar_ros.model.spnet import SPNet

ROOT = Path(__file__).resolve().parents[2]
DRAWN = "ntu"
"""The preset that the page shows."""


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_network", ROOT / "scripts" / "draw_network.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def network(config: SPNetConfig) -> SPNet:
    with torch.device("meta"):
        return SPNet(config)


def weights(module: torch.nn.Module, depth: int) -> set[str]:
    """Names of the parts that have weights, down to so many dots; a list of parts counts as one."""
    return {".".join(name.split(".")[:depth]) for name, _ in module.named_parameters()}


@pytest.mark.parametrize("preset", ["ntu", "penn", "pose3d", "ntu_published", "table4_single_block"])
def test_the_figure_of_the_whole_shows_the_blocks_of_the_network(figures: ModuleType, preset: str) -> None:
    config = PRESETS[preset]
    net, drawn = network(config), figures.blocks(config)
    assert [block.name for block in drawn] == list(net.blocks)
    assert [f"act{block.action}" for block in drawn if block.action] == list(net.actions)
    texts = [text.get_text() for text in figures.draw_whole(config, 256).axes[0].texts]
    assert [text for text in texts if text in net.blocks] == list(net.blocks)
    assert [text for text in texts if text in net.actions] == list(net.actions)


def test_what_is_added_where_is_what_the_network_adds(figures: ModuleType, tiny_net: SPNet) -> None:
    """A block's output reaches the block that it is drawn to, even when the path through the resize units is closed."""
    config = tiny_net.config
    names = ["entry", *(stage.block_name for stage in config.stages)]
    seen: dict[str, list[str]] = {}
    inputs: dict[str, torch.Tensor] = {}
    outputs: dict[str, torch.Tensor] = {}
    hooks = [tiny_net.entry.register_forward_hook(lambda _m, _i, out: outputs.update(entry=out))]
    for stage in config.stages:
        block, resize = tiny_net.blocks[stage.block_name], tiny_net.resize[stage.resize_name]
        hooks.append(resize.register_forward_hook(lambda _m, _i, out: torch.zeros_like(out)))
        hooks.append(block.register_forward_pre_hook(lambda _m, args, n=stage.block_name: inputs.update({n: args[0]})))
        hooks.append(block.register_forward_hook(lambda _m, _i, out, n=stage.block_name: outputs.update({n: out[0]})))
    try:
        with torch.no_grad():
            tiny_net.frames(torch.rand(1, 3, 64, 64) * 2 - 1)
    finally:
        for hook in hooks:
            hook.remove()
    for name, x in inputs.items():  # what is left of a block's input is the lateral
        seen[name] = [n for n in names if n in outputs and x.any() and torch.equal(outputs[n], x)]
    assert [(a, b) for b, found in seen.items() for a in found] == figures.laterals(config)


def test_the_figure_of_the_prediction_block_names_all_of_its_parts(figures: ModuleType) -> None:
    for preset in (DRAWN, "pose3d", "penn"):
        config = PRESETS[preset]
        block = network(config).blocks[config.stages[-2].block_name]
        assert figures.prediction_block(config).modules - {"read"} == weights(block, 1)
        assert hasattr(block, "read")


def test_the_figure_of_the_action_block_names_all_of_its_parts(figures: ModuleType) -> None:
    head = network(PRESETS[DRAWN]).actions["act2"]
    parts = {name if name.startswith("pred") else name.split(".")[0] for name in weights(head, 2)}
    assert figures.action_block().modules == parts


def test_the_figures_of_a_step_name_all_parts_of_the_units(figures: ModuleType) -> None:
    with torch.device("meta"):
        assert figures.pyramid_step(down=True).modules == weights(DownUnit(8, 12, 5, pool=True), 1)
        assert figures.pyramid_step(down=False).modules == weights(UpUnit(12, 8, 5), 1)


def test_arrows_go_between_boxes_that_exist(figures: ModuleType) -> None:
    charts = [figures.prediction_block(PRESETS[DRAWN]), figures.action_block()]
    charts += [figures.pyramid_step(down) for down in (True, False)]
    for chart in charts:
        ends = {end for arrow in chart.arrows for end in arrow.split()}
        assert ends == set(chart.nodes)


def test_a_cut_is_pale_beyond_its_end(figures: ModuleType) -> None:
    config = PRESETS[DRAWN]
    axes = figures.draw_whole(config, 256, replace(config, cut=(6, 1))).axes[0]
    pale = [text.get_text() for text in axes.texts if text.get_color() == "#c0c0c0"]
    assert pale == ["act7", "act8", "act9", "act10", "act11", "act12", *list(network(config).blocks)[18:]]


def test_the_page_shows_every_figure_and_its_number_is_right(figures: ModuleType) -> None:
    page = (ROOT / "docs" / "network.md").read_text()
    shown = set(re.findall(r"\]\(network/(\w+)\.png\)", page))
    assert shown == {path.stem for path in (ROOT / "docs" / "network").glob("*.png")}
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (ROOT / "docs" / link).exists(), link
    parameters = sum(p.numel() for p in network(PRESETS[DRAWN]).parameters())
    assert f"{parameters / 1e6:.2f} million trainable" in page
