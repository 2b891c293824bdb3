"""Gradients written by hand: in NumPy, and as loops for Numba."""

from __future__ import annotations

import functools
from typing import Any

import numpy
import scipy.special

from benchmarks.workload import Arguments, Call, NoProgram, Workload, arrays, namespace

NP = namespace(
    numpy,
    erf=scipy.special.erf,
    logaddexp=numpy.logaddexp,
    logsumexp=scipy.special.logsumexp,
    relu=lambda x: numpy.maximum(x, 0.0),
    sigmoid=scipy.special.expit,
)


class ByHand:
    """NumPy, where `function` is the program itself."""

    version = numpy.__version__

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.gradient is None:
            raise NoProgram("no gradient by hand")
        return functools.partial(work.gradient, *arguments)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        return functools.partial(work.program("numpy", NP, arguments), *arrays(arguments))

    def arrays(self, result: Any) -> list[Any]:
        return list(result)


class Loops(ByHand):
    """Numba."""

    def __init__(self) -> None:
        import numba

        self.version = numba.__version__

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.loops is None:
            raise NoProgram("no loops by hand")
        return functools.partial(work.loops(), *arguments)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        if work.primal is None:
            raise NoProgram("no loops by hand")
        return functools.partial(work.primal(), *arguments)


def start(name: str) -> ByHand:
    """NumPy or Numba."""
    return Loops() if name == "numba" else ByHand()
