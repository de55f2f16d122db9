"""The network as ONNX graphs: single frames, the action path over packed features, whole clips.

Opset 17, the newest that TensorRT 8.6 (JetPack 6.0) knows. From 18 on ReduceMax and ReduceMin take their axes as an
input, which its parser passes over without a word and reduces over every axis. PyTorch's newer exporter (dynamo=True)
writes 18 and above only, so the graphs come from the older one and are tidied here (`fold_constants`).
"""

from __future__ import annotations

import copy
import inspect
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deephar_ros.backend.fold import folded
from deephar_ros.backend.onnx_fold import fold_constants
from deephar_ros.checkpoint import ModelSpec, spec_to_dict
from deephar_ros.files import brief
from deephar_ros.geometry import Array
from deephar_ros.model.config import Stage
from deephar_ros.model.features import pack, section_sizes, unpack
from deephar_ros.model.spnet import SPNet

OPSET = 17

GraphName = Literal["frame", "actions", "clip"]
GraphPrecision = Literal["float32", "float16"]


@dataclass(frozen=True)
class InputShape:
    """Sizes of a graph's input. Of a dynamic axis the number is the one traced; the graph does not depend on it.

    The number of frames in a clip is always fixed: how the action path pads and strides follows from it.

    Raises:
        ValueError: a number is too small; the message names it.
    """

    batch: int = 1
    frames: int = 8
    height: int = 256
    width: int = 256
    dynamic_batch: bool = False
    dynamic_size: bool = False  # of frames and clips

    def __post_init__(self) -> None:
        for name, least in {"batch": 1, "frames": 2, "height": 1, "width": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} = {getattr(self, name)} is less than {least}")


def export_graph(
    net: SPNet,
    spec: ModelSpec,
    graph: GraphName,
    shape: InputShape,
    all_poses: bool = False,
    precision: GraphPrecision = "float32",
    device: str = "cpu",
) -> bytes:
    """One graph of a network, serialised; the same network and arguments give the same bytes.

    Args:
        net: in float32, on the CPU, in evaluation mode; its configuration is `spec.network`.
        graph: what goes in and what comes out, float32, names as in `named_outputs`:
            "frame": `images` (N, 3, H, W) in [-1, 1] -> the last block's pose, or every block's if `all_poses`,
            (N, J, D+1); and from networks with action blocks `features` (N, K), packed as in model/features.py.
            "actions": `features` (M, T, K) -> the last action block's probabilities, one output per action set.
            "clip": `images` (B, T, 3, H, W) -> every pose (B, T, J, D+1) and all probabilities of every action block.
        shape: sizes of the input, and which of them are dynamic.
        precision: of weights and convolutions. Inputs, outputs, soft-argmax, sums and softmax stay in float32, so that
            strongly typed TensorRT computes them so; batch norms are folded before weights are rounded to half.
        device: where the network runs while it is traced; PyTorch before 2.3 has no half convolutions on a CPU.

    Raises:
        ValueError: the image size does not fit the network, it has no action blocks for graph "actions", or this
            PyTorch cannot run it in half precision.
    """
    example = example_input(net, graph, shape).to(device)
    traced = folded(net).half() if precision == "float16" else net
    if device != "cpu":
        traced = copy.deepcopy(traced).to(device)  # the caller's stays where it is
    names = output_names(net, graph, all_poses)
    older: dict[str, Any] = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one, and that tracing meets a check of sizes
        file = Path(folder) / "traced.onnx"
        try:
            torch.onnx.export(
                _Traced(traced, graph, all_poses).eval(),
                (example,),
                str(file),
                input_names=["features" if graph == "actions" else "images"],
                output_names=names,
                dynamic_axes=_dynamic_axes(graph, names, shape),
                opset_version=OPSET,
                **older,
            )
        except RuntimeError as error:
            if precision != "float16":
                raise
            where = f"PyTorch {torch.__version__} on {device}"
            raise ValueError(f"{where} cannot run half precision ({brief(error)}); a later one or a GPU can") from error
        model = fold_constants(onnx.load(file))
    for output in model.graph.output:  # the exporter makes up a name for the batch where it is a number
        axis = output.type.tensor_type.shape.dim[0]
        axis.CopyFrom(model.graph.input[0].type.tensor_type.shape.dim[0])
    properties = {"name": spec.name, "graph": graph, "precision": precision, "config": json.dumps(spec_to_dict(spec))}
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def example_input(net: SPNet, graph: GraphName, shape: InputShape) -> Tensor:
    """Random input of a graph: smooth images, or their packed features.

    Smooth as pictures are: on white noise, float32 rounding alone moves the action outputs of full-width random weights
    by 1e-4, in PyTorch itself too.
    """
    multiple = net.config.size_multiple
    for side in (shape.height, shape.width):
        if side % multiple or side < 2 * multiple:  # at least 2x2 cells at the coarsest level, for the confidence
            raise ValueError(f"image side {side} is not a multiple of {multiple} from {2 * multiple} on")
    if graph == "actions" and not section_sizes(net.config):
        raise ValueError("the network, as cut, has no action blocks")
    batch = shape.batch if graph == "frame" else shape.batch * shape.frames
    coarse = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images = F.interpolate(coarse, size=(shape.height, shape.width), mode="bilinear")
    if graph == "frame":
        return images
    if graph == "clip":
        return images.unflatten(0, (shape.batch, shape.frames))
    with torch.no_grad():
        return pack(net.frames(images).features).unflatten(0, (shape.batch, shape.frames))


def output_names(net: SPNet, graph: GraphName, all_poses: bool = False) -> list[str]:
    """Names of a graph's outputs, in order."""
    stages = net.config.stages
    acting = [stage for stage in stages if stage.action]
    if graph == "actions":
        return _action_names(acting[-1:], net)
    if graph == "clip":
        return [*_pose_names(stages), *_action_names(acting, net)]
    return [*_pose_names(stages if all_poses else stages[-1:]), *(["features"] if acting else [])]


def largest_differences(
    net: SPNet, graph: GraphName, model: bytes, example: Tensor, all_poses: bool = False
) -> dict[str, float]:
    """Runs a graph in ONNX Runtime and in PyTorch; per output the largest absolute difference (NaN if one is NaN)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = output_names(net, graph, all_poses)
    got: list[Array] = session.run(names, {session.get_inputs()[0].name: example.numpy()})
    with torch.inference_mode():
        expected = _Traced(net, graph, all_poses)(example)
    return {name: float(np.abs(a - b.numpy()).max()) for name, a, b in zip(names, got, expected, strict=True)}


class _Traced(nn.Module):
    """One tensor in, a tuple of tensors out, as the exporter wants it."""

    def __init__(self, net: SPNet, graph: GraphName, all_poses: bool) -> None:
        super().__init__()
        self.net, self.graph, self.all_poses = net, graph, all_poses

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.graph != "actions":
            x = x.to(self.net.entry.conv1.weight.dtype)
        if self.graph == "actions":
            return tuple(self.net.clip_actions(unpack(x, self.net.config))[-1])
        if self.graph == "clip":
            clip = self.net(x)
            return (*clip.poses, *(probabilities for sets in clip.actions for probabilities in sets))
        poses, features = self.net.frames(x)
        return (*(poses if self.all_poses else poses[-1:]), *([pack(features)] if features else []))


def _pose_names(stages: tuple[Stage, ...]) -> list[str]:
    return [f"pose_p{stage.pyramid}_l{stage.level}" for stage in stages]


def _action_names(acting: list[Stage], net: SPNet) -> list[str]:
    sets = range(len(net.config.num_actions))
    return [f"action_p{stage.pyramid}_l{stage.level}_set{d}" for stage in acting for d in sets]


def _dynamic_axes(graph: GraphName, outputs: list[str], shape: InputShape) -> dict[str, dict[int, str]]:
    rows = {0: "batch"} if shape.dynamic_batch else {}
    sides = {3: "height", 4: "width"} if graph == "clip" else {2: "height", 3: "width"}
    images = rows | (sides if shape.dynamic_size else {})
    return {"images": images, "features": rows} | {name: rows for name in outputs}
