"""PyTorch: eager with `torch.autograd.grad`, and the same through `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.workload import Arguments, Call, Workload, arrays, namespace

torch.set_default_dtype(torch.float64)


def _logaddexp(x: Any, y: Any) -> Any:
    return torch.logaddexp(torch.as_tensor(x), torch.as_tensor(y))


NP = namespace(
    torch,
    copy=torch.clone,
    erf=torch.erf,
    logaddexp=_logaddexp,
    logsumexp=torch.logsumexp,
    max=torch.amax,
    min=torch.amin,
    relu=torch.relu,
    sigmoid=torch.sigmoid,
)


class Torch:
    """Tensors share memory with the arguments."""

    version = torch.__version__

    def __init__(self, compiled: bool) -> None:
        self.name = "torch-compile" if compiled else "torch"
        self.wrap: Callable[[Any], Any] = torch.compile if compiled else lambda f: f

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            return work.call(self.name, NP, arguments)
        f, inputs = self.wrap(work.program(self.name, NP, arguments)), self._inputs(arguments)
        chosen = [inputs[i].requires_grad_() for i in work.argnums]

        def run() -> Any:
            value = f(*inputs)
            return value, torch.autograd.grad(value, chosen)

        return run

    def function(self, work: Workload, arguments: Arguments) -> Call:
        f, inputs = self.wrap(work.program(self.name, NP, arguments)), self._inputs(arguments)

        def run() -> Any:
            with torch.inference_mode():
                return f(*inputs)

        return run

    def _inputs(self, arguments: Arguments) -> list[Any]:
        return [torch.from_numpy(a) for a in arrays(arguments)]

    def arrays(self, result: Any) -> list[Any]:
        value, gradients = result
        return [a.detach().numpy() for a in (value, *gradients)]


def start(name: str) -> Torch:
    """Eager, or compiled by Inductor."""
    return Torch(name == "torch-compile")
