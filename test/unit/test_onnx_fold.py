"""Graphs made smaller compute the same; padding goes into what can pad for itself, and only there."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="extra onnx not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="extra onnx not installed")

from deephar_ros.backend.onnx_export import OPSET, InputShape, export_graph  # noqa: E402
from deephar_ros.backend.onnx_fold import fold_constants  # noqa: E402
from deephar_ros.checkpoint import ModelSpec  # noqa: E402
from deephar_ros.model.config import SPNetConfig  # noqa: E402
from deephar_ros.model.spnet import SPNet  # noqa: E402

INFINITY = float("inf")


def padded(operator: str, widths: list[int], border: float, mode: str, **attributes: object) -> onnx.ModelProto:
    """Pad, then a convolution or pooling with 3x3 windows, of (1, 2, 6, 8)."""
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array
    weights = np.random.default_rng(0).normal(size=(3, 2 + widths[1] + widths[5], 3, 3)).astype(np.float32)
    given = [tensor(np.array(widths), "widths"), tensor(np.array(border, np.float32), "border")]
    more = {"Conv": [tensor(weights, "weights")], "MaxPool": [], "AveragePool": []}[operator]
    nodes = [
        helper.make_node("Pad", ["x", "widths", "border"], ["padded"], mode=mode),
        helper.make_node(operator, ["padded", *(t.name for t in more)], ["y"], kernel_shape=[3, 3], **attributes),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 6, 8])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "padded", [x], [y], [*given, *more])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def run(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(1, 2, 6, 8)).astype(np.float32)
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize(
    ("operator", "widths", "border", "mode", "attributes", "merged"),
    [
        ("Conv", [0, 0, 1, 0, 0, 0, 2, 3], 0.0, "constant", {}, True),
        ("Conv", [0, 0, 1, 0, 0, 0, 2, 3], 0.0, "constant", {"pads": [1, 2, 0, 0], "strides": [2, 2]}, True),
        ("MaxPool", [0, 0, 0, 0, 0, 0, 1, 1], -INFINITY, "constant", {"strides": [2, 2]}, True),
        ("MaxPool", [0, 0, 0, 0, 0, 0, 1, 1], 0.0, "constant", {}, False),
        ("Conv", [0, 0, 1, 1, 0, 0, 1, 1], 1.0, "constant", {}, False),
        ("Conv", [0, 0, 1, 1, 0, 0, 1, 1], 0.0, "reflect", {}, False),
        ("Conv", [0, 1, 1, 1, 0, 0, 1, 1], 0.0, "constant", {}, False),
        ("Conv", [0, 0, -1, 0, 0, 0, 0, 0], 0.0, "constant", {}, False),
        ("AveragePool", [0, 0, 1, 1, 0, 0, 1, 1], 0.0, "constant", {}, False),
    ],
)
def test_padding_goes_into_what_pads_the_same(
    operator: str, widths: list[int], border: float, mode: str, attributes: dict[str, object], merged: bool
) -> None:
    before = run(padded(operator, widths, border, mode, **attributes))
    model = fold_constants(padded(operator, widths, border, mode, **attributes))
    assert [node.op_type for node in model.graph.node] == ([operator] if merged else ["Pad", operator])
    np.testing.assert_array_equal(run(model), before)


def test_single_frames_need_no_padding_of_their_own() -> None:
    config = SPNetConfig(num_pyramids=1, num_levels=2, growth=4)
    graph = export_graph(SPNet(config).eval(), ModelSpec(config), "frame", InputShape(height=64, width=64))
    assert "Pad" not in {node.op_type for node in onnx.load_from_string(graph).graph.node}
