"""What a machine could do at best: multiply-adds a second in large matrix products, bytes a second when copying."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deephar_ros.model.spnet import SPNet

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Of the matrices."""
COPIED = 256 << 20
"""Bytes, more than caches hold."""
ROUNDS = 4
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of a number."""


class Limits(NamedTuple):
    """`products`: multiply-adds a second; `copies`: bytes a second, those read and those written."""

    products: float
    copies: float


class Work(NamedTuple):
    """Of one frame: multiply-adds of the convolutions; numbers that they read and write; numbers that they weigh."""

    products: int
    activations: int
    weights: int

    def milliseconds(self, limits: Limits, batch: int, width: int) -> tuple[float, float]:
        """Least times of a batch by its products, and by its bytes if nothing is read or written twice."""
        moved = width * (batch * self.activations + self.weights)
        return 1e3 * batch * self.products / limits.products, 1e3 * moved / limits.copies


def measure_limits(device: torch.device, precision: str) -> Limits:
    """The best of all libraries here, with as many threads as PyTorch has."""
    calls = [(side, call) for side in SIDES[device.type] for call in _calls(side, device, precision)]
    products = max(side**3 / _best(call, device) for side, call in calls)
    given = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(given)
    return Limits(products, 2 * COPIED / _best(lambda: target.copy_(given), device))


def work_of(net: SPNet, size: int) -> Work:
    """Counts what single frames of (size, size) pixels take; features of the action path are not counted."""
    found = [0, 0, 0]

    def count(module: torch.nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        weights = next(module.parameters())
        found[0] += out.numel() * weights[0].numel()
        found[1] += given[0].numel() + out.numel()
        found[2] += weights.numel()

    modules = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)]
    hooks = [module.register_forward_hook(count) for module in modules]
    with torch.inference_mode():
        net.frames(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return Work(*found)


def _calls(side: int, device: torch.device, precision: str) -> list[Callable[[], object]]:
    if precision == "int8":
        return [_onnx_product(side, "MatMulInteger", np.uint8, np.int8)]
    a = torch.rand(side, side, device=device).to(DTYPES[precision])
    calls: list[Callable[[], object]] = [lambda: a @ a]
    if device.type == "cpu" and precision == "float32":
        array = a.numpy()
        calls.append(lambda: array @ array)
        if find_spec("onnx") and find_spec("onnxruntime"):
            calls.append(_onnx_product(side, "MatMul", np.float32, np.float32))
    return calls


def _onnx_product(side: int, operator: str, left: type, right: type) -> Callable[[], object]:
    """ONNX Runtime's product of a matrix with a constant one, which it may arrange as it likes."""
    import onnx
    import onnxruntime

    rng, helper = np.random.default_rng(0), onnx.helper
    a: NDArray[Any] = rng.integers(0, 100, (side, side)).astype(left)
    b: NDArray[Any] = rng.integers(0, 100, (side, side)).astype(right)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(left))
    out = onnx.TensorProto.INT32 if operator == "MatMulInteger" else onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", kind, [side, side])],
        [helper.make_tensor_value_info("c", out, [side, side])],
        [onnx.numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": a})


def _best(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of some calls."""
    seconds = []
    for _ in range(ROUNDS + 1):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
