"""Computes in an ONNX graph, once, whatever does not depend on the input's values: constants and known shapes.

PyTorch's exporter leaves such chains behind: the amounts of padding, for one, go through seven nodes. TensorRT 8.6
takes them best as constants, and a third of the nodes reads more easily than all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

PADDING = {"Conv": 0.0, "MaxPool": float("-inf")}
"""Operators that pad for themselves, and with what."""

Dim = int | str | None  # a number, a named dynamic axis, or unknown


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model that computes the same with fewer nodes."""
    count = -1
    while count != len(model.graph.node):
        count = len(model.graph.node)
        _compute_constants(model)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        _fix_known_shapes(model.graph, _shapes(inferred.graph))
        _drop_unused(model.graph)
    _merge_pads(model.graph)
    _drop_unused(model.graph)
    return model


def _compute_constants(model: onnx.ModelProto) -> None:
    """Replaces the nodes that depend on no input by their values."""
    graph = model.graph
    known = {tensor.name for tensor in graph.initializer}
    constant, rest = [], []
    for node in graph.node:
        # What makes floats of 8-bit weights stays: by it, they are known as 8-bit weights.
        if node.op_type != "DequantizeLinear" and all(name in known for name in node.input if name):
            constant.append(node)
            known.update(node.output)
        else:
            rest.append(node)
    made = {name for node in constant for name in node.output}
    wanted = sorted(made & {name for node in rest for name in node.input})
    results = [onnx.helper.make_empty_tensor_value_info(name) for name in wanted]
    part = onnx.helper.make_graph(constant, "constants", [], results, graph.initializer)
    values = ReferenceEvaluator(onnx.helper.make_model(part, opset_imports=model.opset_import)).run(None, {})
    _set_nodes(graph, rest)
    graph.initializer.extend(_tensor(name, value) for name, value in zip(wanted, values, strict=True))


def _fix_known_shapes(graph: onnx.GraphProto, shapes: dict[str, list[Dim]]) -> None:
    """Makes constants of the sizes that are known, and of the targets of reshapes that ONNX can state."""
    shape_of = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Shape"}
    integers = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT64]
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in integers}
    rest = []
    for node in graph.node:
        source = shapes.get(shape_of.get(node.input[0], ""))
        if node.op_type == "Gather" and source is not None and node.input[1] in numbers:
            size = source[int(numbers[node.input[1]])]
            if isinstance(size, int):
                graph.initializer.append(_tensor(node.output[0], np.array(size)))
                continue
        if node.op_type == "Reshape" and node.input[1] not in numbers:
            target = _reshape_target(shapes.get(node.input[0]), shapes.get(node.output[0]))
            if target is not None:
                graph.initializer.append(_tensor(f"{node.output[0]}_shape", np.array(target)))
                node.input[1] = f"{node.output[0]}_shape"
        rest.append(node)
    _set_nodes(graph, rest)


def _reshape_target(before: list[Dim] | None, after: list[Dim] | None) -> list[int] | None:
    """Numbers as they are, 0 for an axis that stays in place, -1 for one other; None if more are unknown."""
    if before is None or after is None:
        return None
    stays = [isinstance(b, str) and a == b for a, b in zip(after, before, strict=False)]
    stays += [False] * (len(after) - len(stays))
    target = [0 if stay else a if isinstance(a, int) else -1 for a, stay in zip(after, stays, strict=True)]
    return target if target.count(-1) <= 1 else None


def _merge_pads(graph: onnx.GraphProto) -> None:
    """Lets convolutions and poolings pad for themselves: ONNX Runtime changes the layout for each Pad, there and back.

    A convolution pads with zeros, a pooling with minus infinity; other values stay.
    """
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad"}
    for node in graph.node:
        pad = pads.get(node.input[0]) if node.op_type in PADDING else None
        if pad is None or not all(name in values for name in pad.input[1:] if name):
            continue
        border = values[pad.input[2]].item() if len(pad.input) > 2 and pad.input[2] else 0.0
        before, after = values[pad.input[1]].reshape(2, -1)
        if border != PADDING[node.op_type] or _attribute(pad, "mode", b"constant") != b"constant":
            continue
        if before[:2].any() or after[:2].any() or min(*before, *after) < 0:  # batch and channels; a negative pad cuts
            continue
        widths = np.concatenate([before[2:], after[2:]])
        own = _attribute(node, "pads", [0] * len(widths))
        _set_attribute(node, "pads", (widths + own).tolist())
        node.input[0] = pad.input[0]


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    found = [entry for entry in node.attribute if entry.name == name]
    return onnx.helper.get_attribute_value(found[0]) if found else default


def _set_attribute(node: onnx.NodeProto, name: str, value: list[int]) -> None:
    rest = [entry for entry in node.attribute if entry.name != name]
    del node.attribute[:]
    node.attribute.extend([*rest, onnx.helper.make_attribute(name, value)])


def _shapes(graph: onnx.GraphProto) -> dict[str, list[Dim]]:
    return {
        value.name: [dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else None) for dim in dims]
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
        for dims in [value.type.tensor_type.shape.dim]
    }


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {value.name for value in graph.output}
    rest = []
    for node in reversed(graph.node):
        if used & set(node.output):
            rest.append(node)
            used.update(node.input)
    _set_nodes(graph, rest[::-1])
    initializers = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(initializers)


def _set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)


def _tensor(name: str, value: NDArray[np.generic]) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.asarray(value), name)
