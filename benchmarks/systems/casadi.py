"""CasADi: a Function of SX or MX symbols, called through buffers: nothing is copied or wrapped."""

from __future__ import annotations

from typing import Any

import casadi
import numpy

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
    """Matrices are dense and in Fortran's order, as CasADi keeps them."""

    version = casadi.__version__

    def __init__(self) -> None:
        self.kept: list[Any] = []  # buffers do not own what they point to

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        inputs, value = self._traced(work, arguments)
        gradients = [casadi.gradient(value, inputs[i]) for i in work.argnums]
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
        buffer, trigger = f.buffer()
        self.results = [numpy.zeros(y.shape, order="F") for y in outputs]
        given = [a.astype(float, order="F") for a in arrays(arguments)]
        for i, a in enumerate(given):
            buffer.set_arg(i, memoryview(a.reshape(-1, order="A")))
        for i, a in enumerate(self.results):
            buffer.set_res(i, memoryview(a.reshape(-1, order="A")))
        self.kept += [f, buffer, *given, *self.results]
        return trigger

    def arrays(self, result: Any) -> list[Any]:
        value, *gradients = self.results
        return [value[0, 0], *(g[:, 0] if g.shape[1] == 1 else g for g in gradients)]


def start(name: str) -> Casadi:
    """CasADi."""
    return Casadi()
