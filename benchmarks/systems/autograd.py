"""autograd: `value_and_grad` with respect to a tuple, run eagerly."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import autograd
import autograd.numpy
import autograd.scipy.special

from benchmarks.workload import Arguments, Call, Workload, arrays, namespace

NP = namespace(
    autograd.numpy,
    erf=autograd.scipy.special.erf,
    logaddexp=autograd.numpy.logaddexp,
    logsumexp=autograd.scipy.special.logsumexp,
    relu=lambda x: autograd.numpy.maximum(x, 0.0),
    sigmoid=autograd.scipy.special.expit,
)


class Autograd:
    """autograd on NumPy."""

    version = importlib.metadata.version("autograd")

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            return work.call("autograd", NP, arguments)
        f, rest = work.program("autograd", NP, arguments), list(arrays(arguments))

        def of_tuple(chosen: Any) -> Any:
            merged = rest.copy()
            for i, x in zip(work.argnums, chosen, strict=True):
                merged[i] = x
            return f(*merged)

        run, chosen = autograd.value_and_grad(of_tuple), tuple(rest[i] for i in work.argnums)
        return lambda: run(chosen)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        f, inputs = work.program("autograd", NP, arguments), arrays(arguments)
        return lambda: f(*inputs)

    def arrays(self, result: Any) -> list[Any]:
        value, gradients = result
        return [value, *gradients]


def start(name: str) -> Autograd:
    """autograd."""
    return Autograd()
