"""A TensorRT engine that is ready to run. PyTorch gives the memory and the stream."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deephar_ros.backend.engine_error import EngineError
from deephar_ros.backend.lane import Function
from deephar_ros.backend.tensorrt_build import collecting_log


class Engine:
    """An engine in memory, all of whose inputs and outputs are float32, batch first.

    Args:
        trt: the module tensorrt.
        content: the serialised engine. It can run code: give it nothing but what this machine has built.
        device: a CUDA device.

    Raises:
        EngineError: it was built by another version, for another GPU, or is damaged.
    """

    def __init__(self, trt: Any, content: bytes, device: torch.device) -> None:
        self._trt, self._device = trt, device
        self._log, self._said = collecting_log(trt)
        with torch.cuda.device(device):
            self._runtime = trt.Runtime(self._log)  # without CUDA it crashes: TensorRT 8.6
            self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise EngineError(f"TensorRT {trt.__version__} does not take the engine ({self._reason()})")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._outputs = [name for name in names if name not in self._inputs]

    def function(self, batch: int) -> Function:
        """The engine for one batch size: its input -> all outputs, each flattened, one after the other in a row.

        It has an execution context of its own, as a recording must: a context that gets other shapes breaks it.
        """
        (source,) = self._inputs
        with torch.cuda.device(self._device):
            context = self._engine.create_execution_context()
        if context is None:
            raise EngineError(f"out of memory for batches of {batch} ({self._reason()})")
        shape = (batch, *tuple(self._engine.get_tensor_shape(source))[1:])
        if not context.set_input_shape(source, shape):
            raise EngineError(f"the engine takes no batches of {batch}")
        tensors = {source: torch.empty(shape, device=self._device)}
        for name in self._outputs:
            tensors[name] = torch.empty(tuple(context.get_tensor_shape(name)), device=self._device)
        for name, tensor in tensors.items():
            context.set_tensor_address(name, tensor.data_ptr())

        def run(values: Tensor) -> Tensor:
            tensors[source].copy_(values)
            if not context.execute_async_v3(torch.cuda.current_stream(self._device).cuda_stream):
                raise EngineError(f"the engine did not run ({self._reason()})")
            return torch.cat([tensors[name].flatten(1) for name in self._outputs], 1)

        return run

    def _reason(self) -> str:
        return " ".join(self._said[-1].split()) if self._said else "no reason given"
