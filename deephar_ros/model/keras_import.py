"""Weights of the authors' Keras files (SPNET.md section 4.2): names, shapes, and the configuration that they imply."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from deephar_ros.files import brief
from deephar_ros.keras_file import KerasImportError, Weights, read_weights
from deephar_ros.model.config import SPNetConfig
from deephar_ros.model.spnet import SPNet

_BLOCK = re.compile(r"(dp|up)(\d)_pb(\d)_")
_ACTION_UNIT = re.compile(r"[du]p(\d)_[du]u\d_action_r0_")
_ENTRY_UNIT = re.compile(r"res(\d)_")
_CONSTANT = re.compile(r"_xy2?_[xy]/")  # soft-argmax grids, which we compute


class Imported(NamedTuple):
    """A network with the file's weights, the input size they were used at, and what the file leaves open."""

    net: SPNet
    input_size: int
    warnings: list[str]


def import_keras(path: Path) -> Imported:
    """Reads a `save_weights` HDF5 file; raises KerasImportError if it is not a SPNet, or not a whole one."""
    weights, warnings = _renumber_actions(read_weights(path))
    try:
        config = _infer_config(weights, warnings)
    except KeyError as error:
        raise KerasImportError(f"{path} is not a whole SPNet: missing {error}") from error
    except (ValueError, IndexError) as error:
        raise KerasImportError(f"{path} is not a SPNet: {brief(error)}") from error
    with torch.device("meta"):  # takes no memory before the weights are known to fit
        net = SPNet(config)
    empty = net.state_dict()
    counters = {key: torch.zeros((), dtype=torch.long) for key in empty if key.endswith("num_batches_tracked")}
    state = {key: value for key, value in empty.items() if key not in counters}
    sources = {key: _keras_name(key) for key in state}
    missing = sorted(set(sources.values()) - weights.keys())
    unused = sorted(name for name in weights.keys() - set(sources.values()) if not _CONSTANT.search(name))
    if missing or unused:
        raise KerasImportError(f"{path} is not a whole SPNet: missing {missing[:5]}, not used {unused[:5]}")
    for key, value in state.items():
        array = weights[sources[key]]
        if array.ndim == 4:
            array = array.transpose(2, 3, 0, 1) if "depthwise" in sources[key] else array.transpose(3, 2, 0, 1)
        if array.shape != tuple(value.shape):
            raise KerasImportError(f"{path}: {sources[key]} has shape {array.shape}, {tuple(value.shape)} expected")
        state[key] = torch.from_numpy(array.astype(np.float32))
    net.load_state_dict({**state, **counters}, assign=True)
    grid = weights.get("dp1_pb1_xy_y/depthwise_kernel")  # as large as the maps of the first block, level 2
    return Imported(net.eval(), 256 if grid is None or not grid.ndim else 2 * config.image_div * len(grid), warnings)


def _renumber_actions(weights: Weights) -> tuple[Weights, list[str]]:
    """Action blocks are numbered per process in Keras: they may start above 1."""
    found = sorted({int(m[1]) for name in weights if (m := re.match(r"act(\d{1,4})_", name))})
    new = {old: number for number, old in enumerate(found, start=1)}
    warnings = [] if found == list(new.values()) else [f"action blocks {found} are renumbered from 1"]
    renamed = {
        re.sub(r"^act(\d{1,4})(?=_)", lambda m: f"act{new[int(m[1])]}", name): array for name, array in weights.items()
    }
    return renamed, warnings


def _infer_config(weights: Weights, warnings: list[str]) -> SPNetConfig:
    blocks = {(int(m[2]), int(m[3])) for name in weights if (m := _BLOCK.match(name))}
    if not blocks or "conv1/kernel" not in weights:
        raise KerasImportError("there is no prediction block of SPNet in the file (a 'Reception' file of 2018?)")
    pyramids = max(p for p, _ in blocks)
    levels = 1 + max(i for _, i in blocks)
    in_last = [i for p, i in blocks if p == pyramids]
    cut = (pyramids, 1 + (max(in_last) if pyramids % 2 else min(in_last)))
    heat = weights["dp1_pb1_heatmaps_conv1/kernel"]
    entry_units = 1 + max(int(m[1]) for name in weights if (m := _ENTRY_UNIT.match(name)))
    config = SPNetConfig(
        num_joints=heat.shape[-1],
        dim=3 if "dp1_pb1_depthmaps_conv1/kernel" in weights else 2,
        num_pyramids=pyramids,
        num_levels=levels,
        pose_replica=any("_replica" in name for name in weights),
        growth=weights["res0_conv2/kernel"].shape[-1],
        image_div=2 ** ((entry_units + 1) // 2),  # 3 units divide by 4, and every further pair by 2
        kernel_size=weights["dp1_pb1_conv1/depthwise_kernel"].shape[0],
        downsampling="conv" if any("_convtrans1/" in name for name in weights) else "maxpooling",
        cut=None if len(blocks) == pyramids * (levels - 1) else cut,
    )
    if pyramids == 1:
        warnings.append("one pyramid alone does not tell which down-sampling it was trained with; max-pooling assumed")
    return _with_actions(config, weights, blocks, warnings)


def _with_actions(
    config: SPNetConfig, weights: Weights, blocks: set[tuple[int, int]], warnings: list[str]
) -> SPNetConfig:
    count = len({name.split("_")[0] for name in weights if name.startswith("act")})
    if not count:
        return config
    found = {int(m[1]) for name in weights if (m := _ACTION_UNIT.match(name))}
    found |= {int(m[2]) for name in weights if (m := _BLOCK.match(name)) and "_replica" in name}
    # The first action block has no unit that names its pyramid; usually the other blocks of that pyramid do.
    earlier = range(1, min(found, default=max(p for p, _ in blocks) + 1))
    fitting = [s for s in [found, *({*found, p} for p in reversed(earlier))] if sum(p in s for p, _ in blocks) == count]
    if not fitting:
        raise KerasImportError(f"{count} action blocks do not fill the blocks of action pyramids {sorted(found)}")
    if fitting[0] is not found:
        warnings.append(
            f"the file does not say where its first action block belongs; pyramid {min(fitting[0])} assumed"
        )
    sets = sorted(name for name in weights if name.startswith("act1_action_pred_conv2h"))
    return replace(
        config,
        action_pyramids=tuple(sorted(fitting[0])),
        num_actions=tuple(weights[name].shape[-1] for name in sets),
        num_pose_features=weights["act1_action_r1_conv2/kernel"].shape[-1],
        num_visual_features=weights["act1_action_v_conv0/kernel"].shape[-1],
    )


def _keras_name(key: str) -> str:
    """Our parameter name -> the file's: "blocks.dp1_pb1.r1.bn1.weight" -> "dp1_pb1_r1_bn1/gamma"."""
    key = re.sub(r"^(entry|resize|blocks|action_units|actions)\.", "", key)
    key = re.sub(r"^(act\d+)\.", r"\1_action_", key).replace("conv2h.", "conv2h")
    layer, weight = key.rsplit(".", 1)
    if match := re.fullmatch(r"(.*)\.(depthwise|pointwise)", layer):
        layer, weight = match[1], f"{match[2]}_kernel"
    elif re.search(r"bn\d$", layer):
        weight = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}[
            weight
        ]
    else:
        weight = "kernel"
    return f"{layer.replace('.', '_')}/{weight}"
