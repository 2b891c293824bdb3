"""CasADi: a Function of SX or MX symbols, from its dense matrices to dense matrices."""

from __future__ import annotations

import functools
from typing import Any

import casadi

from benchmarks.workload import Arguments, Call, Workload, arrays, namespace


def _sum(x: Any) -> Any:
    return casadi.sum1(casadi.sum2(x))


def _logaddexp(x: Any, y: Any) -> Any:
    return casadi.fmax(x, y) + casadi.log1p(casadi.exp(-casadi.fabs(x - y)))


NP = namespace(
    casadi,
    abs=casadi.fabs,
    erf=casadi.erf,
    logaddexp=_logaddexp,
    mean=lambda x: _sum(x) / x.numel(),
    relu=lambda x: casadi.fmax(x, 0.0),
    sigmoid=lambda x: 1.0 / (1.0 + casadi.exp(-x)),
    sum=_sum,
)


SCALAR = 1000  # with so many numbers, a graph of scalars (SX) beats one of matrices (MX)


class Casadi:
    """CasADi's own virtual machine."""

    version = casadi.__version__

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            return work.call("casadi", NP, arguments)
        inputs, value = self._traced(work, arguments)
        gradients = [casadi.gradient(value, inputs[i]) for i in work.argnums]
        self.shapes = [(), *(arguments[i].shape for i in work.argnums)]
        return self._call(inputs, [value, *gradients], arguments)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        inputs, value = self._traced(work, arguments)
        return self._call(inputs, [value], arguments)

    def _traced(self, work: Workload, arguments: Arguments) -> tuple[list[Any], Any]:
        dynamic = arrays(arguments)
        kind = casadi.SX if sum(a.size for a in dynamic) <= SCALAR else casadi.MX
        inputs = [kind.sym(f"x{i}", *a.shape) for i, a in enumerate(dynamic)]
        return inputs, work.program("casadi", NP, arguments)(*inputs)

    def _call(self, inputs: list[Any], outputs: list[Any], arguments: Arguments) -> Call:
        f = casadi.Function("f", inputs, [casadi.densify(y) for y in outputs])
        return functools.partial(f.call, [casadi.DM(a) for a in arrays(arguments)])

    def arrays(self, result: Any) -> list[Any]:
        pairs = zip(result, self.shapes, strict=True)
        return [matrix.full().reshape(shape) for matrix, shape in pairs]


def start(name: str) -> Casadi:
    """CasADi."""
    return Casadi()
