"""PyTensor in mode NUMBA, extents static, no copies and no checks of the arguments."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import pytensor
import pytensor.link.numba
import pytensor.tensor as pt

from benchmarks.workload import Arguments, Call, Workload, arrays, namespace

NP = namespace(
    pt,
    erf=pt.erf,
    length=lambda x: x.type.shape[0],
    logaddexp=pt.logaddexp,
    logsumexp=pt.logsumexp,
    relu=lambda x: pt.maximum(x, 0.0),
    sigmoid=pt.sigmoid,
)


class PyTensor:
    """PyTensor's Numba linker; the environment names the folder of its cache."""

    version = pytensor.__version__

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            return work.call("pytensor", NP, arguments)
        inputs, value = self._traced(work, arguments)
        chosen = [inputs[i] for i in work.argnums]
        return self._call(inputs, [value, *pytensor.grad(value, chosen)], arguments)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        inputs, value = self._traced(work, arguments)
        return self._call(inputs, [value], arguments)

    def _traced(self, work: Workload, arguments: Arguments) -> tuple[list[Any], Any]:
        inputs = [pt.tensor(dtype=str(a.dtype), shape=a.shape) for a in arrays(arguments)]
        return inputs, work.program("pytensor", NP, arguments)(*inputs)

    def _call(self, inputs: list[Any], outputs: list[Any], arguments: Arguments) -> Call:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f = pytensor.function(
                [pytensor.In(x, borrow=True) for x in inputs],
                [pytensor.Out(y, borrow=True) for y in outputs],
                mode="NUMBA",
                on_unused_input="ignore",
            )
        f.trust_input = True
        return functools.partial(f, *arrays(arguments))

    def arrays(self, result: Any) -> list[Any]:
        return list(result)


def start(name: str) -> PyTensor:
    """PyTensor."""
    return PyTensor()
